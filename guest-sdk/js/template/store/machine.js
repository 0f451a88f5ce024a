// Counts words: a store machine to begin with.

import { fromOrdered, ordered, Rejection, storeMachine, text } from "./quorate/store.js";

function word(bytes) {
  const found = text(bytes)?.trim();
  if (!found || /\s/.test(found)) throw new Rejection("one word, please");
  return found;
}

/** How often a word came. */
function count(store, word) {
  const stored = store.get(word);
  return stored ? fromOrdered(stored) : 0n;
}

export const { machine } = storeMachine({
  // A command is a word; the reply is how often it came so far. Every replica does this for every command, in the same
  // order.
  apply(context, store, command) {
    const asked = word(command);
    const times = count(store, asked) + 1n;
    store.put(asked, ordered(times));
    context.emit("counted", asked);
    return times;
  },

  // A query is a word too, and changes nothing.
  query(host, store, request) {
    return count(store, word(request));
  },
});
