/* Write a replicated state machine in C.
 *
 * A machine is a few functions: they are given committed commands in the order of the log, on every replica, and must do
 * the same on each. There are two kinds:
 *
 *  - a store machine keeps its state in an ordered space of keys and values that the host holds for it. The kind to
 *    start with. It keeps nothing in its own variables: each entry of the log gets a fresh instance.
 *  - a memory machine keeps its state in its own variables, and can save and load it.
 *
 * Memory: what the host gives, and what quorate_allocate, quorate_format and their like give, lives until the call ends
 * and is freed then. What is to live longer (the state of a memory machine) comes from malloc.
 *
 * A machine reads nothing but its state, its parameters and what is in here. A rejection is an answer that says no; a
 * memory machine looks first and changes its state last. abort, a failed assert and a wild pointer end the command as
 * TRAPPED, with the state as if it had never run. What is printed becomes lines of the node's log. */
#ifndef QUORATE_H
#define QUORATE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- bytes ---- */

/* Some bytes; text is UTF-8 without a zero at its end. */
typedef struct {
    const uint8_t *data;
    size_t length;
} quorate_bytes;

/* Memory that lives until the call ends. Never NULL: a machine that is out of memory traps. */
void *quorate_allocate(size_t length);
/* Bytes of text. */
quorate_bytes quorate_text(const char *text);
/* Text as printf would write it. */
__attribute__((format(printf, 1, 2))) quorate_bytes quorate_format(const char *format, ...);
/* The bytes of one and then of the other. */
quorate_bytes quorate_join(quorate_bytes first, quorate_bytes second);
/* The bytes with a zero at their end, for functions of the C library. */
char *quorate_string(quorate_bytes bytes);
bool quorate_equal(quorate_bytes first, quorate_bytes second);
/* Less than, equal to or greater than zero, as memcmp; this is the order of keys. */
int quorate_compare(quorate_bytes first, quorate_bytes second);
bool quorate_starts_with(quorate_bytes bytes, quorate_bytes prefix);
/* Whether the bytes are UTF-8. */
bool quorate_is_text(quorate_bytes bytes);
/* The bytes from `start` on; none when there are no more. */
quorate_bytes quorate_from(quorate_bytes bytes, size_t start);
/* Cuts the first word off, which spaces, tabs and line ends end, and gives it; empty when there is none. */
quorate_bytes quorate_word(quorate_bytes *rest);
/* Reads a whole number of decimal digits only; false when it is none, or too large. */
bool quorate_number(quorate_bytes text, uint64_t *number);
/* A number as 8 bytes whose order is that of the numbers, for keys; and the number again. */
quorate_bytes quorate_ordered(uint64_t number);
uint64_t quorate_from_ordered(const uint8_t bytes[8]);

/* ---- answers ---- */

/* The outcome of a command, query, timer, save or load. */
typedef struct {
    bool rejected;
    quorate_bytes bytes;
} quorate_answer;

quorate_answer quorate_reply(quorate_bytes bytes);
quorate_answer quorate_reject(quorate_bytes bytes);
__attribute__((format(printf, 1, 2))) quorate_answer quorate_replyf(const char *format, ...);
__attribute__((format(printf, 1, 2))) quorate_answer quorate_rejectf(const char *format, ...);

/* ---- what the host offers ---- */

/* Where in the log a command is, and when: the same on every replica. */
typedef struct {
    uint64_t index;   /* of the entry of the log */
    uint32_t ordinal; /* in the entry, from 0 */
    uint64_t time_ms; /* since the Unix epoch; never less than before */
} quorate_position;

/* The group the machine runs in. */
typedef struct {
    uint64_t id;
    quorate_bytes name; /* TENANT/NAME */
} quorate_group;

typedef enum { QUORATE_TRACE, QUORATE_DEBUG, QUORATE_INFO, QUORATE_WARN, QUORATE_ERROR } quorate_level;

quorate_group quorate_this_group(void);
/* Writes a line to the node's log. */
__attribute__((format(printf, 2, 3))) void quorate_log(quorate_level level, const char *format, ...);
/* Tells those who watch the group; in apply and fired only. Dropped when the command is rejected or traps. */
void quorate_emit(const char *topic, quorate_bytes payload);
/* The next number of a stream that is the same on every replica, and no secret. */
uint64_t quorate_random(void);
/* Proposes a command; in a lifecycle callback on the leader only, and it traps elsewhere. */
void quorate_propose(quorate_bytes command);
/* Asks to be called (QUORATE_TIMERS) when the group's time has come to `at_ms`; in apply and fired only. A timer of the
 * same number is replaced. */
void quorate_set_timer(uint64_t id, uint64_t at_ms);
/* Forgets a timer; one that is not set is no error. */
void quorate_cancel_timer(uint64_t id);

/* ---- the store, of store machines ---- */

/* A key and its value. */
typedef struct {
    quorate_bytes key;
    quorate_bytes value;
} quorate_pair;

