// Adds numbers up: a memory machine to begin with.

import { memoryMachine, Rejection, text } from "./quorate/memory.js";

const LARGEST = 2n ** 64n - 1n;

function number(bytes, otherwise) {
  const digits = text(bytes)?.trim() ?? "";
  if (!/^[0-9]+$/.test(digits)) throw new Rejection(otherwise);
  return BigInt(digits);
}

export const { machine, snapshot } = memoryMachine({
  // The state.
  sum: 0n,

  // A command is a number; the reply is the sum so far. Every replica does this for every command, in the same order.
  apply(context, command) {
    const larger = this.sum + number(command, "a number has digits only");
    // A rejection must leave the state as it was: what can fail comes first.
    if (larger > LARGEST) throw new Rejection("the sum would be too large");
    this.sum = larger;
    context.emit("added", this.sum);
    return this.sum;
  },

  // Any query is answered with the sum, and changes nothing.
  query(host, request) {
    return this.sum;
  },

  // The whole state: what is not in here is lost when a replica restarts.
  save() {
    return String(this.sum);
  },

  // Takes what `save` gave.
  load(saved) {
    this.sum = number(saved, "this is no sum");
  },
});
