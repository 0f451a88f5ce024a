"""Memory machines: they keep their state in their own attributes, and can save and load it.

    from quorate.memory import MemoryMachine

    class Sum(MemoryMachine):
        def __init__(self):
            self.sum = 0

        def apply(self, context, command):
            self.sum += int(command)
            return self.sum

        def query(self, host, request):
            return self.sum

        def save(self):
            return self.sum

        def load(self, saved):
            self.sum = int(saved)

Look first and change last: a rejection must leave the state as it was.
"""

from . import Callback, Context, Group, Host, Rejection, as_bytes, from_ordered, ordered
from ._host import stream as _stream

__all__ = [
    "Callback",
    "Context",
    "Group",
    "Host",
    "MemoryMachine",
    "Rejection",
    "as_bytes",
    "from_ordered",
    "ordered",
]

#: The host takes and gives this much at a time.
CHUNK_BYTES_MAX = 1 << 20


class MemoryMachine:
    """A machine to derive from. What it does not define does nothing."""

    def apply(self, context: Context, command: bytes):
        raise Rejection("this machine takes no commands")

    def query(self, host: Host, request: bytes):
        raise Rejection("this machine answers no queries")

    def save(self):
        """The whole state, the same bytes on every replica."""
        return b""

    def load(self, saved: bytes):
        """Takes what `save` returned, on a fresh instance."""

    def fired(self, context: Context, id: int):
        """A timer is due. Needs exports = ["timers"] in quorate.toml."""

    #: The version of the state that `save` writes, from 1. Needs exports = ["upgrade"].
    state_version = 0

    def migrate(self, saved: bytes, from_version: int):
        """Takes what version `from_version` of the plugin saved, in the place of `load`, where a group goes over from that
        version. After a `Rejection`, or another exception, the group stays with it. Needs exports = ["upgrade"]."""
        raise Rejection(f"this machine knows no state of version {from_version}")

    # The rest needs exports = ["lifecycle"]. It runs apart from the commands: nothing that it changes is kept.

    def leader_start(self, callback: Callback, term: int):
        """This replica leads."""

    def leader_stop(self, callback: Callback, term: int):
        """This replica leads no more."""

    def start_following(self, callback: Callback, leader: int, term: int):
        """This replica follows the replica `leader`."""

    def stop_following(self, callback: Callback, leader: int, term: int):
        """This replica follows it no more."""

    def configuration_committed(self, callback: Callback, index: int, voters: list, learners: list):
        """The members of the group changed."""

    def error(self, callback: Callback, message: str):
        """The replica met an error and applies no more."""

    def shutdown(self, callback: Callback):
        """The replica is being closed."""

    def _applying(self):
        return ()

    def _reading(self):
        return ()

    def _write(self):
        saved = as_bytes(self.save())
        for start in range(0, len(saved), CHUNK_BYTES_MAX):
            _stream().write(saved[start : start + CHUNK_BYTES_MAX])

    def _read(self):
        self.load(_saved())

    def _migrate(self, from_version):
        self.migrate(_saved(), from_version)


def _saved():
    return b"".join(iter(lambda: _stream().read(CHUNK_BYTES_MAX), b""))
