// Package store is for store machines: they keep their state in an ordered space of keys and values that the host holds for
// them. Keep nothing in variables between commands: each entry of the log gets a fresh instance.
package store

import (
	"bytes"
	"iter"

	"quorate"
)

// A Machine keeps its state in the store.
type Machine interface {
	// Apply applies one committed command.
	Apply(context *quorate.Context, store Store, command []byte) ([]byte, error)
	// Query answers a query, and changes nothing.
	Query(host quorate.Host, store View, request []byte) ([]byte, error)
}

var exported Machine

// Export makes this the machine of the plugin. Call it from an init function of package main.
func Export(machine Machine) {
	exported = machine
}

// A Pair is a key and its value.
type Pair struct {
	Key, Value []byte
}

// A View is the state, to be read.
type View struct{}

// Get gives the value of a key, and whether there is one.
func (View) Get(key []byte) ([]byte, bool) {
	return get(key)
}

// Has tells whether a key has a value.
func (View) Has(key []byte) bool {
	_, found := get(key)
	return found
}

// pagePairs are asked of the host at a time.
const pagePairs = 100

// Range gives the pairs from start and before end (nil: to the last), in order.
func (View) Range(start, end []byte) iter.Seq[Pair] {
	return pairs(start, end, false)
}

// Reversed gives the same pairs from the last to the first.
func (View) Reversed(start, end []byte) iter.Seq[Pair] {
	return pairs(start, end, true)
}

// Prefix gives the pairs whose keys begin with the prefix, in order.
func (View) Prefix(prefix []byte) iter.Seq[Pair] {
	return pairs(prefix, endOf(prefix), false)
}

func pairs(start, end []byte, reverse bool) iter.Seq[Pair] {
	return func(yield func(Pair) bool) {
		for {
			page := scan(start, end, pagePairs, reverse)
			// A page may have ended early for its bytes, so only an empty one is the last.
			if len(page) == 0 {
				return
			}
			for _, pair := range page {
				if !yield(pair) {
					return
				}
			}
			last := page[len(page)-1].Key
			if reverse {
				end = last
			} else {
				// The first key behind another is that key and a zero byte.
				start = append(bytes.Clone(last), 0)
			}
		}
	}
}

// endOf is behind the last key with a prefix; nil when that is the last of all.
func endOf(prefix []byte) []byte {
	for length := len(prefix); length > 0; length-- {
		if prefix[length-1] != 0xff {
			end := bytes.Clone(prefix[:length])
			end[length-1]++
			return end
		}
	}
	return nil
}

// A Store is the state, to be read and changed. A command sees its own changes; they are dropped when it is rejected or traps.
type Store struct {
	View
}

// Put sets the value of a key.
func (Store) Put(key, value []byte) {
	put(key, value)
}

// Delete removes a key; one that is not there is no error.
func (Store) Delete(key []byte) {
	remove(key)
}

// DeleteRange removes the keys from start and before end (nil: to the last).
func (Store) DeleteRange(start, end []byte) {
	removeRange(start, end)
}
