// Package timers is for machines that are called when their timers fire. Importing it exports the interface.
package timers

import "quorate"

// A Function is called when a timer is due. A store machine finds its state in store.Store{}.
type Function func(context *quorate.Context, id uint64) error

var exported Function

// Export has this function called. Call it from an init function of package main.
func Export(fired Function) {
	exported = fired
}
