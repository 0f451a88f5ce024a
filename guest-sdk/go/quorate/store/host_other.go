//go:build !wasm

package store

// A store is there only in a component; what a machine has besides can be tested anywhere.
const nowhere = "a store is there only in a component: run it with `quorate plugin test`"

func get([]byte) ([]byte, bool)                { panic(nowhere) }
func put([]byte, []byte)                       { panic(nowhere) }
func remove([]byte)                            { panic(nowhere) }
func removeRange([]byte, []byte)               { panic(nowhere) }
func scan([]byte, []byte, uint32, bool) []Pair { panic(nowhere) }
