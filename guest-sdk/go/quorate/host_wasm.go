//go:build wasm

package quorate

import (
	"unsafe"

	"quorate/internal/abi"
)

//go:wasmimport quorate:machine/host@0.1.0 group
func hostGroup(result unsafe.Pointer)

//go:wasmimport quorate:machine/host@0.1.0 log
func hostLog(level uint32, data unsafe.Pointer, length uint32)

//go:wasmimport quorate:machine/host@0.1.0 emit
func hostEmit(topic unsafe.Pointer, topicLength uint32, data unsafe.Pointer, length uint32)

//go:wasmimport quorate:machine/host@0.1.0 random
func random() uint64

//go:wasmimport quorate:machine/host@0.1.0 propose
func hostPropose(data unsafe.Pointer, length uint32)

//go:wasmimport quorate:machine/host@0.1.0 set-timer
func setTimer(id, atMs uint64)

//go:wasmimport quorate:machine/host@0.1.0 cancel-timer
func cancelTimer(id uint64)

// early is given out before the runtime can allocate: what translates the calls of WASI takes its own memory, some 128 KiB,
// at the first of them, and keeps it.
var early struct {
	memory [192 << 10]byte
	used   uint32
	over   bool
}

func init() {
	early.over = true
}

//go:nosplit
//go:wasmexport cabi_realloc
func cabiRealloc(old unsafe.Pointer, oldLength, alignment, length uint32) unsafe.Pointer {
	if early.over {
		return abi.Allocate(old, oldLength, alignment, length)
	}
	address := uint32(uintptr(unsafe.Pointer(&early.memory))) + early.used
	padding := -address & (alignment - 1)
	if oldLength > 0 || early.used+padding+length > uint32(len(early.memory)) {
		return nil
	}
	early.used += padding + length
	return unsafe.Pointer(uintptr(address + padding))
}

// Written by the host while the caller's stack may move.
var groupResult struct {
	id   uint64
	name abi.Bytes
}

func group() Group {
	hostGroup(unsafe.Pointer(&groupResult))
	return Group{groupResult.id, string(groupResult.name.Take())}
}

func log(level Level, line []byte) {
	bytes := abi.Keep(line)
	hostLog(uint32(level), bytes.Pointer(), bytes.Length())
}

func emit(topic, payload []byte) {
	first, second := abi.Keep(topic), abi.Keep(payload)
	hostEmit(first.Pointer(), first.Length(), second.Pointer(), second.Length())
}

func propose(command []byte) {
	bytes := abi.Keep(command)
	hostPropose(bytes.Pointer(), bytes.Length())
}
