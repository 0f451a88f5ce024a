// What both kinds of machine share; store.js and memory.js hand it on.

import * as host from "quorate:machine/host@0.1.0";
import { getRandomBytes } from "wasi:random/random@0.2.0";

/** An answer that says no: throw it, and the state stays as it was. Its words, or bytes, go to the client. */
export class Rejection extends Error {
  constructor(words) {
    super(typeof words === "string" ? words : "a rejection");
    this.bytes = bytes(words);
  }
}

/** Text as UTF-8; bytes are handed on as they are, and nothing is no bytes. */
export function bytes(value) {
  if (value === undefined || value === null) return new Uint8Array(0);
  if (value instanceof Uint8Array) return value;
  if (typeof value === "number" || typeof value === "bigint") value = String(value);
  if (typeof value !== "string") throw new TypeError(`neither text nor a Uint8Array: ${typeof value}`);
  const plain = /^[\0-\x7f]*$/.test(value) ? value : unescape(encodeURIComponent(value.toWellFormed()));
  const encoded = new Uint8Array(plain.length);
  for (let i = 0; i < plain.length; i++) encoded[i] = plain.charCodeAt(i);
  return encoded;
}

/** Bytes as text, or null when they are not UTF-8. */
export function text(encoded) {
  const CHUNK = 8192;
  let plain = "";
  for (let i = 0; i < encoded.length; i += CHUNK) {
    plain += String.fromCharCode.apply(null, encoded.subarray(i, i + CHUNK));
  }
  if (/^[\0-\x7f]*$/.test(plain)) return plain;
  try {
    return decodeURIComponent(escape(plain));
  } catch {
    return null;
  }
}

/** The bytes, or texts, of all one after the other. */
export function join(...parts) {
  const all = parts.map(bytes);
  const joined = new Uint8Array(all.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of all) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/** Less than, equal to or greater than zero: the order of keys. */
export function compare(one, other) {
  const common = Math.min(one.length, other.length);
  for (let i = 0; i < common; i++) if (one[i] !== other[i]) return one[i] - other[i];
  return one.length - other.length;
}

/** A whole number as 8 bytes whose order is that of the numbers, for keys. */
export function ordered(number) {
  const encoded = new Uint8Array(8);
  new DataView(encoded.buffer).setBigUint64(0, BigInt(number));
  return encoded;
}

/** The number that `ordered` made these 8 bytes of, as a BigInt. */
export function fromOrdered(encoded) {
  return new DataView(encoded.buffer, encoded.byteOffset, 8).getBigUint64(0);
}

/** What any function of a machine may use. */
export class Host {
  /** The group: `{ id, name }`; the name is TENANT/NAME. */
  group() {
    const { id, name } = host.group();
    return { id: exact(id), name };
  }

  /** The next number of 64 bits, a BigInt, of a stream that is the same on every replica and no secret. */
  random() {
    const drawn = getRandomBytes(8);
    return new DataView(drawn.buffer, drawn.byteOffset, 8).getBigUint64(0, true);
  }

  /** Writes a line to the node's log. */
  trace(line) {
    host.log("trace", String(line));
  }
  debug(line) {
    host.log("debug", String(line));
  }
  info(line) {
    host.log("info", String(line));
  }
  warn(line) {
    host.log("warn", String(line));
  }
  error(line) {
    host.log("error", String(line));
  }
}

/** What a command, or a timer that fires, comes with. */
export class Context extends Host {
  constructor(index, ordinal, timeMs) {
    super();
    /** The index of the entry of the log. */
    this.index = exact(index);
    /** The command's place in it, from 0. */
    this.ordinal = ordinal >>> 0;
    /** Milliseconds since the Unix epoch: the same on every replica, and never less than before. */
    this.timeMs = exact(timeMs);
  }

  /** Tells those who watch the group. Dropped when the command is rejected or traps. */
  emit(topic, payload) {
    host.emit(topic, bytes(payload));
  }

  /** Asks to be called (`fired`) when the group's time has come to `atMs`. A timer of the same number is replaced. */
  setTimer(id, atMs) {
    host.setTimer(small(id), Number(atMs));
  }

  /** Forgets a timer; one that is not set is no error. */
  cancelTimer(id) {
    host.cancelTimer(small(id));
  }
}

/** What a lifecycle callback comes with. */
export class Callback extends Host {
  /** Proposes a command; on the leader only, and it traps elsewhere. */
  propose(command) {
    host.propose(bytes(command));
  }
}

/** A number of 64 bits: a BigInt where a number could not hold it. */
function exact(number) {
  return Number.isSafeInteger(number) && number >= 0 ? number : BigInt.asUintN(64, BigInt(number));
}

function small(id) {
  const number = Number(id);
  if (!Number.isSafeInteger(number) || number < 0) throw new RangeError(`the number of a timer is from 0 to 2^53 - 1, not ${id}`);
  return number;
}

/** Runs a call: a rejection is the error of its result, and anything else that is thrown is logged and traps. */
export function answer(call, failed = (rejection) => rejection.bytes) {
  try {
    return call();
  } catch (thrown) {
    if (thrown instanceof Rejection) throw failed(thrown);
    host.log("error", thrown instanceof Error ? `${thrown}\n${thrown.stack}` : `thrown: ${String(thrown)}`);
    throw thrown;
  }
}

/** The callbacks that a definition has, as the contract's interface. */
export function lifecycle(definition, state) {
  const call = (name, ...values) => {
    const told = definition[name];
    if (told) answer(() => told.call(definition, new Callback(), ...state(), ...values));
  };
  return {
    leaderStart: (term) => call("leaderStart", exact(term)),
    leaderStop: (term) => call("leaderStop", exact(term)),
    startFollowing: (leader, term) => call("startFollowing", exact(leader), exact(term)),
    stopFollowing: (leader, term) => call("stopFollowing", exact(leader), exact(term)),
    configurationCommitted: (index, voters, learners) =>
      call("configurationCommitted", exact(index), Array.from(voters, exact), Array.from(learners, exact)),
    error: (message) => call("error", message),
    shutdown: () => call("shutdown"),
  };
}

/** The interface `timers` of a definition. */
export function timers(definition, state) {
  return {
    fired: (index, ordinal, timeMs, id) =>
      answer(() => {
        definition.fired(new Context(index, ordinal, timeMs), ...state(), exact(id));
      }),
  };
}

/** The interface `upgrade` of a definition; `migrate` calls its own. */
export function upgrade(definition, migrate) {
  return {
    stateVersion: () => definition.stateVersion,
    // Of migrating an error is a text. A number of 32 bits may come with a sign.
    migrate: (from) => answer(() => migrate(from >>> 0), (rejection) => rejection.message),
  };
}

// What programs expect to find. Lines go to the node's log, and numbers are those of the host.
const shown = (values) => values.map((value) => (typeof value === "object" ? JSON.stringify(value) : String(value))).join(" ");
globalThis.console ??= {
  debug: (...values) => host.log("debug", shown(values)),
  log: (...values) => host.log("info", shown(values)),
  info: (...values) => host.log("info", shown(values)),
  warn: (...values) => host.log("warn", shown(values)),
  error: (...values) => host.log("error", shown(values)),
};
Math.random = () => Number(new Host().random() >> 11n) / 2 ** 53;
