/* What quorate.h promises, over the canonical ABI of the contract's interfaces. */
#include "quorate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IMPORT(interface, name)                                                                    \
    __attribute__((import_module("quorate:machine/" interface "@0.1.0"), import_name(name)))

/* How values lie in memory when they do not fit into the one result of a core function. */
typedef struct {
    uint8_t is_there;
    quorate_bytes bytes;
} optional_bytes;
typedef struct {
    uint8_t is_error;
    quorate_bytes bytes;
} result_bytes;
typedef struct {
    quorate_pair *pairs;
    size_t count;
} pair_list;

IMPORT("host", "group") void host_group(quorate_group *result);
IMPORT("host", "log") void host_log(int level, const uint8_t *data, size_t length);
IMPORT("host", "emit")
void host_emit(const uint8_t *topic, size_t topic_length, const uint8_t *data, size_t length);
IMPORT("host", "random") uint64_t host_random(void);
IMPORT("host", "propose") void host_propose(const uint8_t *data, size_t length);
IMPORT("host", "set-timer") void host_set_timer(uint64_t id, uint64_t at_ms);
IMPORT("host", "cancel-timer") void host_cancel_timer(uint64_t id);
IMPORT("store", "get") void store_get(const uint8_t *key, size_t length, optional_bytes *result);
IMPORT("store", "put")
void store_put(const uint8_t *key, size_t key_length, const uint8_t *data, size_t length);
IMPORT("store", "delete") void store_delete(const uint8_t *key, size_t length);
IMPORT("store", "delete-range")
void store_delete_range(const uint8_t *start, size_t start_length, int has_end, const uint8_t *end,
                        size_t end_length);
IMPORT("store", "scan")
void store_scan(const uint8_t *start, size_t start_length, int has_end, const uint8_t *end,
                size_t end_length, uint32_t limit, int reverse, pair_list *result);
IMPORT("snapshot-stream", "write") void stream_write(const uint8_t *data, size_t length);
IMPORT("snapshot-stream", "read") void stream_read(uint32_t limit, quorate_bytes *result);

/* ---- memory that lives for one call ---- */

/* Before each piece of it; as large as the strictest alignment. */
typedef struct piece {
    _Alignas(16) struct piece *before;
} piece;

static piece *newest_piece;

void *quorate_allocate(size_t length) {
    piece *made = length <= SIZE_MAX - sizeof(piece) ? malloc(sizeof(piece) + length) : NULL;
    if (!made) abort();
    made->before = newest_piece;
    newest_piece = made;
    return made + 1;
}

/* The host allocates with this what it gives. */
__attribute__((export_name("cabi_realloc"))) void *cabi_realloc(void *old, size_t old_length,
                                                                size_t alignment, size_t length) {
    (void)alignment;
    void *made = quorate_allocate(length);
    if (old_length) memcpy(made, old, old_length < length ? old_length : length);
    return made;
}

void *quorate_lower_(quorate_answer answer) {
    result_bytes *result = quorate_allocate(sizeof(result_bytes));
    *result = (result_bytes){answer.rejected, answer.bytes};
    return result;
}

void quorate_end_(void *result) {
    (void)result;
    while (newest_piece) {
        piece *before = newest_piece->before;
        free(newest_piece);
        newest_piece = before;
    }
}

/* ---- bytes ---- */

quorate_bytes quorate_text(const char *text) {
    return (quorate_bytes){(const uint8_t *)text, strlen(text)};
}

static quorate_bytes formatted(const char *format, va_list values) {
    va_list again;
    va_copy(again, values);
    int length = vsnprintf(NULL, 0, format, values);
    if (length < 0) abort();
    char *text = quorate_allocate((size_t)length + 1);
    vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    return (quorate_bytes){(uint8_t *)text, (size_t)length};
}

quorate_bytes quorate_format(const char *format, ...) {
    va_list values;
    va_start(values, format);
    quorate_bytes text = formatted(format, values);
    va_end(values);
    return text;
}

quorate_bytes quorate_join(quorate_bytes first, quorate_bytes second) {
    uint8_t *joined = quorate_allocate(first.length + second.length);
    if (first.length) memcpy(joined, first.data, first.length);
    if (second.length) memcpy(joined + first.length, second.data, second.length);
    return (quorate_bytes){joined, first.length + second.length};
}