/* The value of a key; false when it has none. `value` may be NULL. */
bool quorate_get(quorate_bytes key, quorate_bytes *value);
void quorate_put(quorate_bytes key, quorate_bytes value);
void quorate_delete(quorate_bytes key);
/* Removes the keys from `start` and before `end`; to the last one when `end` is NULL. */
void quorate_delete_range(quorate_bytes start, const quorate_bytes *end);

/* Pairs in order. Begin with quorate_range or quorate_prefix, and call quorate_next until it is false. */
typedef struct {
    quorate_bytes start;
    quorate_bytes end;
    bool has_end;
    bool reverse;
    uint32_t page; /* how many pairs are asked for at a time */
    bool done;
    quorate_pair *pairs;
    size_t count, next;
} quorate_scan;

/* From `start` and before `end`; to the last one when `end` is NULL. */
quorate_scan quorate_range(quorate_bytes start, const quorate_bytes *end);
/* The keys that begin with `prefix`. */
quorate_scan quorate_prefix(quorate_bytes prefix);
/* The same from the last to the first. */
quorate_scan quorate_reversed(quorate_scan scan);
bool quorate_next(quorate_scan *scan, quorate_pair *pair);

/* ---- snapshots, of memory machines ---- */

/* In save only: writes more bytes. It must come to the same on every replica. */
void quorate_write(quorate_bytes bytes);
/* In load and migrate only: all the bytes that save wrote. */
quorate_bytes quorate_read_all(void);
/* In load and migrate only: the next bytes, `limit` of them at most; none at the end. */
quorate_bytes quorate_read(uint32_t limit);

/* ---- what a machine exports ---- */

typedef quorate_answer quorate_apply_function(quorate_position position, quorate_bytes command);
typedef quorate_answer quorate_query_function(quorate_bytes request);
/* Rejects to say that it failed, and why. */
typedef quorate_answer quorate_snapshot_function(void);
typedef quorate_answer quorate_fired_function(quorate_position position, uint64_t id);

/* Brings a state of another version to that of this plugin; rejects to say that it cannot, and why. */
typedef quorate_answer quorate_migrate_function(uint32_t from_version);

/* What a machine is told about its replica; leave out what does not matter. These run apart from the commands: nothing
 * that they change is kept, and what they want changed they propose. */
typedef struct {
    void (*leader_start)(uint64_t term);
    void (*leader_stop)(uint64_t term);
    void (*start_following)(uint64_t leader, uint64_t term);
    void (*stop_following)(uint64_t leader, uint64_t term);
    void (*configuration_committed)(uint64_t index, const uint64_t *voters, size_t voter_count,
                                    const uint64_t *learners, size_t learner_count);
    void (*error)(quorate_bytes message);
    void (*shutdown)(void);
} quorate_lifecycle;

/* Makes this a store machine. */
#define QUORATE_STORE_MACHINE(apply, query)                                                        \
    QUORATE_MACHINE_(apply, query)                                                                 \
    QUORATE_EXPORT_("quorate-keeps-its-state-in-the-store")                                        \
    void quorate_export_store_(void) { quorate_delete((quorate_bytes){NULL, 0}); }

/* Makes this a memory machine. */
#define QUORATE_MEMORY_MACHINE(apply, query, save, load)                                           \
    QUORATE_MACHINE_(apply, query)                                                                 \
    QUORATE_EXPORT_("quorate:machine/snapshot@0.1.0#save")                                         \
    void *quorate_export_save_(void) {                                                             \
        quorate_snapshot_function *checked = save;                                                 \
        return quorate_lower_(checked());                                                          \
    }                                                                                              \
    QUORATE_EXPORT_("cabi_post_quorate:machine/snapshot@0.1.0#save")                               \
    void quorate_export_save_post_(void *result) { quorate_end_(result); }                         \
    QUORATE_EXPORT_("quorate:machine/snapshot@0.1.0#load")                                         \
    void *quorate_export_load_(void) {                                                             \
        quorate_snapshot_function *checked = load;                                                 \
        return quorate_lower_(checked());                                                          \
    }                                                                                              \
    QUORATE_EXPORT_("cabi_post_quorate:machine/snapshot@0.1.0#load")                               \
    void quorate_export_load_post_(void *result) { quorate_end_(result); }

/* Has `fired` called when a timer is due. */
#define QUORATE_TIMERS(fired)                                                                      \
    QUORATE_EXPORT_("quorate:machine/timers@0.1.0#fired")                                          \
    void *quorate_export_fired_(uint64_t index, uint32_t ordinal, uint64_t time_ms, uint64_t id) { \
        quorate_fired_function *checked = fired;                                                   \
        return quorate_lower_(checked((quorate_position){index, ordinal, time_ms}, id));           \
    }                                                                                              \
    QUORATE_EXPORT_("cabi_post_quorate:machine/timers@0.1.0#fired")                                \
    void quorate_export_fired_post_(void *result) { quorate_end_(result); }

/* Has states of other versions of the plugin taken over: `version` is that of its own, a number from 1 (a plugin without
 * this has 0). `migrate` runs once, on every replica, where the group goes over to this plugin. A store machine finds the old
 * state in its store, and changes it there; a memory machine reads what the old version saved, in the place of load. When it
 * rejects, or traps, the group goes on with the old version and the state it had. */
