"""Keys and values in order: ../../README.md says what it does."""

from quorate.store import Rejection, StoreMachine, from_ordered, ordered

KEY_BYTES_MAX = 1024
LARGEST = 2**64 - 1
#: The number of the one timer.
EXPIRY = 0
#: In the store a value is at `k` and its key, and a key that expires at `e`, its time and the key.
ENTRY = b"k"
EXPIRING = b"e"
#: Version 0 of the state had its values at `v` and the key.
ENTRY_0 = b"v"


def end_of(word):
    """Where a range ends: `-` is behind the last key."""
    return b"l" if word == b"-" else ENTRY + word


def number(word):
    """A number of decimal digits only, or None."""
    return int(word) if word.isdigit() and int(word) <= LARGEST else None


def set_timer(context, store):
    """Sets the timer to what expires first."""
    for key, _ in store.prefix(EXPIRING, page=1):
        context.set_timer(EXPIRY, from_ordered(key[1:]))
        break


def put(context, store, key, value):
    store.put(ENTRY + key, value)
    context.emit("put", key)
    return "ok"


def expire(context, store, key, word):
    time_ms = number(word)
    if time_ms is None:
        raise Rejection(b"not a time: " + word)
    if ENTRY + key not in store:
        raise Rejection(key + b" has no value")
    store.put(EXPIRING + ordered(time_ms) + key, b"")
    set_timer(context, store)
    return "ok"


def scan(store, start, end, limit, reverse):
    most = number(limit)
    if most is None:
        raise Rejection(b"not a number: " + limit)
    lines = []
    for key, value in store.range(ENTRY + start, end_of(end), reverse=reverse):
        if len(lines) >= most:
            break
        lines.append(key[1:] + b" " + value)
    return b"\n".join(lines)


class Kv(StoreMachine):
    def apply(self, context, store, command):
        match command.split(b" "):
            case [b"trap"]:
                raise RuntimeError("the command `trap` always ends so")
            case [b"delete-range", start, end]:
                store.delete_range(ENTRY + start, end_of(end))
                return "ok"
        verb, _, rest = command.partition(b" ")
        key, _, value = rest.partition(b" ")
        if not 1 <= len(key) <= KEY_BYTES_MAX:
            raise Rejection(f"a key has 1 to {KEY_BYTES_MAX} bytes")
        match verb:
            case b"put":
                return put(context, store, key, value)
            case b"create":
                if ENTRY + key in store:
                    raise Rejection(key + b" has a value")
                return put(context, store, key, value)
            case b"swap":
                before = store.get(ENTRY + key)
                put(context, store, key, value)
                return before
            case b"delete":
                store.delete(ENTRY + key)
                context.emit("delete", key)
                return "ok"
            case b"expire":
                return expire(context, store, key, value)
        raise Rejection(b"unknown command " + verb)

    def query(self, host, store, request):
        match request.split(b" "):
            case [b"get", key]:
                value = store.get(ENTRY + key)
                if value is None:
                    raise Rejection(key + b" has no value")
                return value
            case [b"scan", start, end, limit]:
                return scan(store, start, end, limit, reverse=False)
            case [b"reverse-scan", start, end, limit]:
                return scan(store, start, end, limit, reverse=True)
            case [b"count"]:
                return sum(1 for _ in store.prefix(ENTRY))
            case [verb, *_]:
                raise Rejection(b"unknown query " + verb)

    def fired(self, context, store, id):
        due = store.range(EXPIRING, EXPIRING + ordered(context.time_ms + 1))
        for stored, _ in due:
            key = stored[9:]
            store.delete(stored)
            store.delete(ENTRY + key)
            context.emit("expired", key)
        set_timer(context, store)

    state_version = 1

    def migrate(self, store, from_version):
        if from_version != 0:
            raise Rejection(f"no kv of version {from_version} is known")
        for key, value in store.prefix(ENTRY_0):
            store.delete(key)
            store.put(ENTRY + key[1:], value)

    def leader_start(self, callback, store, term):
        callback.info(f"leads in term {term}")

    def leader_stop(self, callback, store, term):
        callback.info(f"led in term {term}")

    def start_following(self, callback, store, leader, term):
        callback.info(f"follows {leader} in term {term}")

    def stop_following(self, callback, store, leader, term):
        callback.info(f"followed {leader} in term {term}")

    def configuration_committed(self, callback, store, index, voters, learners):
        def listed(numbers):
            return "".join(f" {number}" for number in numbers)

        callback.info(f"members at {index}: voters{listed(voters)}, learners{listed(learners)}")

    def error(self, callback, store, message):
        callback.warn(f"stopped: {message}")

    def shutdown(self, callback, store):
        callback.info("is closed")
