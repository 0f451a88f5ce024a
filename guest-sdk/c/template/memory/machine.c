/* Adds numbers up: a memory machine to begin with. */
#include "quorate/quorate.h"

/* The state. */
static uint64_t sum;

/* A command is a number; the reply is the sum so far. Every replica does this for every command, in the same order. */
static quorate_answer apply(quorate_position position, quorate_bytes command) {
    (void)position;
    uint64_t number, larger;
    if (!quorate_number(quorate_word(&command), &number)) return quorate_rejectf("a number has digits only");
    /* A rejection must leave the state as it was: what can fail comes first. */
    if (__builtin_add_overflow(sum, number, &larger)) return quorate_rejectf("the sum would be too large");
    sum = larger;
    quorate_bytes text = quorate_format("%llu", sum);
    quorate_emit("added", text);
    return quorate_reply(text);
}

/* Any query is answered with the sum, and changes nothing. */
static quorate_answer query(quorate_bytes request) {
    (void)request;
    return quorate_replyf("%llu", sum);
}

/* Writes the whole state: what is not written here is lost when a replica restarts. */
static quorate_answer save(void) {
    quorate_write(quorate_format("%llu", sum));
    return quorate_replyf("");
}

/* Reads what `save` wrote. */
static quorate_answer load(void) {
    if (!quorate_number(quorate_read_all(), &sum)) return quorate_rejectf("this is no sum");
    return quorate_replyf("");
}

QUORATE_MEMORY_MACHINE(apply, query, save, load)
