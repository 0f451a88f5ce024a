//go:build wasm

package timers

import (
	"unsafe"

	"quorate"
	"quorate/internal/abi"
)

//go:wasmexport quorate:machine/timers@0.1.0#fired
func exportFired(index uint64, ordinal uint32, timeMs uint64, id uint64) unsafe.Pointer {
	context := &quorate.Context{Index: index, Ordinal: ordinal, TimeMs: timeMs}
	return quorate.Answer(nil, exported(context, id))
}

//go:wasmexport cabi_post_quorate:machine/timers@0.1.0#fired
func exportFiredPost(unsafe.Pointer) {
	abi.End()
}
