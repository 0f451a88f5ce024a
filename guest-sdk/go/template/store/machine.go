// Counts words: a store machine to begin with.
package main

import (
	"bytes"
	"fmt"
	"unicode/utf8"

	"quorate"
	"quorate/store"
)

// words is the machine. It has no fields: a store machine keeps its state in the store.
type words struct{}

func word(text []byte) ([]byte, error) {
	found := bytes.Fields(text)
	if len(found) != 1 || !utf8.Valid(text) {
		return nil, quorate.Reject("one word, please")
	}
	return found[0], nil
}

// count is how often a word came.
func count(store store.View, word []byte) uint64 {
	if stored, found := store.Get(word); found {
		return quorate.FromOrdered(stored)
	}
	return 0
}

// Apply counts a word; the reply is how often it came so far. Every replica does this for every command, in the same order.
func (words) Apply(context *quorate.Context, store store.Store, command []byte) ([]byte, error) {
	asked, err := word(command)
	if err != nil {
		return nil, err
	}
	times := count(store.View, asked) + 1
	store.Put(asked, quorate.Ordered(times))
	context.Emit("counted", asked)
	return fmt.Append(nil, times), nil
}

// Query takes a word too, and changes nothing.
func (words) Query(host quorate.Host, store store.View, request []byte) ([]byte, error) {
	asked, err := word(request)
	if err != nil {
		return nil, err
	}
	return fmt.Append(nil, count(store, asked)), nil
}

func init() {
	store.Export(words{})
}

func main() {}
