"""Write a replicated state machine in Python.

A machine is a class with a few methods: they are given committed commands in the order of the log, on every replica, and
must do the same on each. Put one into `machine.py`: a `StoreMachine` (see `quorate.store`), the kind to start with, or a
`MemoryMachine` (see `quorate.memory`).

Commands, requests, keys and values that come are `bytes`; what goes may be `str` as well, which is sent as UTF-8. What
`apply` and `query` return is the reply. A `Rejection` that is raised is an answer that says no; any other exception ends the
command as TRAPPED, with the state as if it had never run, and its traceback is in the node's log.

A machine reads nothing but its state, its parameters and what its context offers. `time.time()` is the log's time; take random
numbers from `context.random()`; `print(..., flush=True)` writes to the node's log. There are no files, no network and no threads.
"""

from ._host import host as _host

__all__ = ["Callback", "Context", "Group", "Host", "Rejection", "as_bytes", "from_ordered", "ordered"]


class Rejection(Exception):
    """An answer that says no, in words or bytes: raise it, and the state stays as it was."""

    def __init__(self, answer=b""):
        super().__init__(answer)
        self.answer = as_bytes(answer)


def as_bytes(value):
    """Text as UTF-8, a number as its digits, nothing as no bytes; bytes as they are."""
    if value is None:
        return b""
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, int):
        return str(value).encode()
    return bytes(value)


def ordered(number):
    """A whole number as 8 bytes whose order is that of the numbers, for keys."""
    return number.to_bytes(8, "big")


def from_ordered(encoded):
    """The number that `ordered` made these 8 bytes of."""
    return int.from_bytes(encoded[:8], "big")


class Group:
    """The group the machine runs in: its number, and its name as TENANT/NAME."""

    __slots__ = ("id", "name")

    def __init__(self, id, name):
        self.id = id
        self.name = name


class Host:
    """What any method of a machine may use."""

    __slots__ = ()

    def group(self):
        group = _host().group()
        return Group(group.id, group.name)

    def random(self):
        """The next number of 64 bits of a stream that is the same on every replica, and no secret."""
        return _host().random()

    def trace(self, line):
        """Writes a line to the node's log; so do the next."""
        self._log("TRACE", line)

    def debug(self, line):
        self._log("DEBUG", line)

    def info(self, line):
        self._log("INFO", line)

    def warn(self, line):
        self._log("WARN", line)

    def error(self, line):
        self._log("ERROR", line)

    def _log(self, level, line):
        host = _host()
        host.log(host.Level[level], str(line))


class Context(Host):
    """What a command, or a timer that fires, comes with."""

    __slots__ = ("index", "ordinal", "time_ms")

    def __init__(self, index, ordinal, time_ms):
        #: The index of the entry of the log.
        self.index = index
        #: The command's place in it, from 0.
        self.ordinal = ordinal
        #: Milliseconds since the Unix epoch: the same on every replica, and never less than before.
        self.time_ms = time_ms

    def emit(self, topic, payload=b""):
        """Tells those who watch the group. Dropped when the command is rejected or traps."""
        _host().emit(topic, as_bytes(payload))

    def set_timer(self, id, at_ms):
        """Asks to be called (`fired`) when the group's time has come to `at_ms`. A timer of the same number is replaced."""
        _host().set_timer(id, at_ms)

    def cancel_timer(self, id):
        """Forgets a timer; one that is not set is no error."""
        _host().cancel_timer(id)


class Callback(Host):
    """What a lifecycle callback comes with."""

    __slots__ = ()

    def propose(self, command):
        """Proposes a command; on the leader only, and it traps elsewhere."""
        _host().propose(as_bytes(command))