#define QUORATE_UPGRADE(version, migrate)                                                          \
    QUORATE_EXPORT_("quorate:machine/upgrade@0.1.0#state-version")                                 \
    uint32_t quorate_export_state_version_(void) { return (version); }                             \
    QUORATE_EXPORT_("quorate:machine/upgrade@0.1.0#migrate")                                       \
    void *quorate_export_migrate_(uint32_t from_version) {                                         \
        quorate_migrate_function *checked = migrate;                                               \
        return quorate_lower_(checked(from_version));                                              \
    }                                                                                              \
    QUORATE_EXPORT_("cabi_post_quorate:machine/upgrade@0.1.0#migrate")                             \
    void quorate_export_migrate_post_(void *result) { quorate_end_(result); }

/* Has the machine told about its replica: QUORATE_LIFECYCLE(.leader_start = on_leader_start); */
#define QUORATE_LIFECYCLE(...)                                                                     \
    static const quorate_lifecycle quorate_callbacks_ = {__VA_ARGS__};                             \
    QUORATE_EXPORT_("quorate:machine/lifecycle@0.1.0#leader-start")                                \
    void quorate_export_leader_start_(uint64_t term) {                                             \
        if (quorate_callbacks_.leader_start) quorate_callbacks_.leader_start(term);                \
        quorate_end_(NULL);                                                                        \
    }                                                                                              \
    QUORATE_EXPORT_("quorate:machine/lifecycle@0.1.0#leader-stop")                                 \
    void quorate_export_leader_stop_(uint64_t term) {                                              \
        if (quorate_callbacks_.leader_stop) quorate_callbacks_.leader_stop(term);                  \
        quorate_end_(NULL);                                                                        \
    }                                                                                              \
    QUORATE_EXPORT_("quorate:machine/lifecycle@0.1.0#start-following")                             \
    void quorate_export_start_following_(uint64_t leader, uint64_t term) {                         \
        if (quorate_callbacks_.start_following) quorate_callbacks_.start_following(leader, term);  \
        quorate_end_(NULL);                                                                        \
    }                                                                                              \
    QUORATE_EXPORT_("quorate:machine/lifecycle@0.1.0#stop-following")                              \
    void quorate_export_stop_following_(uint64_t leader, uint64_t term) {                          \
        if (quorate_callbacks_.stop_following) quorate_callbacks_.stop_following(leader, term);    \
        quorate_end_(NULL);                                                                        \
    }                                                                                              \
    QUORATE_EXPORT_("quorate:machine/lifecycle@0.1.0#configuration-committed")                     \
    void quorate_export_configuration_(uint64_t index, const uint64_t *voters, size_t voter_count, \
                                       const uint64_t *learners, size_t learner_count) {           \
        if (quorate_callbacks_.configuration_committed)                                            \
            quorate_callbacks_.configuration_committed(index, voters, voter_count, learners,       \
                                                       learner_count);                             \
        quorate_end_(NULL);                                                                        \
    }                                                                                              \
    QUORATE_EXPORT_("quorate:machine/lifecycle@0.1.0#error")                                       \
    void quorate_export_error_(const uint8_t *data, size_t length) {                               \
        if (quorate_callbacks_.error) quorate_callbacks_.error((quorate_bytes){data, length});     \
        quorate_end_(NULL);                                                                        \
    }                                                                                              \
    QUORATE_EXPORT_("quorate:machine/lifecycle@0.1.0#shutdown")                                    \
    void quorate_export_shutdown_(void) {                                                          \
        if (quorate_callbacks_.shutdown) quorate_callbacks_.shutdown();                            \
        quorate_end_(NULL);                                                                        \
    }

/* ---- of the macros ---- */

#define QUORATE_EXPORT_(name) __attribute__((export_name(name)))
#define QUORATE_MACHINE_(apply, query)                                                             \
    QUORATE_EXPORT_("quorate:machine/machine@0.1.0#apply")                                         \
    void *quorate_export_apply_(uint64_t index, uint32_t ordinal, uint64_t time_ms,                \
                                const uint8_t *data, size_t length) {                              \
        quorate_apply_function *checked = apply;                                                   \
        return quorate_lower_(checked((quorate_position){index, ordinal, time_ms},                 \
                                      (quorate_bytes){data, length}));                             \
    }                                                                                              \
    QUORATE_EXPORT_("cabi_post_quorate:machine/machine@0.1.0#apply")                               \
    void quorate_export_apply_post_(void *result) { quorate_end_(result); }                        \
    QUORATE_EXPORT_("quorate:machine/machine@0.1.0#query")                                         \
    void *quorate_export_query_(const uint8_t *data, size_t length) {                              \
        quorate_query_function *checked = query;                                                   \
        return quorate_lower_(checked((quorate_bytes){data, length}));                             \
    }                                                                                              \
    QUORATE_EXPORT_("cabi_post_quorate:machine/machine@0.1.0#query")                               \
    void quorate_export_query_post_(void *result) { quorate_end_(result); }

void *quorate_lower_(quorate_answer answer);
void quorate_end_(void *result);

#endif
