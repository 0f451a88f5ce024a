// Package abi is how values lie in memory between the host and a component. Nothing for plugins.
package abi

import (
	"runtime"
	"runtime/debug"
	"unsafe"
)

// Bytes are a list as it lies in memory, where a pointer has 4 bytes whatever Go makes of it.
type Bytes struct {
	address, length uint32
}

// At gives the bytes at a place that the host was handed or that it names.
func At(data unsafe.Pointer, length uint32) []byte {
	return unsafe.Slice((*byte)(data), length)
}

// Of says where bytes are. They must stay alive until the host has read them.
func Of(bytes []byte) Bytes {
	return Bytes{uint32(uintptr(unsafe.Pointer(unsafe.SliceData(bytes)))), uint32(len(bytes))}
}

// Pointer is where the bytes are.
func (bytes Bytes) Pointer() unsafe.Pointer {
	return unsafe.Add(unsafe.Pointer(nil), bytes.address)
}

// Length is how many there are, or how many elements of another list.
func (bytes Bytes) Length() uint32 {
	return bytes.length
}

// Take gives what the host wrote, which lives as long as anybody holds it.
func (bytes Bytes) Take() []byte {
	return At(bytes.Pointer(), bytes.length)
}

// kept holds what the host allocated, and what it has yet to read, until the call is over: the collector does not see the
// host.
var kept [][]byte

// Keep holds bytes until the call is over.
func Keep(bytes []byte) Bytes {
	kept = append(kept, bytes)
	return Of(bytes)
}

// End lets go of all that was kept.
func End() {
	clear(kept)
	kept = kept[:0]
}

// Allocate is what the host allocates with.
func Allocate(old unsafe.Pointer, oldLength, alignment, length uint32) unsafe.Pointer {
	// In words of the strictest alignment.
	words := make([]uint64, max(1, (length+7)/8))
	bytes := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(words))), length)
	if oldLength > 0 {
		copy(bytes, unsafe.Slice((*byte)(old), oldLength))
	}
	kept = append(kept, bytes)
	return unsafe.Pointer(unsafe.SliceData(words))
}

// Result is how a call ends.
type Result struct {
	IsError uint8
	Bytes   Bytes
}

// The collector reads the clock, which a component must not while the host allocates in it, or is let know that a result was
// read. So it runs where a call of the machine ends, and nowhere else.
var collector struct {
	// Of what has been heard and said since it was last asked whether to run.
	bytes uint64
	// What was in use when it had run.
	live uint64
}

const (
	// askedBytes are heard and said before it is asked whether to run; a call counts callBytes beside.
	askedBytes = 1 << 20
	callBytes  = 4 << 10
	// spareBytes may be in use, beside twice what was, before it runs.
	spareBytes = 8 << 20
)

func init() {
	debug.SetGCPercent(-1)
}

// Collect is called where a call ends that heard and said so many bytes.
func Collect(bytes int) {
	collector.bytes += uint64(bytes) + callBytes
	if collector.bytes < askedBytes {
		return
	}
	collector.bytes = 0
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	if stats.HeapAlloc > 2*collector.live+spareBytes {
		runtime.GC()
		runtime.ReadMemStats(&stats)
		collector.live = stats.HeapAlloc
	}
}

// result is read by the host when the call is over, so it is not on the stack of the call.
var result Result

// Lowered is where the host finds a result.
type Lowered = unsafe.Pointer

// Answer lowers a reply or, when there is an error, its bytes.
func Answer(bytes []byte, isError bool) Lowered {
	Collect(len(bytes))
	result = Result{Bytes: Keep(bytes)}
	if isError {
		result.IsError = 1
	}
	return unsafe.Pointer(&result)
}
