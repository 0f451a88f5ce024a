//go:build !wasm

package memory

// A snapshot is there only in a component; what a machine has besides can be tested anywhere.
const nowhere = "a snapshot is there only in a component: run it with `quorate plugin test`"

func write([]byte)         { panic(nowhere) }
func read(uint32) []byte   { panic(nowhere) }
