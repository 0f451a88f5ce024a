//go:build wasm

package upgrade

import (
	"unsafe"

	"quorate"
	"quorate/internal/abi"
)

//go:wasmexport quorate:machine/upgrade@0.1.0#state-version
func exportStateVersion() uint32 {
	return exportedVersion
}

//go:wasmexport quorate:machine/upgrade@0.1.0#migrate
func exportMigrate(from uint32) unsafe.Pointer {
	return quorate.Answer(nil, exportedMigrate(from))
}

//go:wasmexport cabi_post_quorate:machine/upgrade@0.1.0#migrate
func exportMigratePost(unsafe.Pointer) {
	abi.End()
}
