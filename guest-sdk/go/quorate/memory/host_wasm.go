//go:build wasm

package memory

import (
	"unsafe"

	"quorate"
	"quorate/internal/abi"
)

//go:wasmimport quorate:machine/snapshot-stream@0.1.0 write
func streamWrite(data unsafe.Pointer, length uint32)

//go:wasmimport quorate:machine/snapshot-stream@0.1.0 read
func streamRead(limit uint32, result unsafe.Pointer)

//go:wasmexport quorate:machine/machine@0.1.0#apply
func exportApply(index uint64, ordinal uint32, timeMs uint64, data unsafe.Pointer, length uint32) unsafe.Pointer {
	context := &quorate.Context{Index: index, Ordinal: ordinal, TimeMs: timeMs}
	return quorate.Answer(exported.Apply(context, abi.At(data, length)))
}

//go:wasmexport cabi_post_quorate:machine/machine@0.1.0#apply
func exportApplyPost(unsafe.Pointer) {
	abi.End()
}

//go:wasmexport quorate:machine/machine@0.1.0#query
func exportQuery(data unsafe.Pointer, length uint32) unsafe.Pointer {
	return quorate.Answer(exported.Query(quorate.Host{}, abi.At(data, length)))
}

//go:wasmexport cabi_post_quorate:machine/machine@0.1.0#query
func exportQueryPost(unsafe.Pointer) {
	abi.End()
}

//go:wasmexport quorate:machine/snapshot@0.1.0#save
func exportSave() unsafe.Pointer {
	return quorate.Answer(nil, save())
}

//go:wasmexport cabi_post_quorate:machine/snapshot@0.1.0#save
func exportSavePost(unsafe.Pointer) {
	abi.End()
}

//go:wasmexport quorate:machine/snapshot@0.1.0#load
func exportLoad() unsafe.Pointer {
	return quorate.Answer(nil, load())
}

//go:wasmexport cabi_post_quorate:machine/snapshot@0.1.0#load
func exportLoadPost(unsafe.Pointer) {
	abi.End()
}

// Written by the host while the caller's stack may move.
var readResult abi.Bytes

func write(chunk []byte) {
	bytes := abi.Keep(chunk)
	streamWrite(bytes.Pointer(), bytes.Length())
}

func read(limit uint32) []byte {
	streamRead(limit, unsafe.Pointer(&readResult))
	return readResult.Take()
}
