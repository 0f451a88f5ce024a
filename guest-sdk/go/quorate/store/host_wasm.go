//go:build wasm

package store

import (
	"unsafe"

	"quorate"
	"quorate/internal/abi"
)

//go:wasmimport quorate:machine/store@0.1.0 get
func storeGet(key unsafe.Pointer, length uint32, result unsafe.Pointer)

//go:wasmimport quorate:machine/store@0.1.0 put
func storePut(key unsafe.Pointer, keyLength uint32, data unsafe.Pointer, length uint32)

//go:wasmimport quorate:machine/store@0.1.0 delete
func storeDelete(key unsafe.Pointer, length uint32)

//go:wasmimport quorate:machine/store@0.1.0 delete-range
func storeDeleteRange(start unsafe.Pointer, startLength uint32, hasEnd uint32, end unsafe.Pointer, endLength uint32)

//go:wasmimport quorate:machine/store@0.1.0 scan
func storeScan(start unsafe.Pointer, startLength uint32, hasEnd uint32, end unsafe.Pointer, endLength uint32, limit uint32, reverse uint32, result unsafe.Pointer)

//go:wasmexport quorate:machine/machine@0.1.0#apply
func exportApply(index uint64, ordinal uint32, timeMs uint64, data unsafe.Pointer, length uint32) unsafe.Pointer {
	context := &quorate.Context{Index: index, Ordinal: ordinal, TimeMs: timeMs}
	return quorate.Answer(exported.Apply(context, Store{}, abi.At(data, length)))
}

//go:wasmexport cabi_post_quorate:machine/machine@0.1.0#apply
func exportApplyPost(unsafe.Pointer) {
	abi.End()
}

//go:wasmexport quorate:machine/machine@0.1.0#query
func exportQuery(data unsafe.Pointer, length uint32) unsafe.Pointer {
	return quorate.Answer(exported.Query(quorate.Host{}, View{}, abi.At(data, length)))
}

//go:wasmexport cabi_post_quorate:machine/machine@0.1.0#query
func exportQueryPost(unsafe.Pointer) {
	abi.End()
}

// Written by the host while the caller's stack may move.
var (
	getResult struct {
		isThere uint8
		bytes   abi.Bytes
	}
	scanResult abi.Bytes
)

func get(key []byte) ([]byte, bool) {
	bytes := abi.Keep(key)
	storeGet(bytes.Pointer(), bytes.Length(), unsafe.Pointer(&getResult))
	if getResult.isThere == 0 {
		return nil, false
	}
	return getResult.bytes.Take(), true
}

func put(key, value []byte) {
	first, second := abi.Keep(key), abi.Keep(value)
	storePut(first.Pointer(), first.Length(), second.Pointer(), second.Length())
}

func remove(key []byte) {
	bytes := abi.Keep(key)
	storeDelete(bytes.Pointer(), bytes.Length())
}

func flag(is bool) uint32 {
	if is {
		return 1
	}
	return 0
}

func removeRange(start, end []byte) {
	first, last := abi.Keep(start), abi.Keep(end)
	storeDeleteRange(first.Pointer(), first.Length(), flag(end != nil), last.Pointer(), last.Length())
}

func scan(start, end []byte, limit uint32, reverse bool) []Pair {
	first, last := abi.Keep(start), abi.Keep(end)
	storeScan(first.Pointer(), first.Length(), flag(end != nil), last.Pointer(), last.Length(), limit, flag(reverse), unsafe.Pointer(&scanResult))
	found := unsafe.Slice((*[2]abi.Bytes)(scanResult.Pointer()), scanResult.Length())
	pairs := make([]Pair, len(found))
	for i, pair := range found {
		pairs[i] = Pair{pair[0].Take(), pair[1].Take()}
	}
	return pairs
}
