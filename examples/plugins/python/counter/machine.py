"""A number that many can add to: ../../README.md says what it does."""

import os
import time

from quorate.memory import MemoryMachine, Rejection

LARGEST = 2**64 - 1
#: How many changes of leader are kept; older ones are forgotten.
LEADERS_MAX = 100
#: The number of the one timer.
RESET = 0
LEVELS = ("trace", "debug", "info", "warn", "error")


def text(asked):
    try:
        return asked.decode()
    except UnicodeDecodeError:
        raise Rejection("commands and queries are UTF-8 text")


def whole(word):
    """A number of decimal digits only, or None."""
    if word.isascii() and word.isdigit() and int(word) <= LARGEST:
        return int(word)
    return None


def number(word):
    found = whole(word)
    if found is None:
        raise Rejection(f"not a whole number from 0 to {LARGEST}: {word}")
    return found


class Counter(MemoryMachine):
    def __init__(self):
        self.value = 0
        # The term of each change of leader, and the index of the entry that says so.
        self.leaders = []

    def apply(self, context, command):
        line = text(command)
        match line.split(" ", 2):
            case ["say", level, words]:
                if level not in LEVELS:
                    raise Rejection(f"unknown level `{level}`")
                getattr(context, level)(words)
                return "ok"
        if line.startswith("print "):
            print(line.removeprefix("print "), flush=True)
            return "ok"
        # Not str.split without a separator, which takes other spaces as well.
        words = [word.decode() for word in command.split()]
        match words:
            case ["add", word]:
                amount = number(word)
                return self.change(context, "add", self.value + amount, amount)
            case ["subtract", word]:
                amount = number(word)
                return self.change(context, "subtract", self.value - amount, amount)
            case ["note-leader", word]:
                self.note(number(word), context.index)
                return "ok"
            case ["reset-at", word]:
                context.set_timer(RESET, number(word))
                return "ok"
            case ["keep"]:
                context.cancel_timer(RESET)
                return "ok"
            case ["now"]:
                return time.time_ns() // 1_000_000
            case ["entropy"]:
                return int.from_bytes(os.urandom(8), "little")
            case ["draw"]:
                return context.random()
            case ["where"]:
                return f"{context.index} {context.ordinal} {context.time_ms}"
            case ["trap"]:
                raise RuntimeError("the command `trap` always ends so")
        raise Rejection(f"unknown command `{line}`")

    def query(self, host, request):
        match text(request):
            case "get":
                return self.value
            case "leaders":
                return "\n".join(f"term {term} at index {index}" for term, index in self.leaders)
            case "group":
                group = host.group()
                return f"{group.id} {group.name}"
            case line:
                raise Rejection(f"unknown query `{line}`")

    def change(self, context, verb, changed, amount):
        if not 0 <= changed <= LARGEST:
            raise Rejection(f"cannot {verb} {amount}: the value is {self.value} and must stay from 0 to {LARGEST}")
        self.value = changed
        context.emit("changed", self.value)
        return self.value

    def note(self, term, index):
        """A term has one leader, so a repeat is not kept."""
        if all(known != term for known, _ in self.leaders):
            self.leaders = [*self.leaders, (term, index)][-LEADERS_MAX:]

    def fired(self, context, id):
        context.emit("reset", self.value)
        self.value = 0

    def save(self):
        leaders = "".join(f"leader {term} {index}\n" for term, index in self.leaders)
        return f"counter 1\nvalue {self.value}\n{leaders}"

    def load(self, saved):
        match [line.split(" ") for line in text(saved).splitlines()]:
            case [["counter", "1"], ["value", value], *leaders] if whole(value) is not None:
                self.value = whole(value)
            case _:
                raise Rejection("not a counter of format 1")
        for leader in leaders:
            match leader:
                case ["leader", term, index] if None not in (whole(term), whole(index)):
                    self.leaders.append((whole(term), whole(index)))
                case _:
                    raise Rejection("not a change of leader")

    state_version = 1

    def migrate(self, saved, from_version):
        """Version 0 of the state was the value alone."""
        if from_version != 0:
            raise Rejection(f"no counter of version {from_version} is known")
        value = whole(text(saved))
        if value is None:
            raise Rejection("not a counter of version 0")
        self.value = value

    def leader_start(self, callback, term):
        """What this replica is told is put in the log, so that every replica can show it."""
        callback.info(f"leads in term {term}")
        callback.propose(f"note-leader {term}")
