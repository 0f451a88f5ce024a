"""Counts words: a store machine to begin with."""

from quorate.store import Rejection, StoreMachine, from_ordered, ordered


def word(text):
    try:
        words = text.decode().split()
    except UnicodeDecodeError:
        words = []
    if len(words) != 1:
        raise Rejection("one word, please")
    return words[0]


def count(store, word):
    """How often a word came."""
    stored = store.get(word)
    return from_ordered(stored) if stored else 0


class Words(StoreMachine):
    def apply(self, context, store, command):
        """A command is a word; the reply is how often it came so far. Every replica does this for every command, in the
        same order."""
        asked = word(command)
        times = count(store, asked) + 1
        store.put(asked, ordered(times))
        context.emit("counted", asked)
        return times

    def query(self, host, store, request):
        """A query is a word too, and changes nothing."""
        return count(store, word(request))
