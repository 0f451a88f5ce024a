// Keys and values in order: ../../README.md says what it does.
package main

import (
	"bytes"
	"fmt"
	"strconv"

	"quorate"
	"quorate/lifecycle"
	"quorate/store"
	"quorate/timers"
	"quorate/upgrade"
)

const keyBytesMax = 1024

// expiry is the number of the one timer.
const expiry = 0

// In the store a value is at `k` and its key, and a key that expires at `e`, its time and the key.
var (
	entries  = []byte("k")
	expiring = []byte("e")
)

// Version 0 of the state had its values at `v` and the key.
var entries0 = []byte("v")

// kv is the machine. It has no fields: a store machine keeps its state in the store.
type kv struct{}

func join(parts ...[]byte) []byte {
	return bytes.Join(parts, nil)
}

func entry(key []byte) []byte {
	return join(entries, key)
}

// endOf is where a range ends: `-` is behind the last key.
func endOf(word []byte) []byte {
	if string(word) == "-" {
		return []byte("l")
	}
	return entry(word)
}

// reject says no in words and bytes, which need not be text.
func reject(parts ...any) ([]byte, error) {
	var answer []byte
	for _, part := range parts {
		answer = fmt.Appendf(answer, "%s", part)
	}
	return nil, quorate.RejectBytes(answer)
}

// setTimer sets the timer to what expires first.
func setTimer(context *quorate.Context, store store.Store) {
	for pair := range store.Prefix(expiring) {
		context.SetTimer(expiry, quorate.FromOrdered(pair.Key[1:]))
		break
	}
}

func put(context *quorate.Context, store store.Store, key, value []byte) ([]byte, error) {
	store.Put(entry(key), value)
	context.Emit("put", key)
	return []byte("ok"), nil
}

func expire(context *quorate.Context, store store.Store, key, word []byte) ([]byte, error) {
	timeMs, err := strconv.ParseUint(string(word), 10, 64)
	if err != nil {
		return reject("not a time: ", word)
	}
	if !store.Has(entry(key)) {
		return reject(key, " has no value")
	}
	store.Put(join(expiring, quorate.Ordered(timeMs), key), nil)
	setTimer(context, store)
	return []byte("ok"), nil
}

func (kv) Apply(context *quorate.Context, store store.Store, command []byte) ([]byte, error) {
	words := bytes.Split(command, []byte(" "))
	verb := string(words[0])
	switch {
	case verb == "trap" && len(words) == 1:
		panic("the command `trap` always ends so")
	case verb == "delete-range" && len(words) == 3:
		store.DeleteRange(entry(words[1]), endOf(words[2]))
		return []byte("ok"), nil
	}
	_, rest, _ := bytes.Cut(command, []byte(" "))
	key, value, _ := bytes.Cut(rest, []byte(" "))
	if len(key) < 1 || len(key) > keyBytesMax {
		return nil, quorate.Reject("a key has 1 to %d bytes", keyBytesMax)
	}
	switch verb {
	case "put":
		return put(context, store, key, value)
	case "create":
		if store.Has(entry(key)) {
			return reject(key, " has a value")
		}
		return put(context, store, key, value)
	case "swap":
		before, _ := store.Get(entry(key))
		_, err := put(context, store, key, value)
		return before, err
	case "delete":
		store.Delete(entry(key))
		context.Emit("delete", key)
		return []byte("ok"), nil
	case "expire":
		return expire(context, store, key, value)
	}
	return reject("unknown command ", verb)
}

func (kv) Query(host quorate.Host, store store.View, request []byte) ([]byte, error) {
	words := bytes.Split(request, []byte(" "))
	verb := string(words[0])
	switch {
	case verb == "get" && len(words) == 2:
		value, found := store.Get(entry(words[1]))
		if !found {
			return reject(words[1], " has no value")
		}
		return value, nil
	case verb == "scan" && len(words) == 4:
		return scan(store, words[1:], false)
	case verb == "reverse-scan" && len(words) == 4:
		return scan(store, words[1:], true)
	case verb == "count" && len(words) == 1:
		count := 0
		for range store.Prefix(entries) {
			count++
		}
		return fmt.Append(nil, count), nil
	}
	return reject("unknown query ", verb)
}

func scan(store store.View, words [][]byte, reverse bool) ([]byte, error) {
	limit, err := strconv.ParseUint(string(words[2]), 10, 64)
	if err != nil {
		return reject("not a number: ", words[2])
	}
	pairs := store.Range(entry(words[0]), endOf(words[1]))
	if reverse {
		pairs = store.Reversed(entry(words[0]), endOf(words[1]))
	}
	var lines [][]byte
	for pair := range pairs {
		if uint64(len(lines)) >= limit {
			break
		}
		lines = append(lines, join(pair.Key[1:], []byte(" "), pair.Value))
	}
	return bytes.Join(lines, []byte("\n")), nil
}

func fired(context *quorate.Context, id uint64) error {
	store := store.Store{}
	for pair := range store.Range(expiring, join(expiring, quorate.Ordered(context.TimeMs+1))) {
		key := pair.Key[9:]
		store.Delete(pair.Key)
		store.Delete(entry(key))
		context.Emit("expired", key)
	}
	setTimer(context, store)
	return nil
}

func migrate(from uint32) error {
	if from != 0 {
		return quorate.Reject("no kv of version %d is known", from)
	}
	store := store.Store{}
	for pair := range store.Prefix(entries0) {
		store.Delete(pair.Key)
		store.Put(entry(pair.Key[1:]), pair.Value)
	}
	return nil
}

func listed(numbers []uint64) string {
	text := ""
	for _, number := range numbers {
		text += fmt.Sprintf(" %d", number)
	}
	return text
}

func init() {
	store.Export(kv{})
	timers.Export(fired)
	upgrade.Export(1, migrate)
	lifecycle.Export(lifecycle.Callbacks{
		LeaderStart: func(callback *quorate.Callback, term uint64) {
			callback.Log(quorate.Info, "leads in term %d", term)
		},
		LeaderStop: func(callback *quorate.Callback, term uint64) {
			callback.Log(quorate.Info, "led in term %d", term)
		},
		StartFollowing: func(callback *quorate.Callback, leader, term uint64) {
			callback.Log(quorate.Info, "follows %d in term %d", leader, term)
		},
		StopFollowing: func(callback *quorate.Callback, leader, term uint64) {
			callback.Log(quorate.Info, "followed %d in term %d", leader, term)
		},
		ConfigurationCommitted: func(callback *quorate.Callback, index uint64, voters, learners []uint64) {
			callback.Log(quorate.Info, "members at %d: voters%s, learners%s", index, listed(voters), listed(learners))
		},
		Error: func(callback *quorate.Callback, message string) {
			callback.Log(quorate.Warn, "stopped: %s", message)
		},
		Shutdown: func(callback *quorate.Callback) {
			callback.Log(quorate.Info, "is closed")
		},
	})
}

func main() {}
