// Keys and values in order: ../../README.md says what it does.

import { fromOrdered, join, ordered, Rejection, storeMachine, text } from "./quorate/store.js";

const KEY_BYTES_MAX = 1024;
const LARGEST = 2n ** 64n - 1n;
const SPACE = 0x20;
/** The number of the one timer. */
const EXPIRY = 0;
/** In the store a value is at `k` and its key, and a key that expires at `e`, its time and the key. */
const ENTRY = "k";
const EXPIRING = "e";
/** Version 0 of the state had its values at `v` and the key. */
const ENTRY_0 = "v";

const entry = (key) => join(ENTRY, key);
/** Where a range ends: `-` is behind the last key. */
const endOf = (word) => (text(word) === "-" ? "l" : entry(word));

/** What is before the first space, and what is behind it. */
function cut(line) {
  const space = line.indexOf(SPACE);
  return space < 0 ? [line, new Uint8Array(0)] : [line.subarray(0, space), line.subarray(space + 1)];
}

function words(line) {
  const found = [];
  for (let rest = line; rest.length; ) {
    const [word, behind] = cut(rest);
    found.push(word);
    rest = behind;
  }
  return found;
}

function number(word) {
  const digits = text(word) ?? "";
  return /^[0-9]+$/.test(digits) && BigInt(digits) <= LARGEST ? BigInt(digits) : null;
}

/** Sets the timer to what expires first. */
function setTimer(context, store) {
  for (const { key } of store.prefix(EXPIRING, { page: 1 })) {
    context.setTimer(EXPIRY, fromOrdered(key.subarray(1)));
    return;
  }
}

function put(context, store, key, value) {
  store.put(entry(key), value);
  context.emit("put", key);
  return "ok";
}

function scan(store, [start, end, limit], reverse) {
  const most = number(limit);
  if (most === null) throw new Rejection(join("not a number: ", limit));
  const parts = [];
  let count = 0n;
  for (const { key, value } of store.range(entry(start), endOf(end), { reverse })) {
    if (count++ >= most) break;
    if (parts.length) parts.push("\n");
    parts.push(key.subarray(1), " ", value);
  }
  return join(...parts);
}

export const { machine, lifecycle, timers, upgrade } = storeMachine({
  apply(context, store, command) {
    const [first, rest] = cut(command);
    const verb = text(first);
    const given = words(rest);
    if (verb === "trap" && !given.length) throw new Error("the command `trap` always ends so");
    if (verb === "delete-range" && given.length === 2) {
      store.deleteRange(entry(given[0]), endOf(given[1]));
      return "ok";
    }
    const [key, value] = cut(rest);
    if (key.length < 1 || key.length > KEY_BYTES_MAX) throw new Rejection(`a key has 1 to ${KEY_BYTES_MAX} bytes`);
    switch (verb) {
      case "put":
        return put(context, store, key, value);
      case "create":
        if (store.has(entry(key))) throw new Rejection(join(key, " has a value"));
        return put(context, store, key, value);
      case "swap": {
        const before = store.get(entry(key));
        put(context, store, key, value);
        return before;
      }
      case "delete":
        store.delete(entry(key));
        context.emit("delete", key);
        return "ok";
      case "expire": {
        const timeMs = number(value);
        if (timeMs === null) throw new Rejection(join("not a time: ", value));
        if (!store.has(entry(key))) throw new Rejection(join(key, " has no value"));
        store.put(join(EXPIRING, ordered(timeMs), key), "");
        setTimer(context, store);
        return "ok";
      }
      default:
        throw new Rejection(join("unknown command ", first));
    }
  },

  query(host, store, request) {
    const [first, rest] = cut(request);
    const verb = text(first);
    const given = words(rest);
    if (verb === "get" && given.length === 1) {
      const value = store.get(entry(given[0]));
      if (!value) throw new Rejection(join(given[0], " has no value"));
      return value;
    }
    if (verb === "scan" && given.length === 3) return scan(store, given, false);
    if (verb === "reverse-scan" && given.length === 3) return scan(store, given, true);
    if (verb === "count" && !given.length) {
      let count = 0;
      for (const _ of store.prefix(ENTRY)) count++;
      return count;
    }
    throw new Rejection(join("unknown query ", first));
  },

  fired(context, store) {
    const end = join(EXPIRING, ordered(context.timeMs + 1));
    for (const { key: stored } of store.range(EXPIRING, end)) {
      const key = stored.subarray(9);
      store.delete(stored);
      store.delete(entry(key));
      context.emit("expired", key);
    }
    setTimer(context, store);
  },

  stateVersion: 1,

  migrate(store, from) {
    if (from !== 0) throw new Rejection(`no kv of version ${from} is known`);
    for (const { key, value } of store.prefix(ENTRY_0)) {
      store.delete(key);
      store.put(entry(key.subarray(1)), value);
    }
  },

  leaderStart(callback, store, term) {
    callback.info(`leads in term ${term}`);
  },

  leaderStop(callback, store, term) {
    callback.info(`led in term ${term}`);
  },

  startFollowing(callback, store, leader, term) {
    callback.info(`follows ${leader} in term ${term}`);
  },

  stopFollowing(callback, store, leader, term) {
    callback.info(`followed ${leader} in term ${term}`);
  },

  configurationCommitted(callback, store, index, voters, learners) {
    const list = (numbers) => numbers.map((number) => ` ${number}`).join("");
    callback.info(`members at ${index}: voters${list(voters)}, learners${list(learners)}`);
  },

  error(callback, store, message) {
    callback.warn(`stopped: ${message}`);
  },

  shutdown(callback) {
    callback.info("is closed");
  },
});
