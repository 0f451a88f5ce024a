// Write a memory machine: it keeps its state in an object of its own, and can save and load it.
//
//     import { memoryMachine, text } from "./quorate/memory.js";
//
//     export const { machine, snapshot } = memoryMachine({
//       sum: 0n,
//       apply(context, command) {
//         this.sum += BigInt(text(command));
//         return this.sum;
//       },
//       query(host, request) {
//         return this.sum;
//       },
//       save() {
//         return String(this.sum);
//       },
//       load(saved) {
//         this.sum = BigInt(text(saved));
//       },
//     });
//
// Commands and requests that come are Uint8Array; what goes may be text as well. What `apply` and `query` return is the reply;
// throw a Rejection to say no, and look first and change last: a rejection must leave the state as it was. Anything else that
// is thrown ends the command as TRAPPED, with the state as if it had never run, and its words are in the node's log. `save`
// returns the whole state, the same bytes on every replica, and `load` is given them on a fresh instance.
//
// Timers: define `fired(context, id)`. Callbacks: define `leaderStart(callback, term)`, `leaderStop(callback, term)`,
// `startFollowing(callback, leader, term)`, `stopFollowing(...)`, `configurationCommitted(callback, index, voters, learners)`,
// `error(callback, message)`, `shutdown(callback)`. Then export `timers` and `lifecycle` as well, and name them in quorate.toml:
// exports = ["lifecycle", "timers"].
//
// Upgrades: define `stateVersion`, a number from 1, and `migrate(saved, from)`, which is given what version `from` of the plugin
// saved, in the place of `load`; throw a Rejection, and the group stays with that version. Export `upgrade`, and name it.

import * as stream from "quorate:machine/snapshot-stream@0.1.0";
import { answer, bytes, Context, Host, join, lifecycle, timers, upgrade } from "./core.js";

export { bytes, compare, fromOrdered, join, ordered, Rejection, text } from "./core.js";

/** The host takes and gives this much at a time. */
const CHUNK_BYTES_MAX = 1 << 20;

function readAll() {
  const chunks = [];
  for (let chunk; (chunk = stream.read(CHUNK_BYTES_MAX)).length; ) chunks.push(chunk);
  return join(...chunks);
}

/** Makes a memory machine; see above. */
export function memoryMachine(definition) {
  // Of saving and loading an error is a text.
  const words = (rejection) => rejection.message;
  return {
    machine: {
      apply: (index, ordinal, timeMs, command) =>
        answer(() => bytes(definition.apply(new Context(index, ordinal, timeMs), command))),
      query: (request) => answer(() => bytes(definition.query(new Host(), request))),
    },
    snapshot: {
      save: () =>
        answer(() => {
          const saved = bytes(definition.save());
          for (let at = 0; at < saved.length; at += CHUNK_BYTES_MAX) stream.write(saved.slice(at, at + CHUNK_BYTES_MAX));
        }, words),
      load: () => answer(() => definition.load(readAll()), words),
    },
    lifecycle: lifecycle(definition, () => []),
    timers: timers(definition, () => []),
    upgrade: upgrade(definition, (from) => definition.migrate(readAll(), from)),
  };
}
