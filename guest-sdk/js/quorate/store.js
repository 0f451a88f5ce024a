// Write a store machine: it keeps its state in an ordered space of keys and values that the host holds for it. The kind to
// start with. Keep nothing in variables between commands: each entry of the log gets a fresh instance.
//
//     import { Rejection, storeMachine, text } from "./quorate/store.js";
//
//     export const { machine } = storeMachine({
//       apply(context, store, command) {
//         store.put("newest", command);
//         return `thank you for ${text(command)}`;
//       },
//       query(host, store, request) {
//         return store.get("newest");
//       },
//     });
//
// Commands, requests, keys and values that come are Uint8Array; those that go may be text as well. What `apply` and `query`
// return is the reply; throw a Rejection to say no. Anything else that is thrown ends the command as TRAPPED, with the state
// as if it had never run, and its words are in the node's log.
//
// Timers: define `fired(context, store, id)`. Callbacks: define `leaderStart(callback, store, term)`, `leaderStop(callback,
// store, term)`, `startFollowing(callback, store, leader, term)`, `stopFollowing(...)`, `configurationCommitted(callback,
// store, index, voters, learners)`, `error(callback, store, message)`, `shutdown(callback, store)`. Then export `timers` and
// `lifecycle` as well, and name them in quorate.toml: exports = ["lifecycle", "timers"].
//
// Upgrades: define `stateVersion`, a number from 1, and `migrate(store, from)`, which brings a state of version `from` of the
// plugin to this one; throw a Rejection, and the group stays with that version. Export `upgrade`, and name it.

import * as space from "quorate:machine/store@0.1.0";
import { answer, bytes, Context, Host, join, lifecycle, timers, upgrade } from "./core.js";

export { bytes, compare, fromOrdered, join, ordered, Rejection, text } from "./core.js";

/** Pairs of a scan that are asked of the host at a time. */
const PAGE_PAIRS = 100;

/** The state, to be read. */
class StoreView {
  /** The value of a key, or undefined. */
  get(key) {
    return space.get(bytes(key)) ?? undefined;
  }

  has(key) {
    return this.get(key) !== undefined;
  }

  /** The pairs `{ key, value }` from `start` and before `end` (none: to the last), in order; from the last to the first
   * with `{ reverse: true }`. */
  *range(start, end, { reverse = false, page = PAGE_PAIRS } = {}) {
    let from = bytes(start);
    let to = end === undefined || end === null ? null : bytes(end);
    for (;;) {
      const pairs = space.scan(from, to, page, reverse);
      yield* pairs;
      // A page may have ended early for its bytes, so only an empty one is the last.
      if (!pairs.length) return;
      const last = pairs[pairs.length - 1].key;
      if (reverse) to = last;
      // The first key behind another is that key and a zero byte.
      else from = join(last, new Uint8Array(1));
    }
  }

  /** The pairs whose keys begin with `prefix`, in order. */
  prefix(prefix, options) {
    const start = bytes(prefix);
    let length = start.length;
    while (length && start[length - 1] === 0xff) length--;
    if (!length) return this.range(start, null, options);
    const end = start.slice(0, length);
    end[length - 1]++;
    return this.range(start, end, options);
  }
}

/** The state, to be read and changed. A command sees its own changes; they are dropped when it is rejected or traps. */
class Store extends StoreView {
  put(key, value) {
    space.put(bytes(key), bytes(value));
  }

  delete(key) {
    space["delete"](bytes(key));
  }

  /** Removes the keys from `start` and before `end`; none: to the last. */
  deleteRange(start, end) {
    space.deleteRange(bytes(start), end === undefined || end === null ? null : bytes(end));
  }
}

/** Makes a store machine; see above. */
export function storeMachine(definition) {
  return {
    machine: {
      apply: (index, ordinal, timeMs, command) =>
        answer(() => bytes(definition.apply(new Context(index, ordinal, timeMs), new Store(), command))),
      query: (request) => answer(() => bytes(definition.query(new Host(), new StoreView(), request))),
    },
    lifecycle: lifecycle(definition, () => [new StoreView()]),
    timers: timers(definition, () => [new Store()]),
    upgrade: upgrade(definition, (from) => definition.migrate(new Store(), from)),
  };
}
