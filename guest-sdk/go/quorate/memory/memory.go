// Package memory is for memory machines: they keep their state in their own fields, and can save and load it. Look first and
// change last: a rejection must leave the state as it was.
package memory

import "quorate"

// A Machine keeps its state in its own fields.
type Machine interface {
	// Apply applies one committed command.
	Apply(context *quorate.Context, command []byte) ([]byte, error)
	// Query answers a query, and changes nothing.
	Query(host quorate.Host, request []byte) ([]byte, error)
	// Save gives the whole state, the same bytes on every replica.
	Save() ([]byte, error)
	// Load takes what Save gave, on a fresh instance.
	Load(saved []byte) error
}

var exported Machine

// Export makes this the machine of the plugin. Call it from an init function of package main.
func Export(machine Machine) {
	exported = machine
}

// chunkBytesMax is how much the host takes and gives at a time.
const chunkBytesMax = 1 << 20

func save() error {
	saved, err := exported.Save()
	for err == nil && len(saved) > 0 {
		chunk := saved[:min(len(saved), chunkBytesMax)]
		write(chunk)
		saved = saved[len(chunk):]
	}
	return err
}

func load() error {
	return exported.Load(Saved())
}

// Saved is what another version of the plugin saved; in a migration only.
func Saved() []byte {
	var saved []byte
	for {
		chunk := read(chunkBytesMax)
		if len(chunk) == 0 {
			return saved
		}
		saved = append(saved, chunk...)
	}
}