char *quorate_string(quorate_bytes bytes) {
    char *text = quorate_allocate(bytes.length + 1);
    if (bytes.length) memcpy(text, bytes.data, bytes.length);
    text[bytes.length] = 0;
    return text;
}

int quorate_compare(quorate_bytes first, quorate_bytes second) {
    size_t common = first.length < second.length ? first.length : second.length;
    int order = common ? memcmp(first.data, second.data, common) : 0;
    if (order) return order;
    return (first.length > second.length) - (first.length < second.length);
}

bool quorate_equal(quorate_bytes first, quorate_bytes second) {
    return quorate_compare(first, second) == 0;
}

bool quorate_starts_with(quorate_bytes bytes, quorate_bytes prefix) {
    return bytes.length >= prefix.length &&
           quorate_equal((quorate_bytes){bytes.data, prefix.length}, prefix);
}

bool quorate_is_text(quorate_bytes bytes) {
    const uint8_t *at = bytes.data, *end = at + bytes.length;
    while (at < end) {
        uint8_t first = *at++;
        if (first < 0x80) continue;
        size_t more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
        if (first < 0xc2 || first > 0xf4 || (size_t)(end - at) < more) return false;
        /* Longer forms than needed, halves of pairs, and what is past the last character. */
        if ((first == 0xe0 && *at < 0xa0) || (first == 0xed && *at > 0x9f) ||
            (first == 0xf0 && *at < 0x90) || (first == 0xf4 && *at > 0x8f))
            return false;
        for (; more; more--)
            if ((*at++ & 0xc0) != 0x80) return false;
    }
    return true;
}

quorate_bytes quorate_from(quorate_bytes bytes, size_t start) {
    if (start > bytes.length) start = bytes.length;
    return (quorate_bytes){bytes.data + start, bytes.length - start};
}

static bool is_space(uint8_t byte) {
    return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r' || byte == '\f';
}

quorate_bytes quorate_word(quorate_bytes *rest) {
    while (rest->length && is_space(*rest->data)) *rest = quorate_from(*rest, 1);
    quorate_bytes word = {rest->data, 0};
    while (word.length < rest->length && !is_space(rest->data[word.length])) word.length++;
    *rest = quorate_from(*rest, word.length);
    return word;
}

bool quorate_number(quorate_bytes text, uint64_t *number) {
    uint64_t value = 0;
    for (size_t i = 0; i < text.length; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') return false;
        uint64_t digit = text.data[i] - '0';
        if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, digit, &value))
            return false;
    }
    *number = value;
    return text.length > 0;
}

quorate_bytes quorate_ordered(uint64_t number) {
    uint8_t *bytes = quorate_allocate(8);
    for (int i = 0; i < 8; i++) bytes[i] = (uint8_t)(number >> (56 - 8 * i));
    return (quorate_bytes){bytes, 8};
}

uint64_t quorate_from_ordered(const uint8_t bytes[8]) {
    uint64_t number = 0;
    for (int i = 0; i < 8; i++) number = number << 8 | bytes[i];
    return number;
}

/* ---- answers ---- */

quorate_answer quorate_reply(quorate_bytes bytes) { return (quorate_answer){false, bytes}; }

quorate_answer quorate_reject(quorate_bytes bytes) { return (quorate_answer){true, bytes}; }

quorate_answer quorate_replyf(const char *format, ...) {
    va_list values;
    va_start(values, format);
    quorate_answer answer = quorate_reply(formatted(format, values));
    va_end(values);
    return answer;
}

quorate_answer quorate_rejectf(const char *format, ...) {
    va_list values;
    va_start(values, format);
    quorate_answer answer = quorate_reject(formatted(format, values));
    va_end(values);
    return answer;
}

/* ---- the host ---- */

quorate_group quorate_this_group(void) {
    quorate_group group;
    host_group(&group);
    return group;
}

void quorate_log(quorate_level level, const char *format, ...) {
    va_list values;
    va_start(values, format);
    quorate_bytes line = formatted(format, values);
    va_end(values);
    host_log((int)level, line.data, line.length);
}

void quorate_emit(const char *topic, quorate_bytes payload) {
    host_emit((const uint8_t *)topic, strlen(topic), payload.data, payload.length);
}

