"""Adds numbers up: a memory machine to begin with."""

from quorate.memory import MemoryMachine, Rejection

LARGEST = 2**64 - 1


def number(text, otherwise):
    digits = text.strip()
    # bytes.isdigit takes the ten digits only.
    if not digits.isdigit():
        raise Rejection(otherwise)
    return int(digits)


class Sum(MemoryMachine):
    def __init__(self):
        # The state.
        self.sum = 0

    def apply(self, context, command):
        """A command is a number; the reply is the sum so far. Every replica does this for every command, in the same
        order."""
        larger = self.sum + number(command, "a number has digits only")
        # A rejection must leave the state as it was: what can fail comes first.
        if larger > LARGEST:
            raise Rejection("the sum would be too large")
        self.sum = larger
        context.emit("added", self.sum)
        return self.sum

    def query(self, host, request):
        """Any query is answered with the sum, and changes nothing."""
        return self.sum

    def save(self):
        """The whole state: what is not in here is lost when a replica restarts."""
        return self.sum

    def load(self, saved):
        """Takes what `save` gave."""
        self.sum = number(saved, "this is no sum")
