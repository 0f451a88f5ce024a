// A number that many can add to: ../../README.md says what it does.
package main

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"quorate"
	"quorate/lifecycle"
	"quorate/memory"
	"quorate/timers"
	"quorate/upgrade"
)

// leadersMax changes of leader are kept; older ones are forgotten.
const leadersMax = 100

// reset is the number of the one timer.
const reset = 0

var levels = []string{"trace", "debug", "info", "warn", "error"}

type leader struct {
	term, index uint64
}

// counter is the machine. Its fields are its state.
type counter struct {
	value   uint64
	leaders []leader
}

func text(asked []byte) (string, error) {
	if !utf8.Valid(asked) {
		return "", quorate.Reject("commands and queries are UTF-8 text")
	}
	return string(asked), nil
}

func number(word string) (uint64, error) {
	number, err := strconv.ParseUint(word, 10, 64)
	if err != nil {
		return 0, quorate.Reject("not a whole number from 0 to %d: %s", uint64(math.MaxUint64), word)
	}
	return number, nil
}

func ok() ([]byte, error) {
	return []byte("ok"), nil
}

func (machine *counter) Apply(context *quorate.Context, command []byte) ([]byte, error) {
	line, err := text(command)
	if err != nil {
		return nil, err
	}
	if rest, found := strings.CutPrefix(line, "say "); found {
		if level, words, found := strings.Cut(rest, " "); found {
			number := slices.Index(levels, level)
			if number < 0 {
				return nil, quorate.Reject("unknown level `%s`", level)
			}
			context.Log(quorate.Level(number), "%s", words)
			return ok()
		}
	}
	if words, found := strings.CutPrefix(line, "print "); found {
		fmt.Println(words)
		return ok()
	}
	words := bytes.FieldsFunc(command, func(r rune) bool { return strings.ContainsRune(" \t\n\r\f", r) })
	switch len(words) {
	case 1:
		switch string(words[0]) {
		case "keep":
			context.CancelTimer(reset)
			return ok()
		case "now":
			return fmt.Append(nil, time.Now().UnixMilli()), nil
		case "entropy":
			var drawn [8]byte
			if _, err := rand.Read(drawn[:]); err != nil {
				return nil, err
			}
			return fmt.Append(nil, binary.LittleEndian.Uint64(drawn[:])), nil
		case "draw":
			return fmt.Append(nil, context.Random()), nil
		case "where":
			return fmt.Appendf(nil, "%d %d %d", context.Index, context.Ordinal, context.TimeMs), nil
		case "trap":
			panic("the command `trap` always ends so")
		}
	case 2:
		verb, word := string(words[0]), string(words[1])
		if !slices.Contains([]string{"add", "subtract", "note-leader", "reset-at"}, verb) {
			break
		}
		number, err := number(word)
		if err != nil {
			return nil, err
		}
		switch verb {
		case "add":
			return machine.change(context, number <= math.MaxUint64-machine.value, machine.value+number, verb, number)
		case "subtract":
			return machine.change(context, number <= machine.value, machine.value-number, verb, number)
		case "note-leader":
			machine.note(leader{number, context.Index})
			return ok()
		case "reset-at":
			context.SetTimer(reset, number)
			return ok()
		}
	}
	return nil, quorate.Reject("unknown command `%s`", line)
}

func (machine *counter) Query(host quorate.Host, request []byte) ([]byte, error) {
	line, err := text(request)
	if err != nil {
		return nil, err
	}
	switch line {
	case "get":
		return fmt.Append(nil, machine.value), nil
	case "leaders":
		lines := make([]string, len(machine.leaders))
		for i, leader := range machine.leaders {
			lines[i] = fmt.Sprintf("term %d at index %d", leader.term, leader.index)
		}
		return []byte(strings.Join(lines, "\n")), nil
	case "group":
		group := host.Group()
		return fmt.Appendf(nil, "%d %s", group.ID, group.Name), nil
	}
	return nil, quorate.Reject("unknown query `%s`", line)
}

func (machine *counter) change(context *quorate.Context, fits bool, changed uint64, verb string, amount uint64) ([]byte, error) {
	if !fits {
		return nil, quorate.Reject("cannot %s %d: the value is %d and must stay from 0 to %d", verb, amount, machine.value, uint64(math.MaxUint64))
	}
	machine.value = changed
	text := fmt.Append(nil, changed)
	context.Emit("changed", text)
	return text, nil
}

// A term has one leader, so a repeat is not kept.
func (machine *counter) note(noted leader) {
	if slices.ContainsFunc(machine.leaders, func(known leader) bool { return known.term == noted.term }) {
		return
	}
	machine.leaders = append(machine.leaders, noted)
	if len(machine.leaders) > leadersMax {
		machine.leaders = slices.Delete(machine.leaders, 0, 1)
	}
}

func (machine *counter) Save() ([]byte, error) {
	saved := fmt.Appendf(nil, "counter 1\nvalue %d\n", machine.value)
	for _, leader := range machine.leaders {
		saved = fmt.Appendf(saved, "leader %d %d\n", leader.term, leader.index)
	}
	return saved, nil
}

func (machine *counter) Load(saved []byte) error {
	head, rest, _ := strings.Cut(string(saved), "\n")
	value, rest, _ := strings.Cut(rest, "\n")
	digits, found := strings.CutPrefix(value, "value ")
	number, err := strconv.ParseUint(digits, 10, 64)
	if head != "counter 1" || !found || err != nil {
		return quorate.Reject("not a counter of format 1")
	}
	machine.value = number
	for line := range strings.Lines(rest) {
		var noted leader
		if _, err := fmt.Sscanf(line, "leader %d %d\n", &noted.term, &noted.index); err != nil {
			return quorate.Reject("not a change of leader")
		}
		machine.leaders = append(machine.leaders, noted)
	}
	return nil
}

func (machine *counter) fired(context *quorate.Context, id uint64) error {
	context.Emit("reset", fmt.Append(nil, machine.value))
	machine.value = 0
	return nil
}

// Version 0 of the state was the value alone.
func (machine *counter) migrate(from uint32) error {
	if from != 0 {
		return quorate.Reject("no counter of version %d is known", from)
	}
	value, err := strconv.ParseUint(string(memory.Saved()), 10, 64)
	if err != nil {
		return quorate.Reject("not a counter of version 0")
	}
	machine.value = value
	return nil
}

// What this replica is told is put in the log, so that every replica can show it.
func leaderStart(callback *quorate.Callback, term uint64) {
	callback.Log(quorate.Info, "leads in term %d", term)
	callback.Propose(fmt.Appendf(nil, "note-leader %d", term))
}

func init() {
	machine := &counter{}
	memory.Export(machine)
	timers.Export(machine.fired)
	upgrade.Export(1, machine.migrate)
	lifecycle.Export(lifecycle.Callbacks{LeaderStart: leaderStart})
}

func main() {}
