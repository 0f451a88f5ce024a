//go:build !wasm

package quorate

// A host is there only in a component; what a machine has besides can be tested anywhere.
const nowhere = "a host is there only in a component: run it with `quorate plugin test`"

func group() Group             { panic(nowhere) }
func random() uint64           { panic(nowhere) }
func log(Level, []byte)        { panic(nowhere) }
func emit([]byte, []byte)      { panic(nowhere) }
func propose([]byte)           { panic(nowhere) }
func setTimer(uint64, uint64)  { panic(nowhere) }
func cancelTimer(uint64)       { panic(nowhere) }
