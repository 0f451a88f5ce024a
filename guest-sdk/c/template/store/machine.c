/* Counts words: a store machine to begin with. */
#include "quorate/quorate.h"

/* How often a word came. */
static uint64_t count(quorate_bytes word) {
    quorate_bytes stored;
    return quorate_get(word, &stored) && stored.length == 8 ? quorate_from_ordered(stored.data) : 0;
}

static bool is_word(quorate_bytes *text) {
    quorate_bytes rest = *text;
    *text = quorate_word(&rest);
    return text->length > 0 && quorate_word(&rest).length == 0 && quorate_is_text(*text);
}

/* A command is a word; the reply is how often it came so far. Every replica does this for every command, in the same
 * order. */
static quorate_answer apply(quorate_position position, quorate_bytes command) {
    (void)position;
    if (!is_word(&command)) return quorate_rejectf("one word, please");
    uint64_t times = count(command) + 1;
    quorate_put(command, quorate_ordered(times));
    quorate_emit("counted", command);
    return quorate_replyf("%llu", times);
}

/* A query is a word too, and changes nothing. */
static quorate_answer query(quorate_bytes request) {
    if (!is_word(&request)) return quorate_rejectf("one word, please");
    return quorate_replyf("%llu", count(request));
}

QUORATE_STORE_MACHINE(apply, query)
