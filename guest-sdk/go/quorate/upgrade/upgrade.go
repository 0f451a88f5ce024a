// Package upgrade is for machines that take over states of other versions of the plugin. Importing it exports the interface.
package upgrade

// A Function brings a state of version from to that of this plugin. A store machine finds the old state in store.Store{}, and
// changes it there; a memory machine reads what the old version saved from memory.Saved, in the place of Load. After an error
// the group goes on with the old version and the state it had.
type Function func(from uint32) error

var (
	exportedVersion uint32
	exportedMigrate Function
)

// Export makes this the version of the plugin's state, a number from 1 (a plugin without this has 0), and has migrate called,
// once on every replica, where a group goes over to this plugin from one of another version. Call it from an init function of
// package main.
func Export(version uint32, migrate Function) {
	exportedVersion, exportedMigrate = version, migrate
}
