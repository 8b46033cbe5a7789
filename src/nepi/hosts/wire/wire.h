/* What the files of the compiled user-space link share: the model of direction.py, queueing.py and fair.py, and the loop of engine.py.
 *
 * A plain shared object for ctypes: no Python.h. Each decision and each nanosecond is the same as in the Python files, which have
 * the comments on what is decided and why; tests/hosts/wire compares them. Times are nanoseconds of CLOCK_MONOTONIC.
 */
#ifndef WIRE_H
#define WIRE_H

#define _GNU_SOURCE
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define VERSION 1
#define SECOND 1000000000LL
#define NONE (-1LL)
#define EXPORT __attribute__((visibility("default")))

typedef __int128 wide;
typedef unsigned __int128 uwide;

/* In the order of `Parameters` in parameters.py. */
struct parameters {
    int64_t rate, burst_bytes, limit, delay_ns, jitter_ns, loss, duplicate, reorder, corrupt, distribution, bursty, to_bad, to_good,
        loss_bad, loss_good, discipline, ecn, red_least, red_most, red_weight, red_probability, red_idle_ns;
};

/* In the order of `COUNTED` in tally.py. */
struct tally {
    uint64_t frames_in, bytes_in, frames_out, bytes_out, dropped_queue, dropped_loss, duplicated, corrupted, marked, missed, late,
        worst_late_ns;
};

struct frame {
    struct frame *next;
    int64_t since;
    uint32_t length, capacity;
    uint8_t data[];
};

struct list {
    struct frame *first, *last;
    int64_t count, bytes;
};

#define FLOWS 1024
#define QUANTUM 1514
#define TARGET_NS 5000000LL
#define INTERVAL_NS 100000000LL

struct flow {
    struct list waiting;
    struct flow *next;
    int64_t deficit, count, last_count, first_above, next_drop;
    bool listed, dropping;
};

struct line {
    struct flow *first, *last;
};

struct fair {
    struct flow flows[FLOWS];
    struct line new, old;
    int64_t bytes, length;
    uint32_t salt;
};

struct direction {
    struct parameters p;
    struct tally tally;
    uint64_t chance;
    struct list waiting; /* fifo and red */
    struct fair *fair;
    int64_t red_average, red_count, red_idle_since;
    struct flight {
        int64_t at;
        uint64_t number;
        struct frame *frame;
    } *flights;
    size_t flying, room_for;
    uint64_t number;
    bool is_bad;
    int64_t *times; /* of a trace */
    int64_t time_count, time_index, time_base, packet_bytes;
    struct frame *served;
    int64_t served_since, left_at, unsent, virtual, last_out;
    /* the engine's */
    int ifindex, out_ifindex;
    size_t place; /* in the heap of directions, from 1; 0 when not in it */
    int64_t due_at;
    bool is_news, was_news;
};

enum { FIFO, FQ_CODEL, RED };

/* frames.c: frames, of which as many bytes are held, and what is read and written in them (packets.py) */

extern uint64_t held_bytes;
struct frame *frame_new(uint32_t length);
void frame_free(struct frame *frame);
uint32_t flow_of(const struct frame *frame, uint32_t salt, uint32_t flows);
bool mark(struct frame *frame);

/* queues.c: where frames wait */

bool queue_new(struct direction *d);
void queue_put(struct direction *d, int64_t now, struct frame *frame);
struct frame *queue_get(struct direction *d, int64_t now);
int64_t queue_length(const struct direction *d);
struct list queue_drain(struct direction *d);

/* direction.c: the model */

struct direction *wire_direction_new(uint64_t seed, const struct parameters *p);
void wire_direction_free(struct direction *d);
void arrive(struct direction *d, int64_t now, struct frame *frame);
int64_t next_at(const struct direction *d);
struct frame *next_due(struct direction *d, int64_t now, int64_t *at);
void change(struct direction *d, int64_t now, const struct parameters *p);
int set_trace(struct direction *d, int64_t now, const int64_t *times, int64_t count, int64_t packet_bytes);

static inline void append(struct list *list, struct frame *frame) {
    frame->next = NULL;
    if (list->last)
        list->last->next = frame;
    else
        list->first = frame;
    list->last = frame;
    list->count++;
    list->bytes += frame->length;
}

static inline struct frame *take(struct list *list) {
    struct frame *frame = list->first;
    if (!frame)
        return NULL;
    list->first = frame->next;
    if (!list->first)
        list->last = NULL;
    list->count--;
    list->bytes -= frame->length;
    return frame;
}

/* -- chance: chance.py */

static inline uint64_t draw(uint64_t *state) {
    uint64_t mixed = *state += 0x9E3779B97F4A7C15ULL;
    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9ULL;
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBULL;
    return mixed ^ (mixed >> 31);
}

static inline bool hit(uint64_t *state, int64_t threshold) { return threshold && (int64_t)(draw(state) >> 32) < threshold; }

#endif
