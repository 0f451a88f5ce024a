/* Keys and values in order: ../../README.md says what it does. */
#include "quorate/quorate.h"

#include <stdlib.h>

#define KEY_BYTES_MAX 1024
/* The number of the one timer. */
#define EXPIRY 0
/* In the store a value is at `k` and its key, and a key that expires at `e`, its time and the key. */
#define ENTRY "k"
#define EXPIRING "e"
/* Version 0 of the state had its values at `v` and the key. */
#define ENTRY_0 "v"

static bool is(quorate_bytes word, const char *text) { return quorate_equal(word, quorate_text(text)); }

static quorate_bytes entry(quorate_bytes key) { return quorate_join(quorate_text(ENTRY), key); }

/* What a command or query is made of: its verb, words, and all that is behind the first of them. */
typedef struct {
    quorate_bytes verb, words[3], behind_first;
    size_t count;
} request;

/* Cuts at each space: keys and values may be any other bytes. */
static quorate_bytes cut(quorate_bytes *rest) {
    size_t length = 0;
    while (length < rest->length && rest->data[length] != ' ') length++;
    quorate_bytes word = {rest->data, length};
    *rest = quorate_from(*rest, length + 1);
    return word;
}

static request parse(quorate_bytes text) {
    request parsed = {0};
    parsed.verb = cut(&text);
    while (text.length && parsed.count < 3) {
        parsed.words[parsed.count] = cut(&text);
        if (parsed.count++ == 0) parsed.behind_first = text;
    }
    if (text.length) parsed.count++;
    return parsed;
}

static bool is_key(quorate_bytes key) { return key.length > 0 && key.length <= KEY_BYTES_MAX; }

static quorate_answer put(quorate_bytes key, quorate_bytes value) {
    quorate_put(entry(key), value);
    quorate_emit("put", key);
    return quorate_replyf("ok");
}

/* `KEY WORDS` as bytes, which a key need not be text for. */
static quorate_answer reject_with(quorate_bytes key, const char *words) {
    return quorate_reject(quorate_join(key, quorate_text(words)));
}

/* Where a range ends: `-` is behind the last key. */
static quorate_bytes end_of(quorate_bytes word) { return is(word, "-") ? quorate_text("l") : entry(word); }

/* Sets the timer to what expires first. */
static void set_timer(void) {
    quorate_scan scan = quorate_prefix(quorate_text(EXPIRING));
    quorate_pair pair;
    if (quorate_next(&scan, &pair)) quorate_set_timer(EXPIRY, quorate_from_ordered(pair.key.data + 1));
}

static quorate_answer expire(quorate_bytes key, quorate_bytes word) {
    uint64_t time_ms;
    if (!quorate_number(word, &time_ms)) return quorate_reject(quorate_join(quorate_text("not a time: "), word));
    if (!quorate_get(entry(key), NULL)) return reject_with(key, " has no value");
    quorate_bytes prefix = quorate_join(quorate_text(EXPIRING), quorate_ordered(time_ms));
    quorate_put(quorate_join(prefix, key), quorate_text(""));
    set_timer();
    return quorate_replyf("ok");
}

static quorate_answer apply(quorate_position position, quorate_bytes command) {
    (void)position;
    request asked = parse(command);
    quorate_bytes key = asked.words[0];
    if (is(asked.verb, "trap") && !asked.count) {
        quorate_log(QUORATE_ERROR, "the command `trap` always ends so");
        abort();
    }
    if (is(asked.verb, "delete-range") && asked.count == 2) {
        quorate_bytes end = end_of(asked.words[1]);
        quorate_delete_range(entry(key), &end);
        return quorate_replyf("ok");
    }
    if (!asked.count || !is_key(key)) return quorate_rejectf("a key has 1 to %d bytes", KEY_BYTES_MAX);
    if (is(asked.verb, "put")) return put(key, asked.behind_first);
    if (is(asked.verb, "create")) {
        if (quorate_get(entry(key), NULL)) return reject_with(key, " has a value");
        return put(key, asked.behind_first);
    }
    if (is(asked.verb, "swap")) {
        quorate_bytes before = {0};
        quorate_get(entry(key), &before);
        put(key, asked.behind_first);
        return quorate_reply(before);
    }
    if (is(asked.verb, "delete") && asked.count == 1) {
        quorate_delete(entry(key));
        quorate_emit("delete", key);
        return quorate_replyf("ok");
    }
    if (is(asked.verb, "expire") && asked.count == 2) return expire(key, asked.words[1]);
    return quorate_reject(quorate_join(quorate_text("unknown command "), asked.verb));
}

