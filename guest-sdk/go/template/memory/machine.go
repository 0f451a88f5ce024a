// Adds numbers up: a memory machine to begin with.
package main

import (
	"bytes"
	"fmt"
	"math"
	"strconv"

	"quorate"
	"quorate/memory"
)

// sum is the machine. Its fields are its state.
type sum struct {
	sum uint64
}

func number(text []byte, otherwise string) (uint64, error) {
	number, err := strconv.ParseUint(string(bytes.TrimSpace(text)), 10, 64)
	if err != nil {
		return 0, quorate.Reject("%s", otherwise)
	}
	return number, nil
}

// Apply adds a number; the reply is the sum so far. Every replica does this for every command, in the same order.
func (machine *sum) Apply(context *quorate.Context, command []byte) ([]byte, error) {
	number, err := number(command, "a number has digits only")
	if err != nil {
		return nil, err
	}
	// A rejection must leave the state as it was: what can fail comes first.
	if number > math.MaxUint64-machine.sum {
		return nil, quorate.Reject("the sum would be too large")
	}
	machine.sum += number
	text := fmt.Append(nil, machine.sum)
	context.Emit("added", text)
	return text, nil
}

// Query answers anything with the sum, and changes nothing.
func (machine *sum) Query(host quorate.Host, request []byte) ([]byte, error) {
	return fmt.Append(nil, machine.sum), nil
}

// Save gives the whole state: what is not in here is lost when a replica restarts.
func (machine *sum) Save() ([]byte, error) {
	return fmt.Append(nil, machine.sum), nil
}

// Load takes what Save gave.
func (machine *sum) Load(saved []byte) (err error) {
	machine.sum, err = number(saved, "this is no sum")
	return err
}

func init() {
	memory.Export(&sum{})
}

func main() {}
