"""Store machines: they keep their state in an ordered space of keys and values that the host holds for them.

    from quorate.store import Rejection, StoreMachine

    class Guests(StoreMachine):
        def apply(self, context, store, command):
            store.put("newest", command)
            return f"welcome, {command.decode()}"

        def query(self, host, store, request):
            return store.get("newest")

Keep nothing in variables between commands: each entry of the log gets a fresh instance.
"""

from . import Callback, Context, Group, Host, Rejection, as_bytes, from_ordered, ordered
from ._host import store as _store

__all__ = [
    "Callback",
    "Context",
    "Group",
    "Host",
    "Rejection",
    "Store",
    "StoreMachine",
    "StoreView",
    "as_bytes",
    "from_ordered",
    "ordered",
]

#: Pairs of a scan that are asked of the host at a time.
PAGE_PAIRS = 100


class StoreView:
    """The state, to be read."""

    __slots__ = ()

    def get(self, key):
        """The value of a key, or None."""
        return _store().get(as_bytes(key))

    def __contains__(self, key):
        return self.get(key) is not None

    def range(self, start=b"", end=None, *, reverse=False, page=PAGE_PAIRS):
        """The pairs (key, value) from `start` and before `end` (None: to the last), in order; from the last to the first if
        `reverse`."""
        start = as_bytes(start)
        end = None if end is None else as_bytes(end)
        while True:
            pairs = _store().scan(start, end, page, reverse)
            # A page may have ended early for its bytes, so only an empty one is the last.
            if not pairs:
                return
            for pair in pairs:
                yield pair.key, pair.value
            if reverse:
                end = pairs[-1].key
            else:
                # The first key behind another is that key and a zero byte.
                start = pairs[-1].key + b"\0"

    def prefix(self, prefix, *, reverse=False, page=PAGE_PAIRS):
        """The pairs whose keys begin with `prefix`, in order."""
        start = as_bytes(prefix)
        head = start.rstrip(b"\xff")
        end = head[:-1] + bytes([head[-1] + 1]) if head else None
        return self.range(start, end, reverse=reverse, page=page)


class Store(StoreView):
    """The state, to be read and changed. A command sees its own changes; they are dropped when it is rejected or traps."""

    __slots__ = ()

    def put(self, key, value):
        _store().put(as_bytes(key), as_bytes(value))

    def delete(self, key):
        _store().delete(as_bytes(key))

    def delete_range(self, start, end=None):
        """Removes the keys from `start` and before `end`; None: to the last."""
        _store().delete_range(as_bytes(start), None if end is None else as_bytes(end))


class StoreMachine:
    """A machine to derive from. What it does not define does nothing."""

    def apply(self, context: Context, store: Store, command: bytes):
        raise Rejection("this machine takes no commands")

    def query(self, host: Host, store: StoreView, request: bytes):
        raise Rejection("this machine answers no queries")

    def fired(self, context: Context, store: Store, id: int):
        """A timer is due. Needs exports = ["timers"] in quorate.toml."""

    #: The version of the state that it keeps, from 1. Needs exports = ["upgrade"].
    state_version = 0

    def migrate(self, store: Store, from_version: int):
        """Brings what the store holds from version `from_version` of the plugin to this one, where a group goes over from that
        version. After a `Rejection`, or another exception, the group stays with it. Needs exports = ["upgrade"]."""
        raise Rejection(f"this machine knows no state of version {from_version}")

    # The rest needs exports = ["lifecycle"]. It runs apart from the commands: nothing that it changes is kept.

    def leader_start(self, callback: Callback, store: StoreView, term: int):
        """This replica leads."""

    def leader_stop(self, callback: Callback, store: StoreView, term: int):
        """This replica leads no more."""

    def start_following(self, callback: Callback, store: StoreView, leader: int, term: int):
        """This replica follows the replica `leader`."""

    def stop_following(self, callback: Callback, store: StoreView, leader: int, term: int):
        """This replica follows it no more."""

    def configuration_committed(self, callback: Callback, store: StoreView, index: int, voters: list, learners: list):
        """The members of the group changed."""

    def error(self, callback: Callback, store: StoreView, message: str):
        """The replica met an error and applies no more."""

    def shutdown(self, callback: Callback, store: StoreView):
        """The replica is being closed."""

    def _migrate(self, from_version):
        self.migrate(Store(), from_version)

    def _applying(self):
        return (Store(),)

    def _reading(self):
        return (StoreView(),)
