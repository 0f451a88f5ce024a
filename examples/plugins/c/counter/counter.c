/* A number that many can add to: ../../README.md says what it does. */
#include "quorate/quorate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* How many changes of leader are kept; older ones are forgotten. */
#define LEADERS_MAX 100
/* The number of the one timer. */
#define RESET 0

typedef struct {
    uint64_t term, index;
} leader;

/* The state. */
static uint64_t value;
static leader leaders[LEADERS_MAX];
static size_t leader_count;

static bool is(quorate_bytes word, const char *text) { return quorate_equal(word, quorate_text(text)); }

static quorate_answer no_number(quorate_bytes word) {
    return quorate_rejectf("not a whole number from 0 to %llu: %s", UINT64_MAX, quorate_string(word));
}

static quorate_answer change(bool fits, uint64_t changed, const char *verb, uint64_t amount) {
    if (!fits)
        return quorate_rejectf("cannot %s %llu: the value is %llu and must stay from 0 to %llu", verb,
                               amount, value, UINT64_MAX);
    value = changed;
    quorate_bytes text = quorate_format("%llu", value);
    quorate_emit("changed", text);
    return quorate_reply(text);
}

/* A term has one leader, so a repeat is not kept. */
static quorate_answer note_leader(uint64_t term, uint64_t index) {
    for (size_t i = 0; i < leader_count; i++)
        if (leaders[i].term == term) return quorate_replyf("ok");
    if (leader_count == LEADERS_MAX) memmove(leaders, leaders + 1, --leader_count * sizeof(leader));
    leaders[leader_count++] = (leader){term, index};
    return quorate_replyf("ok");
}

static quorate_answer say(quorate_bytes level, quorate_bytes text) {
    static const char *const levels[] = {"trace", "debug", "info", "warn", "error"};
    for (int i = 0; i < 5; i++)
        if (is(level, levels[i])) {
            quorate_log((quorate_level)i, "%s", quorate_string(quorate_from(text, 1)));
            return quorate_replyf("ok");
        }
    return quorate_rejectf("unknown level `%s`", quorate_string(level));
}

static quorate_answer apply(quorate_position position, quorate_bytes command) {
    if (!quorate_is_text(command)) return quorate_rejectf("commands and queries are UTF-8 text");
    quorate_bytes rest = command;
    quorate_bytes verb = quorate_word(&rest);
    if (is(verb, "say")) {
        quorate_bytes level = quorate_word(&rest);
        return say(level, rest);
    }
    if (is(verb, "print")) {
        printf("%s\n", quorate_string(quorate_from(rest, 1)));
        /* The C library keeps what is printed until then. */
        fflush(stdout);
        return quorate_replyf("ok");
    }
    quorate_bytes word = quorate_word(&rest);
    if (!quorate_word(&rest).length) {
        uint64_t number = 0, changed;
        if (!word.length) {
            if (is(verb, "keep")) {
                quorate_cancel_timer(RESET);
                return quorate_replyf("ok");
            }
            if (is(verb, "now")) {
                struct timespec now;
                clock_gettime(CLOCK_REALTIME, &now);
                return quorate_replyf("%llu", now.tv_sec * 1000ULL + now.tv_nsec / 1000000);
            }
            if (is(verb, "entropy")) {
                uint64_t drawn;
                if (getentropy(&drawn, sizeof(drawn))) abort();
                return quorate_replyf("%llu", drawn);
            }
            if (is(verb, "draw")) return quorate_replyf("%llu", quorate_random());
            if (is(verb, "where"))
                return quorate_replyf("%llu %u %llu", position.index, position.ordinal,
                                      position.time_ms);
            if (is(verb, "trap")) {
                quorate_log(QUORATE_ERROR, "the command `trap` always ends so");
                abort();
            }
        } else if (is(verb, "add") || is(verb, "subtract") || is(verb, "note-leader") ||
                   is(verb, "reset-at")) {
            if (!quorate_number(word, &number)) return no_number(word);
            if (is(verb, "add"))
                return change(!__builtin_add_overflow(value, number, &changed), changed, "add", number);
            if (is(verb, "subtract"))
                return change(!__builtin_sub_overflow(value, number, &changed), changed, "subtract",
                              number);
            if (is(verb, "note-leader")) return note_leader(number, position.index);
            quorate_set_timer(RESET, number);
            return quorate_replyf("ok");
        }
    }
    return quorate_rejectf("unknown command `%s`", quorate_string(command));
}

static quorate_answer query(quorate_bytes request) {
    if (!quorate_is_text(request)) return quorate_rejectf("commands and queries are UTF-8 text");
    if (is(request, "get")) return quorate_replyf("%llu", value);
    if (is(request, "group")) {
        quorate_group group = quorate_this_group();
        return quorate_replyf("%llu %s", group.id, quorate_string(group.name));
    }
    if (is(request, "leaders")) {
        quorate_bytes text = quorate_text("");
        for (size_t i = 0; i < leader_count; i++)
            text = quorate_join(text, quorate_format("%sterm %llu at index %llu", i ? "\n" : "",
                                                     leaders[i].term, leaders[i].index));
        return quorate_reply(text);
    }
    return quorate_rejectf("unknown query `%s`", quorate_string(request));
}

static quorate_answer fired(quorate_position position, uint64_t id) {
    (void)position, (void)id;
    quorate_emit("reset", quorate_format("%llu", value));
    value = 0;
    return quorate_replyf("");
}

static quorate_answer save(void) {
    quorate_write(quorate_format("counter 1\nvalue %llu\n", value));
    for (size_t i = 0; i < leader_count; i++)
        quorate_write(quorate_format("leader %llu %llu\n", leaders[i].term, leaders[i].index));
    return quorate_replyf("");
}

static quorate_answer load(void) {
    quorate_bytes rest = quorate_read_all();
    if (!is(quorate_word(&rest), "counter") || !is(quorate_word(&rest), "1") ||
        !is(quorate_word(&rest), "value") || !quorate_number(quorate_word(&rest), &value))
        return quorate_rejectf("not a counter of format 1");
    for (;;) {
        quorate_bytes word = quorate_word(&rest);
        if (!word.length) return quorate_replyf("");
        leader *next = &leaders[leader_count];
        if (leader_count == LEADERS_MAX || !is(word, "leader") ||
            !quorate_number(quorate_word(&rest), &next->term) ||
            !quorate_number(quorate_word(&rest), &next->index))
            return quorate_rejectf("not a change of leader");
        leader_count++;
    }
}

/* Version 0 of the state was the value alone. */
static quorate_answer migrate(uint32_t from_version) {
    if (from_version != 0) return quorate_rejectf("no counter of version %u is known", from_version);
    if (!quorate_number(quorate_read_all(), &value)) return quorate_rejectf("not a counter of version 0");
    return quorate_replyf("");
}

/* What this replica is told is put in the log, so that every replica can show it. */
static void leader_start(uint64_t term) {
    quorate_log(QUORATE_INFO, "leads in term %llu", term);
    quorate_propose(quorate_format("note-leader %llu", term));
}

QUORATE_MEMORY_MACHINE(apply, query, save, load)
QUORATE_TIMERS(fired)
QUORATE_UPGRADE(1, migrate)
QUORATE_LIFECYCLE(.leader_start = leader_start)
