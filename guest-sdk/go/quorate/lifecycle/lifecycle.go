// Package lifecycle is for machines that are told about their replica. Importing it exports the interface.
package lifecycle

import "quorate"

// Callbacks are called when something happens to the replica; leave out what does not matter. They run apart from the
// commands: nothing that they change is kept, and what they want changed they propose. A store machine may read its state in
// store.View{}.
type Callbacks struct {
	LeaderStart            func(callback *quorate.Callback, term uint64)
	LeaderStop             func(callback *quorate.Callback, term uint64)
	StartFollowing         func(callback *quorate.Callback, leader, term uint64)
	StopFollowing          func(callback *quorate.Callback, leader, term uint64)
	ConfigurationCommitted func(callback *quorate.Callback, index uint64, voters, learners []uint64)
	Error                  func(callback *quorate.Callback, message string)
	Shutdown               func(callback *quorate.Callback)
}

var exported Callbacks

// Export has these called. Call it from an init function of package main.
func Export(callbacks Callbacks) {
	exported = callbacks
}
