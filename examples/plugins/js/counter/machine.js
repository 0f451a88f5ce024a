// A number that many can add to: ../../README.md says what it does.

import { memoryMachine, Rejection, text } from "./quorate/memory.js";

const LARGEST = 2n ** 64n - 1n;
/** How many changes of leader are kept; older ones are forgotten. */
const LEADERS_MAX = 100;
/** The number of the one timer. */
const RESET = 0;
const LEVELS = ["trace", "debug", "info", "warn", "error"];

function asked(bytes) {
  const found = text(bytes);
  if (found === null) throw new Rejection("commands and queries are UTF-8 text");
  return found;
}

function whole(word) {
  return /^[0-9]+$/.test(word) && BigInt(word) <= LARGEST ? BigInt(word) : null;
}

function number(word) {
  const found = whole(word);
  if (found === null) throw new Rejection(`not a whole number from 0 to ${LARGEST}: ${word}`);
  return found;
}

export const { machine, snapshot, lifecycle, timers, upgrade } = memoryMachine({
  // The state. Of each change of leader, the term and the index of the entry that says so.
  value: 0n,
  leaders: [],

  apply(context, command) {
    const line = asked(command);
    const said = /^say ([^ ]+) (.*)$/s.exec(line);
    if (said) {
      const [, level, words] = said;
      if (!LEVELS.includes(level)) throw new Rejection(`unknown level \`${level}\``);
      context[level](words);
      return "ok";
    }
    if (line.startsWith("print ")) {
      console.log(line.slice("print ".length));
      return "ok";
    }
    const [verb, word, ...more] = line.split(/[ \t\n\r\f]+/).filter((word) => word);
    const one = word !== undefined && !more.length;
    switch (true) {
      case verb === "add" && one:
        return this.change(context, verb, this.value + number(word), number(word));
      case verb === "subtract" && one:
        return this.change(context, verb, this.value - number(word), number(word));
      case verb === "note-leader" && one:
        this.note(number(word), context.index);
        return "ok";
      case verb === "reset-at" && one:
        context.setTimer(RESET, number(word));
        return "ok";
      case verb === "keep" && !word:
        context.cancelTimer(RESET);
        return "ok";
      case verb === "now" && !word:
        return Date.now();
      // The language has no randomness of the system.
      case verb === "entropy" && !word:
      case verb === "draw" && !word:
        return context.random();
      case verb === "where" && !word:
        return `${context.index} ${context.ordinal} ${context.timeMs}`;
      case verb === "trap" && !word:
        throw new Error("the command `trap` always ends so");
      default:
        throw new Rejection(`unknown command \`${line}\``);
    }
  },

  query(host, request) {
    const line = asked(request);
    switch (line) {
      case "get":
        return this.value;
      case "leaders":
        return this.leaders.map(([term, index]) => `term ${term} at index ${index}`).join("\n");
      case "group": {
        const { id, name } = host.group();
        return `${id} ${name}`;
      }
      default:
        throw new Rejection(`unknown query \`${line}\``);
    }
  },

  change(context, verb, changed, amount) {
    if (changed < 0n || changed > LARGEST) {
      throw new Rejection(`cannot ${verb} ${amount}: the value is ${this.value} and must stay from 0 to ${LARGEST}`);
    }
    this.value = changed;
    context.emit("changed", this.value);
    return this.value;
  },

  // A term has one leader, so a repeat is not kept.
  note(term, index) {
    if (this.leaders.some(([known]) => known === term)) return;
    this.leaders.push([term, index]);
    if (this.leaders.length > LEADERS_MAX) this.leaders.shift();
  },

  fired(context) {
    context.emit("reset", this.value);
    this.value = 0n;
  },

  save() {
    return `counter 1\nvalue ${this.value}\n` + this.leaders.map(([term, index]) => `leader ${term} ${index}\n`).join("");
  },

  load(saved) {
    const [format, value, ...lines] = (text(saved) ?? "").split("\n");
    const found = /^value ([0-9]+)$/.exec(value ?? "");
    if (format !== "counter 1" || !found) throw new Rejection("not a counter of format 1");
    this.value = BigInt(found[1]);
    this.leaders = lines.filter((line) => line).map((line) => {
      const leader = /^leader ([0-9]+) ([0-9]+)$/.exec(line);
      if (!leader) throw new Rejection("not a change of leader");
      return [BigInt(leader[1]), BigInt(leader[2])];
    });
  },

  stateVersion: 1,

  // Version 0 of the state was the value alone.
  migrate(saved, from) {
    if (from !== 0) throw new Rejection(`no counter of version ${from} is known`);
    const value = whole(text(saved) ?? "");
    if (value === null) throw new Rejection("not a counter of version 0");
    this.value = value;
  },

  // What this replica is told is put in the log, so that every replica can show it.
  leaderStart(callback, term) {
    callback.info(`leads in term ${term}`);
    callback.propose(`note-leader ${term}`);
  },
});
