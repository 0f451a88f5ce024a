// Package quorate is for replicated state machines in Go.
//
// A machine is a type with a few methods: they are given committed commands in the order of the log, on every replica, and
// must do the same on each. Export one from an init function of package main: a store machine (package store), the kind to
// start with, or a memory machine (package memory). The packages timers and lifecycle export what more it may have.
//
// What a method returns is the reply. An error made by [Reject] is an answer that says no. Any other error, and a panic, ends
// the command as TRAPPED, with the state as if it had never run, and its words are in the node's log.
//
// A machine reads nothing but its state, its parameters and what its context offers. time.Now is the log's time; what is
// printed becomes lines of the node's log. There are no files and no network. Start no goroutine that outlives a call, and do
// not let the order of a map matter.
package quorate

import (
	"encoding/binary"
	"errors"
	"fmt"

	"quorate/internal/abi"
)

// A Rejection is an answer that says no.
type Rejection struct {
	// Answer is what the client gets.
	Answer []byte
}

func (rejection *Rejection) Error() string {
	return string(rejection.Answer)
}

// Reject says no in these words.
func Reject(format string, values ...any) error {
	return &Rejection{fmt.Appendf(nil, format, values...)}
}

// RejectBytes says no with these bytes.
func RejectBytes(answer []byte) error {
	return &Rejection{answer}
}

// Ordered gives 8 bytes whose order is that of the numbers, for keys.
func Ordered(number uint64) []byte {
	return binary.BigEndian.AppendUint64(nil, number)
}

// FromOrdered gives the number that Ordered made these 8 bytes of.
func FromOrdered(bytes []byte) uint64 {
	return binary.BigEndian.Uint64(bytes)
}

// A Level is how much a line of the log matters.
type Level uint32

// The levels.
const (
	Trace Level = iota
	Debug
	Info
	Warn
	Error
)

// A Group is what the machine runs in.
type Group struct {
	ID uint64
	// Name is TENANT/NAME.
	Name string
}

// A Host offers what any method of a machine may use.
type Host struct{}

// Group is the group that the machine runs in.
func (Host) Group() Group {
	return group()
}

// Random is the next number of a stream that is the same on every replica, and no secret.
func (Host) Random() uint64 {
	return random()
}

// Log writes a line to the node's log.
func (Host) Log(level Level, format string, values ...any) {
	log(level, fmt.Appendf(nil, format, values...))
}

// A Context is what a command, or a timer that fires, comes with.
type Context struct {
	Host
	// Index is that of the entry of the log.
	Index uint64
	// Ordinal is the command's place in the entry, from 0.
	Ordinal uint32
	// TimeMs is milliseconds since the Unix epoch: the same on every replica, and never less than before.
	TimeMs uint64
}

// Emit tells those who watch the group. It is dropped when the command is rejected or traps.
func (*Context) Emit(topic string, payload []byte) {
	emit([]byte(topic), payload)
}

// SetTimer asks to be called (package timers) when the group's time has come. A timer of the same number is replaced.
func (*Context) SetTimer(id, atMs uint64) {
	setTimer(id, atMs)
}

// CancelTimer forgets a timer; one that is not set is no error.
func (*Context) CancelTimer(id uint64) {
	cancelTimer(id)
}

// A Callback is what a lifecycle callback comes with.
type Callback struct {
	Host
}

// Propose proposes a command; on the leader only, and it traps elsewhere.
func (*Callback) Propose(command []byte) {
	propose(command)
}

// Answer lowers what a method returned. It is for the packages beside this one.
func Answer(reply []byte, err error) abi.Lowered {
	var rejection *Rejection
	switch {
	case err == nil:
		return abi.Answer(reply, false)
	case errors.As(err, &rejection):
		return abi.Answer(rejection.Answer, true)
	default:
		log(Error, []byte(err.Error()))
		panic(err)
	}
}