uint64_t quorate_random(void) { return host_random(); }

void quorate_propose(quorate_bytes command) { host_propose(command.data, command.length); }

void quorate_set_timer(uint64_t id, uint64_t at_ms) { host_set_timer(id, at_ms); }

void quorate_cancel_timer(uint64_t id) { host_cancel_timer(id); }

/* ---- the store ---- */

/* Pairs of a scan that are asked for at a time, unless it says otherwise. */
#define PAGE_PAIRS 100

bool quorate_get(quorate_bytes key, quorate_bytes *value) {
    optional_bytes found;
    store_get(key.data, key.length, &found);
    if (found.is_there && value) *value = found.bytes;
    return found.is_there;
}

void quorate_put(quorate_bytes key, quorate_bytes value) {
    store_put(key.data, key.length, value.data, value.length);
}

void quorate_delete(quorate_bytes key) { store_delete(key.data, key.length); }

void quorate_delete_range(quorate_bytes start, const quorate_bytes *end) {
    quorate_bytes last = end ? *end : (quorate_bytes){NULL, 0};
    store_delete_range(start.data, start.length, end != NULL, last.data, last.length);
}

quorate_scan quorate_range(quorate_bytes start, const quorate_bytes *end) {
    quorate_scan scan = {.start = start, .has_end = end != NULL, .page = PAGE_PAIRS};
    if (end) scan.end = *end;
    return scan;
}

quorate_scan quorate_prefix(quorate_bytes prefix) {
    quorate_scan scan = quorate_range(prefix, NULL);
    size_t length = prefix.length;
    while (length && prefix.data[length - 1] == UINT8_MAX) length--;
    if (length) {
        uint8_t *end = quorate_allocate(length);
        memcpy(end, prefix.data, length);
        end[length - 1]++;
        scan.end = (quorate_bytes){end, length};
        scan.has_end = true;
    }
    return scan;
}

quorate_scan quorate_reversed(quorate_scan scan) {
    scan.reverse = !scan.reverse;
    return scan;
}

bool quorate_next(quorate_scan *scan, quorate_pair *pair) {
    if (scan->next == scan->count) {
        if (scan->done) return false;
        pair_list list;
        store_scan(scan->start.data, scan->start.length, scan->has_end, scan->end.data,
                   scan->end.length, scan->page, scan->reverse, &list);
        scan->pairs = list.pairs;
        scan->count = list.count;
        scan->next = 0;
        if (!list.count) {
            scan->done = true;
            return false;
        }
        /* A page may have ended early for its bytes, so only an empty one is the last. */
        quorate_bytes last = list.pairs[list.count - 1].key;
        if (scan->reverse) {
            scan->end = last;
            scan->has_end = true;
        } else {
            static const uint8_t zero;
            /* The first key behind another is that key and a zero byte. */
            scan->start = quorate_join(last, (quorate_bytes){&zero, 1});
        }
    }
    *pair = scan->pairs[scan->next++];
    return true;
}

/* ---- snapshots ---- */

/* The host takes and gives this much at a time. */
#define CHUNK_BYTES_MAX (1u << 20)

void quorate_write(quorate_bytes bytes) {
    while (bytes.length) {
        size_t length = bytes.length < CHUNK_BYTES_MAX ? bytes.length : CHUNK_BYTES_MAX;
        stream_write(bytes.data, length);
        bytes = quorate_from(bytes, length);
    }
}

quorate_bytes quorate_read(uint32_t limit) {
    quorate_bytes chunk;
    stream_read(limit < CHUNK_BYTES_MAX ? limit : CHUNK_BYTES_MAX, &chunk);
    return chunk;
}

quorate_bytes quorate_read_all(void) {
    uint8_t *all = NULL;
    size_t length = 0, room = 0;
    for (;;) {
        quorate_bytes chunk = quorate_read(CHUNK_BYTES_MAX);
        if (!chunk.length) return (quorate_bytes){all, length};
        if (room - length < chunk.length) {
            room = 2 * room + chunk.length;
            uint8_t *larger = quorate_allocate(room);
            if (length) memcpy(larger, all, length);
            all = larger;
        }
        memcpy(all + length, chunk.data, chunk.length);
        length += chunk.length;
    }
}
