//go:build wasm

package lifecycle

import (
	"unsafe"

	"quorate"
	"quorate/internal/abi"
)

//go:wasmexport quorate:machine/lifecycle@0.1.0#leader-start
func exportLeaderStart(term uint64) {
	if exported.LeaderStart != nil {
		exported.LeaderStart(&quorate.Callback{}, term)
	}
	abi.End()
}

//go:wasmexport quorate:machine/lifecycle@0.1.0#leader-stop
func exportLeaderStop(term uint64) {
	if exported.LeaderStop != nil {
		exported.LeaderStop(&quorate.Callback{}, term)
	}
	abi.End()
}

//go:wasmexport quorate:machine/lifecycle@0.1.0#start-following
func exportStartFollowing(leader, term uint64) {
	if exported.StartFollowing != nil {
		exported.StartFollowing(&quorate.Callback{}, leader, term)
	}
	abi.End()
}

//go:wasmexport quorate:machine/lifecycle@0.1.0#stop-following
func exportStopFollowing(leader, term uint64) {
	if exported.StopFollowing != nil {
		exported.StopFollowing(&quorate.Callback{}, leader, term)
	}
	abi.End()
}

//go:wasmexport quorate:machine/lifecycle@0.1.0#configuration-committed
func exportConfiguration(index uint64, voters unsafe.Pointer, voterCount uint32, learners unsafe.Pointer, learnerCount uint32) {
	if exported.ConfigurationCommitted != nil {
		exported.ConfigurationCommitted(&quorate.Callback{}, index,
			unsafe.Slice((*uint64)(voters), voterCount), unsafe.Slice((*uint64)(learners), learnerCount))
	}
	abi.End()
}

//go:wasmexport quorate:machine/lifecycle@0.1.0#error
func exportError(data unsafe.Pointer, length uint32) {
	if exported.Error != nil {
		exported.Error(&quorate.Callback{}, string(abi.At(data, length)))
	}
	abi.End()
}

//go:wasmexport quorate:machine/lifecycle@0.1.0#shutdown
func exportShutdown() {
	if exported.Shutdown != nil {
		exported.Shutdown(&quorate.Callback{})
	}
	abi.End()
}