static quorate_answer fired(quorate_position position, uint64_t id) {
    (void)id;
    quorate_bytes end = quorate_join(quorate_text(EXPIRING), quorate_ordered(position.time_ms + 1));
    quorate_scan scan = quorate_range(quorate_text(EXPIRING), &end);
    for (quorate_pair pair; quorate_next(&scan, &pair);) {
        quorate_bytes key = quorate_from(pair.key, 9);
        quorate_delete(pair.key);
        quorate_delete(entry(key));
        quorate_emit("expired", key);
    }
    set_timer();
    return quorate_replyf("");
}

static quorate_answer scan(request asked, bool reverse) {
    uint64_t limit;
    if (!quorate_number(asked.words[2], &limit))
        return quorate_reject(quorate_join(quorate_text("not a number: "), asked.words[2]));
    quorate_bytes end = end_of(asked.words[1]), text = {0};
    quorate_scan pairs = quorate_range(entry(asked.words[0]), &end);
    if (reverse) pairs = quorate_reversed(pairs);
    quorate_pair pair;
    for (; limit && quorate_next(&pairs, &pair); limit--) {
        if (text.length) text = quorate_join(text, quorate_text("\n"));
        text = quorate_join(text, quorate_from(pair.key, 1));
        text = quorate_join(quorate_join(text, quorate_text(" ")), pair.value);
    }
    return quorate_reply(text);
}

static quorate_answer query(quorate_bytes text) {
    request asked = parse(text);
    if (is(asked.verb, "get") && asked.count == 1) {
        quorate_bytes value;
        if (quorate_get(entry(asked.words[0]), &value)) return quorate_reply(value);
        return reject_with(asked.words[0], " has no value");
    }
    if (is(asked.verb, "scan") && asked.count == 3) return scan(asked, false);
    if (is(asked.verb, "reverse-scan") && asked.count == 3) return scan(asked, true);
    if (is(asked.verb, "count") && !asked.count) {
        quorate_scan pairs = quorate_prefix(quorate_text(ENTRY));
        uint64_t count = 0;
        for (quorate_pair pair; quorate_next(&pairs, &pair);) count++;
        return quorate_replyf("%llu", count);
    }
    return quorate_reject(quorate_join(quorate_text("unknown query "), asked.verb));
}

static quorate_answer migrate(uint32_t from_version) {
    if (from_version != 0) return quorate_rejectf("no kv of version %u is known", from_version);
    quorate_scan scan = quorate_prefix(quorate_text(ENTRY_0));
    for (quorate_pair pair; quorate_next(&scan, &pair);) {
        quorate_delete(pair.key);
        quorate_put(entry(quorate_from(pair.key, 1)), pair.value);
    }
    return quorate_replyf("");
}

static void leader_start(uint64_t term) { quorate_log(QUORATE_INFO, "leads in term %llu", term); }

static void leader_stop(uint64_t term) { quorate_log(QUORATE_INFO, "led in term %llu", term); }

static void start_following(uint64_t leader, uint64_t term) {
    quorate_log(QUORATE_INFO, "follows %llu in term %llu", leader, term);
}

static void stop_following(uint64_t leader, uint64_t term) {
    quorate_log(QUORATE_INFO, "followed %llu in term %llu", leader, term);
}

static void configuration_committed(uint64_t index, const uint64_t *voters, size_t voter_count,
                                    const uint64_t *learners, size_t learner_count) {
    quorate_bytes text = quorate_format("members at %llu: voters", index);
    for (size_t i = 0; i < voter_count; i++) text = quorate_join(text, quorate_format(" %llu", voters[i]));
    text = quorate_join(text, quorate_text(", learners"));
    for (size_t i = 0; i < learner_count; i++)
        text = quorate_join(text, quorate_format(" %llu", learners[i]));
    quorate_log(QUORATE_INFO, "%s", quorate_string(text));
}

static void error(quorate_bytes message) { quorate_log(QUORATE_WARN, "stopped: %s", quorate_string(message)); }

static void shut_down(void) { quorate_log(QUORATE_INFO, "is closed"); }

QUORATE_STORE_MACHINE(apply, query)
QUORATE_TIMERS(fired)
QUORATE_UPGRADE(1, migrate)
QUORATE_LIFECYCLE(.leader_start = leader_start, .leader_stop = leader_stop,
                  .start_following = start_following, .stop_following = stop_following,
                  .configuration_committed = configuration_committed, .error = error,
                  .shutdown = shut_down)
