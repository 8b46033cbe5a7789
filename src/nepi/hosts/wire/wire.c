/* The model of direction.py, queueing.py and fair.py compiled, and the loop of engine.py around it.
 *
 * A plain shared object for ctypes: no Python.h. Each decision and each nanosecond is the same as in the Python files, which have
 * the comments on what is decided and why; tests/hosts/wire compares them. Times are nanoseconds of CLOCK_MONOTONIC.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/if_packet.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define VERSION 1
#define SECOND 1000000000LL
#define NONE (-1LL)
#define BATCH 64
#define SMALL 2048
#define LATE_NS 1000000

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

/* -- frames */

static struct frame *spare;
static uint64_t held_bytes;

static struct frame *frame_new(uint32_t length) {
    struct frame *frame = spare;
    if (length <= SMALL && frame) {
        spare = frame->next;
    } else {
        uint32_t capacity = length <= SMALL ? SMALL : length;
        frame = malloc(sizeof *frame + capacity);
        if (!frame)
            return NULL;
        frame->capacity = capacity;
    }
    frame->next = NULL;
    frame->length = length;
    held_bytes += frame->capacity;
    return frame;
}

static void frame_free(struct frame *frame) {
    held_bytes -= frame->capacity;
    if (frame->capacity == SMALL) {
        frame->next = spare;
        spare = frame;
    } else {
        free(frame);
    }
}

static void append(struct list *list, struct frame *frame) {
    frame->next = NULL;
    if (list->last)
        list->last->next = frame;
    else
        list->first = frame;
    list->last = frame;
    list->count++;
    list->bytes += frame->length;
}

static struct frame *take(struct list *list) {
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

static uint64_t draw(uint64_t *state) {
    uint64_t mixed = *state += 0x9E3779B97F4A7C15ULL;
    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9ULL;
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBULL;
    return mixed ^ (mixed >> 31);
}

static bool hit(uint64_t *state, int64_t threshold) { return threshold && (int64_t)(draw(state) >> 32) < threshold; }

/* -- packets: packets.py */

static uint32_t hash(uint32_t value, const uint8_t *data, uint32_t length) {
    for (uint32_t i = 0; i < length; i++)
        value = (value ^ data[i]) * 0x01000193U;
    return value;
}

static uint32_t flow_of(const struct frame *frame, uint32_t salt, uint32_t flows) {
    const uint8_t *d = frame->data;
    uint32_t length = frame->length, value = 0x811C9DC5U ^ salt, header = 0;
    uint32_t kind = length >= 14 ? (uint32_t)d[12] << 8 | d[13] : 0;
    uint8_t protocol = 0;
    bool first_fragment = true, is_ip = true;
    if (kind == 0x0800 && length >= 34) {
        header = 14 + (d[14] & 15) * 4U;
        protocol = d[23];
        value = hash(value, d + 26, 8);
        first_fragment = !((d[20] & 0x3F) || d[21]);
    } else if (kind == 0x86DD && length >= 54) {
        header = 54;
        protocol = d[20];
        value = hash(value, d + 22, 32);
    } else {
        value = hash(value, d, length < 14 ? length : 14);
        is_ip = false;
    }
    if (is_ip) {
        if ((protocol == 6 || protocol == 17 || protocol == 132) && first_fragment && length >= header + 4)
            value = hash(value, d + header, 4);
        value = hash(value, &protocol, 1);
    }
    value ^= value >> 15;
    value *= 0x2C1B3C6DU;
    return (value ^ (value >> 13)) % flows;
}

static bool mark(struct frame *frame) {
    uint8_t *d = frame->data;
    uint32_t length = frame->length;
    uint32_t kind = length >= 14 ? (uint32_t)d[12] << 8 | d[13] : 0;
    if (kind == 0x0800 && length >= 34) {
        if ((d[15] & 3) == 0)
            return false;
        if ((d[15] & 3) == 3)
            return true;
        uint32_t old = (uint32_t)d[14] << 8 | d[15], new = old | 3, sum = (uint32_t)d[24] << 8 | d[25];
        uint32_t total = (~sum & 0xFFFF) + (~old & 0xFFFF) + new;
        total = (total & 0xFFFF) + (total >> 16);
        total = (total & 0xFFFF) + (total >> 16);
        d[15] = new & 0xFF;
        d[24] = (~total & 0xFFFF) >> 8;
        d[25] = ~total & 0xFF;
        return true;
    }
    if (kind == 0x86DD && length >= 54) {
        if ((d[15] >> 4 & 3) == 0)
            return false;
        d[15] |= 0x30;
        return true;
    }
    return false;
}

/* -- queues: queueing.py and fair.py */

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

static void line_append(struct line *line, struct flow *flow) {
    flow->next = NULL;
    if (line->last)
        line->last->next = flow;
    else
        line->first = flow;
    line->last = flow;
}

static void line_drop_first(struct line *line) {
    line->first = line->first->next;
    if (!line->first)
        line->last = NULL;
}

static struct frame *fair_take(struct fair *fair, struct flow *flow) {
    struct frame *frame = take(&flow->waiting);
    fair->bytes -= frame->length;
    fair->length--;
    return frame;
}

static void fair_put(struct direction *d, int64_t now, struct frame *frame) {
    struct fair *fair = d->fair;
    struct flow *flow = &fair->flows[flow_of(frame, fair->salt, FLOWS)];
    frame->since = now;
    append(&flow->waiting, frame);
    fair->bytes += frame->length;
    fair->length++;
    if (!flow->listed) {
        flow->listed = true;
        flow->deficit = QUANTUM;
        line_append(&fair->new, flow);
    }
    if (fair->length > d->p.limit) {
        struct flow *fattest = fair->flows;
        for (struct flow *one = fair->flows; one < fair->flows + FLOWS; one++)
            if (one->waiting.bytes > fattest->waiting.bytes)
                fattest = one;
        frame_free(fair_take(fair, fattest));
        d->tally.dropped_queue++;
    }
}

static int64_t square_root(uint64_t value) {
    uint64_t root = 0, bit = 1ULL << 62;
    while (bit > value)
        bit >>= 2;
    for (; bit; bit >>= 2) {
        if (value >= root + bit) {
            value -= root + bit;
            root = (root >> 1) + bit;
        } else {
            root >>= 1;
        }
    }
    return (int64_t)root;
}

static int64_t after(int64_t since, int64_t count) { return since + square_root((uint64_t)(INTERVAL_NS * INTERVAL_NS / count)); }

static struct frame *codel_next(struct fair *fair, struct flow *flow, int64_t now, bool *late) {
    *late = false;
    if (!flow->waiting.first) {
        flow->first_above = NONE;
        return NULL;
    }
    struct frame *frame = fair_take(fair, flow);
    if (now - frame->since < TARGET_NS || fair->bytes <= QUANTUM)
        flow->first_above = NONE;
    else if (flow->first_above == NONE)
        flow->first_above = now + INTERVAL_NS;
    else
        *late = now >= flow->first_above;
    return frame;
}

static bool codel_mark(struct direction *d, struct frame *frame) {
    if (!d->p.ecn || !mark(frame))
        return false;
    d->tally.marked++;
    return true;
}

static struct frame *codel_go_on(struct direction *d, struct flow *flow, int64_t now, struct frame *frame, bool late) {
    if (!late) {
        flow->dropping = false;
        return frame;
    }
    while (frame && flow->dropping && now >= flow->next_drop) {
        flow->count++;
        if (codel_mark(d, frame)) {
            flow->next_drop = after(flow->next_drop, flow->count);
            return frame;
        }
        d->tally.dropped_queue++;
        frame_free(frame);
        frame = codel_next(d->fair, flow, now, &late);
        if (late)
            flow->next_drop = after(flow->next_drop, flow->count);
        else
            flow->dropping = false;
    }
    return frame;
}

static struct frame *codel(struct direction *d, struct flow *flow, int64_t now) {
    bool late, unused;
    struct frame *frame = codel_next(d->fair, flow, now, &late);
    if (!frame) {
        flow->dropping = false;
        return NULL;
    }
    if (flow->dropping)
        return codel_go_on(d, flow, now, frame, late);
    if (late) {
        if (!codel_mark(d, frame)) {
            d->tally.dropped_queue++;
            frame_free(frame);
            frame = codel_next(d->fair, flow, now, &unused);
        }
        flow->dropping = true;
        int64_t since_last = flow->count - flow->last_count;
        bool recently = now - flow->next_drop < 16 * INTERVAL_NS;
        flow->count = since_last > 1 && recently ? since_last : 1;
        flow->last_count = flow->count;
        flow->next_drop = after(now, flow->count);
    }
    return frame;
}

static struct frame *fair_get(struct direction *d, int64_t now) {
    struct fair *fair = d->fair;
    while (fair->new.first || fair->old.first) {
        struct line *line = fair->new.first ? &fair->new : &fair->old;
        struct flow *flow = line->first;
        if (flow->deficit <= 0) {
            flow->deficit += QUANTUM;
            line_drop_first(line);
            line_append(&fair->old, flow);
            continue;
        }
        struct frame *frame = codel(d, flow, now);
        if (frame) {
            flow->deficit -= frame->length;
            return frame;
        }
        line_drop_first(line);
        if (line == &fair->new && fair->old.first)
            line_append(&fair->old, flow);
        else
            flow->listed = false;
    }
    return NULL;
}

static int64_t red_decayed(int64_t average, int64_t weight, int64_t times) {
    uint64_t factor = (1ULL << 32) - (1ULL << (32 - weight));
    for (; times && average; times >>= 1) {
        if (times & 1)
            average = (int64_t)((uwide)average * factor >> 32);
        factor = (uint64_t)((uwide)factor * factor >> 32);
    }
    return average;
}

static bool red_hits(struct direction *d, int64_t average) {
    const struct parameters *p = &d->p;
    if (average < p->red_least || average >= p->red_most) {
        d->red_count = -1;
        return average >= p->red_most;
    }
    d->red_count++;
    int64_t base = (int64_t)((wide)p->red_probability * (average - p->red_least) / (p->red_most - p->red_least));
    int64_t rest = (1LL << 32) - d->red_count * base;
    if (rest <= 0 || (int64_t)(draw(&d->chance) >> 32) < (int64_t)(((uint64_t)base << 32) / (uint64_t)rest)) {
        d->red_count = 0;
        return true;
    }
    return false;
}

static void red_put(struct direction *d, int64_t now, struct frame *frame) {
    const struct parameters *p = &d->p;
    if (d->red_idle_since != NONE) {
        int64_t quiet = now > d->red_idle_since ? (now - d->red_idle_since) / p->red_idle_ns : 0;
        d->red_average = red_decayed(d->red_average, p->red_weight, quiet);
        d->red_idle_since = NONE;
    }
    d->red_average += d->waiting.bytes - (d->red_average >> p->red_weight);
    bool drop = d->waiting.count >= p->limit;
    if (!drop && red_hits(d, d->red_average >> p->red_weight)) {
        drop = !(p->ecn && mark(frame));
        d->tally.marked += !drop;
    }
    if (drop) {
        d->tally.dropped_queue++;
        frame_free(frame);
        return;
    }
    append(&d->waiting, frame);
}

static void queue_put(struct direction *d, int64_t now, struct frame *frame) {
    if (d->fair) {
        fair_put(d, now, frame);
    } else if (d->p.discipline == RED) {
        red_put(d, now, frame);
    } else if (d->waiting.count < d->p.limit) {
        append(&d->waiting, frame);
    } else {
        d->tally.dropped_queue++;
        frame_free(frame);
    }
}

static struct frame *queue_get(struct direction *d, int64_t now) {
    if (d->fair)
        return fair_get(d, now);
    struct frame *frame = take(&d->waiting);
    if (!frame && d->p.discipline == RED && d->red_idle_since == NONE)
        d->red_idle_since = now;
    return frame;
}

static int64_t queue_length(const struct direction *d) { return d->fair ? d->fair->length : d->waiting.count; }

static void line_drain(struct line *line, struct list *into) {
    for (struct flow *flow = line->first; flow; flow = flow->next)
        for (struct frame *frame; (frame = take(&flow->waiting));)
            append(into, frame);
}

static struct list queue_drain(struct direction *d) {
    struct list all = {0};
    if (!d->fair) {
        all = d->waiting;
        memset(&d->waiting, 0, sizeof d->waiting);
        return all;
    }
    line_drain(&d->fair->new, &all);
    line_drain(&d->fair->old, &all);
    uint32_t salt = d->fair->salt;
    memset(d->fair, 0, sizeof *d->fair);
    for (struct flow *flow = d->fair->flows; flow < d->fair->flows + FLOWS; flow++)
        flow->first_above = NONE;
    d->fair->salt = salt;
    return all;
}

/* Make the queue that the parameters ask for; it is empty. False when memory is short. */
static bool queue_new(struct direction *d) {
    free(d->fair);
    d->fair = NULL;
    d->red_average = 0;
    d->red_count = -1;
    d->red_idle_since = NONE;
    if (d->p.discipline != FQ_CODEL)
        return true;
    d->fair = calloc(1, sizeof *d->fair);
    if (!d->fair)
        return false;
    d->fair->salt = (uint32_t)(draw(&d->chance) >> 32);
    for (struct flow *flow = d->fair->flows; flow < d->fair->flows + FLOWS; flow++)
        flow->first_above = NONE;
    return true;
}

/* -- on the way: a heap of (at, number) */

static bool before(const struct flight *a, const struct flight *b) { return a->at < b->at || (a->at == b->at && a->number < b->number); }

static bool fly(struct direction *d, int64_t at, struct frame *frame) {
    if (d->flying == d->room_for) {
        size_t room = d->room_for ? 2 * d->room_for : 64;
        struct flight *more = realloc(d->flights, room * sizeof *more);
        if (!more)
            return false;
        d->flights = more;
        d->room_for = room;
    }
    struct flight flight = {at, d->number, frame};
    size_t i = d->flying++;
    for (; i && before(&flight, &d->flights[(i - 1) / 2]); i = (i - 1) / 2)
        d->flights[i] = d->flights[(i - 1) / 2];
    d->flights[i] = flight;
    return true;
}

static struct frame *land(struct direction *d) {
    struct frame *frame = d->flights[0].frame;
    struct flight last = d->flights[--d->flying];
    size_t i = 0;
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= d->flying)
            break;
        if (child + 1 < d->flying && before(&d->flights[child + 1], &d->flights[child]))
            child++;
        if (!before(&d->flights[child], &last))
            break;
        d->flights[i] = d->flights[child];
        i = child;
    }
    d->flights[i] = last;
    return frame;
}

/* -- the model: direction.py */

static int32_t tables[4][4096];

static int64_t variation(struct direction *d) {
    uint64_t drawn = draw(&d->chance);
    if (d->p.distribution == 0)
        return (int64_t)(drawn % (uint64_t)(2 * d->p.jitter_ns + 1)) - d->p.jitter_ns;
    return (int64_t)((wide)d->p.jitter_ns * tables[d->p.distribution][drawn % 4096] >> 13);
}

static void launch(struct direction *d, int64_t at, struct frame *frame, int64_t took) {
    const struct parameters *p = &d->p;
    int64_t out = at;
    if (!hit(&d->chance, p->reorder)) {
        int64_t delay = p->delay_ns + (p->jitter_ns ? variation(d) : 0);
        out += delay > 0 ? delay : 0;
        if (p->rate || d->times) {
            int64_t start = out - took;
            out = d->last_out = (start > d->last_out ? start : d->last_out) + took;
        }
    }
    d->number++;
    if (!fly(d, out, frame)) {
        d->tally.missed++;
        frame_free(frame);
    }
}

static void let_go(struct direction *d, int64_t now, struct frame *served) {
    if (served)
        launch(d, now, served, 0);
    struct list waiting = queue_drain(d);
    for (struct frame *frame; (frame = take(&waiting));)
        launch(d, now, frame, 0);
}

static void send_at_rate(struct direction *d, int64_t now, struct frame *frame) {
    const struct parameters *p = &d->p;
    int64_t takes = ((int64_t)frame->length * 8 * SECOND + p->rate / 2) / p->rate;
    int64_t ahead = (int64_t)((wide)p->burst_bytes * 8 * SECOND / p->rate);
    d->virtual = (d->virtual > now ? d->virtual : now) + takes;
    d->served = frame;
    d->served_since = now;
    d->left_at = d->virtual - ahead > now ? d->virtual - ahead : now;
}

static void serve(struct direction *d, int64_t now) {
    struct frame *frame = queue_get(d, now);
    if (frame)
        send_at_rate(d, now, frame);
}

static int64_t counted(const struct frame *frame) { return (frame->length > 14 ? (int64_t)frame->length - 14 : 0) + 4; }

static int64_t opportunity_at(const struct direction *d) { return d->time_base + d->times[d->time_index]; }

static void opportunity_used(struct direction *d) {
    if (++d->time_index == d->time_count) {
        d->time_index = 0;
        d->time_base += d->times[d->time_count - 1];
    }
}

static void opportunities_skip(struct direction *d, int64_t now) {
    if (opportunity_at(d) >= now)
        return;
    int64_t period = d->times[d->time_count - 1];
    d->time_base += (now - d->time_base) / period * period;
    int64_t low = 0, high = d->time_count;
    while (low < high) {
        int64_t middle = (low + high) / 2;
        if (d->times[middle] < now - d->time_base)
            low = middle + 1;
        else
            high = middle;
    }
    d->time_index = low;
}

static void use_opportunity(struct direction *d, int64_t at) {
    int64_t room = d->packet_bytes;
    opportunity_used(d);
    while (room) {
        if (!d->served) {
            d->served = queue_get(d, at);
            if (!d->served)
                return;
            d->unsent = counted(d->served);
        }
        if (d->unsent > room) {
            d->unsent -= room;
            return;
        }
        room -= d->unsent;
        struct frame *frame = d->served;
        d->served = NULL;
        launch(d, at, frame, 0);
    }
}

static int64_t turn_at(const struct direction *d) {
    if (d->times)
        return d->served || queue_length(d) ? opportunity_at(d) : NONE;
    return d->served ? d->left_at : NONE;
}

static void advance(struct direction *d, int64_t now) {
    for (int64_t at; d->times && (at = turn_at(d)) != NONE && at <= now;)
        use_opportunity(d, at);
    while (!d->times && d->served && d->left_at <= now) {
        struct frame *frame = d->served;
        int64_t left_at = d->left_at;
        d->served = NULL;
        launch(d, left_at, frame, left_at - d->served_since);
        serve(d, left_at);
    }
}

static void line_up(struct direction *d, int64_t now, struct frame *frame) {
    if (d->times && !d->served && !queue_length(d))
        opportunities_skip(d, now);
    queue_put(d, now, frame);
    if (!d->times && !d->served)
        serve(d, now);
}

static bool is_lost(struct direction *d) {
    const struct parameters *p = &d->p;
    if (!p->bursty)
        return hit(&d->chance, p->loss);
    if (d->is_bad) {
        d->is_bad = !hit(&d->chance, p->to_good);
        return hit(&d->chance, p->loss_bad);
    }
    d->is_bad = hit(&d->chance, p->to_bad);
    return hit(&d->chance, p->loss_good);
}

static void pass(struct direction *d, int64_t now, struct frame *frame) {
    if (hit(&d->chance, d->p.corrupt)) {
        uint64_t bit = draw(&d->chance) % ((uint64_t)frame->length * 8);
        frame->data[bit >> 3] ^= 1 << (bit & 7);
        d->tally.corrupted++;
    }
    if (d->p.rate || d->times)
        line_up(d, now, frame);
    else
        launch(d, now, frame, 0);
}

/* Takes the frame over. */
static void arrive(struct direction *d, int64_t now, struct frame *frame) {
    d->tally.frames_in++;
    d->tally.bytes_in += frame->length;
    advance(d, now);
    int copies = 1 + hit(&d->chance, d->p.duplicate);
    d->tally.duplicated += copies - 1;
    if (is_lost(d)) {
        d->tally.dropped_loss++;
        copies--;
    }
    if (copies == 0) {
        frame_free(frame);
        return;
    }
    struct frame *copy = copies == 2 ? frame_new(frame->length) : NULL;
    if (copy)
        memcpy(copy->data, frame->data, frame->length);
    pass(d, now, frame);
    if (copy)
        pass(d, now, copy);
    else if (copies == 2)
        d->tally.missed++;
}

static int64_t next_at(const struct direction *d) {
    int64_t at = turn_at(d);
    if (d->flying && (at == NONE || d->flights[0].at < at))
        return d->flights[0].at;
    return at;
}

static struct frame *next_due(struct direction *d, int64_t now, int64_t *at) {
    advance(d, now);
    if (!d->flying || d->flights[0].at > now)
        return NULL;
    *at = d->flights[0].at;
    struct frame *frame = land(d);
    d->tally.frames_out++;
    d->tally.bytes_out += frame->length;
    return frame;
}

static void change(struct direction *d, int64_t now, const struct parameters *p) {
    advance(d, now);
    int64_t rate = d->p.rate;
    if (p->discipline != d->p.discipline) {
        struct list waiting = queue_drain(d);
        d->p = *p;
        if (!queue_new(d))
            d->p.discipline = FIFO;
        for (struct frame *frame; (frame = take(&waiting));)
            queue_put(d, now, frame);
    } else {
        if (p->discipline == RED)
            d->red_average = d->red_average >> d->p.red_weight << p->red_weight;
        d->p = *p;
    }
    if (d->times || p->rate == rate)
        return;
    if (p->rate == 0) {
        struct frame *served = d->served;
        d->served = NULL;
        d->virtual = now;
        let_go(d, now, served);
    } else if (rate) {
        d->virtual = now + (int64_t)((wide)(d->virtual > now ? d->virtual - now : 0) * rate / p->rate);
        d->left_at = now + (int64_t)((wide)(d->left_at > now ? d->left_at - now : 0) * rate / p->rate);
    }
}

static void end_trace(struct direction *d, int64_t now) {
    free(d->times);
    d->times = NULL;
    struct frame *served = d->served;
    d->served = NULL;
    d->virtual = now;
    if (!d->p.rate)
        let_go(d, now, served);
    else if (served)
        send_at_rate(d, now, served);
    else
        serve(d, now);
}

static int set_trace(struct direction *d, int64_t now, const int64_t *times, int64_t count, int64_t packet_bytes) {
    advance(d, now);
    if (!times) {
        if (d->times)
            end_trace(d, now);
        return 0;
    }
    int64_t *copy = malloc((size_t)count * sizeof *copy);
    if (!copy)
        return -1;
    memcpy(copy, times, (size_t)count * sizeof *copy);
    free(d->times);
    d->times = copy;
    d->time_count = count;
    d->time_index = 0;
    d->time_base = now;
    d->packet_bytes = packet_bytes;
    d->unsent = d->served ? counted(d->served) : 0;
    return 0;
}

int wire_version(void) { return VERSION; }

void wire_table(int distribution, const int32_t *values) { memcpy(tables[distribution], values, sizeof tables[distribution]); }

struct direction *wire_direction_new(uint64_t seed, const struct parameters *p) {
    struct direction *d = calloc(1, sizeof *d);
    if (!d)
        return NULL;
    d->chance = seed;
    d->p = *p;
    d->due_at = NONE;
    if (!queue_new(d)) {
        free(d);
        return NULL;
    }
    return d;
}

void wire_direction_free(struct direction *d) {
    struct list waiting = queue_drain(d);
    for (struct frame *frame; (frame = take(&waiting));)
        frame_free(frame);
    while (d->flying)
        frame_free(land(d));
    if (d->served)
        frame_free(d->served);
    free(d->flights);
    free(d->times);
    free(d->fair);
    free(d);
}

void wire_direction_change(struct direction *d, int64_t now, const struct parameters *p) { change(d, now, p); }

int wire_direction_trace(struct direction *d, int64_t now, const int64_t *times, int64_t count, int64_t packet_bytes) {
    return set_trace(d, now, times, count, packet_bytes);
}

void wire_direction_arrive(struct direction *d, int64_t now, const uint8_t *data, uint32_t length) {
    struct frame *frame = frame_new(length);
    if (!frame) {
        d->tally.missed++;
        return;
    }
    memcpy(frame->data, data, length);
    arrive(d, now, frame);
}

int64_t wire_direction_next(const struct direction *d) { return next_at(d); }

/* Writes the next frame that is due into `data` (of 65,600 bytes); returns its length, or -1 when none is. */
int64_t wire_direction_due(struct direction *d, int64_t now, int64_t *at, uint8_t *data) {
    struct frame *frame = next_due(d, now, at);
    if (!frame)
        return -1;
    int64_t length = frame->length;
    memcpy(data, frame->data, frame->length);
    frame_free(frame);
    return length;
}

void wire_direction_tally(const struct direction *d, struct tally *tally) { *tally = d->tally; }

int64_t wire_direction_held(const struct direction *d) { return (int64_t)d->flying + queue_length(d) + (d->served ? 1 : 0); }

/* -- the engine: engine.py */

struct engine {
    int fd;
    uint8_t *ring;
    uint32_t slots, slot_bytes, head;
    uint64_t most_bytes;
    struct direction **by_ifindex;
    size_t known;
    struct direction **heap; /* from 1 */
    size_t heaped;
    struct frame *sending[BATCH];
    struct direction *from[BATCH];
    int64_t was_due[BATCH];
    bool has_news;
    uint8_t large[65600];
};

static int64_t clock_ns(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec * SECOND + now.tv_nsec;
}

static void heap_place(struct engine *e, size_t i, struct direction *d) {
    e->heap[i] = d;
    d->place = i;
}

static void heap_up(struct engine *e, size_t i, struct direction *d) {
    for (; i > 1 && d->due_at < e->heap[i / 2]->due_at; i /= 2)
        heap_place(e, i, e->heap[i / 2]);
    heap_place(e, i, d);
}

static void heap_down(struct engine *e, size_t i, struct direction *d) {
    for (size_t child; (child = 2 * i) <= e->heaped; i = child) {
        if (child < e->heaped && e->heap[child + 1]->due_at < e->heap[child]->due_at)
            child++;
        if (e->heap[child]->due_at >= d->due_at)
            break;
        heap_place(e, i, e->heap[child]);
    }
    heap_place(e, i, d);
}

/* Let the heap know when a direction wants to be looked at. */
static void schedule(struct engine *e, struct direction *d) {
    int64_t at = next_at(d);
    if (at == d->due_at)
        return;
    int64_t old = d->due_at;
    d->due_at = at;
    if (at == NONE) {
        struct direction *last = e->heap[e->heaped--];
        size_t place = d->place;
        d->place = 0;
        if (last != d) {
            heap_up(e, place, last);
            heap_down(e, last->place, last);
        }
    } else if (old == NONE) {
        heap_up(e, ++e->heaped, d);
    } else if (at < old) {
        heap_up(e, d->place, d);
    } else {
        heap_down(e, d->place, d);
    }
}

struct engine *wire_open(int fd, void *ring, uint32_t slots, uint32_t slot_bytes, uint64_t most_bytes) {
    struct engine *e = calloc(1, sizeof *e);
    if (!e)
        return NULL;
    e->fd = fd;
    e->ring = ring;
    e->slots = slots;
    e->slot_bytes = slot_bytes;
    e->most_bytes = most_bytes;
    return e;
}

static struct direction *direction_of(struct engine *e, int ifindex) {
    return ifindex >= 0 && (size_t)ifindex < e->known ? e->by_ifindex[ifindex] : NULL;
}

static bool know(struct engine *e, size_t ifindex) {
    if (ifindex >= e->known) {
        size_t known = ifindex + 1024;
        struct direction **more = realloc(e->by_ifindex, known * sizeof *more);
        if (!more)
            return false;
        memset(more + e->known, 0, (known - e->known) * sizeof *more);
        e->by_ifindex = more;
        struct direction **heap = realloc(e->heap, (known + 1) * sizeof *heap);
        if (!heap)
            return false;
        e->heap = heap;
        e->known = known;
    }
    return true;
}

/* A direction from one interface to another; returns -1 when memory is short. */
int wire_add(struct engine *e, int ifindex, int out_ifindex, uint64_t seed, const struct parameters *p) {
    struct direction *d = know(e, (size_t)ifindex) ? wire_direction_new(seed, p) : NULL;
    if (!d)
        return -1;
    d->ifindex = ifindex;
    d->out_ifindex = out_ifindex;
    e->by_ifindex[ifindex] = d;
    return 0;
}

void wire_remove(struct engine *e, int ifindex) {
    struct direction *d = direction_of(e, ifindex);
    if (!d)
        return;
    e->by_ifindex[ifindex] = NULL;
    if (d->place) {
        struct direction *last = e->heap[e->heaped--];
        if (last != d) {
            heap_up(e, d->place, last);
            heap_down(e, last->place, last);
        }
    }
    wire_direction_free(d);
}

int wire_change(struct engine *e, int ifindex, const struct parameters *p) {
    struct direction *d = direction_of(e, ifindex);
    if (!d)
        return -1;
    change(d, clock_ns(CLOCK_MONOTONIC), p);
    schedule(e, d);
    return 0;
}

int wire_trace(struct engine *e, int ifindex, const int64_t *times, int64_t count, int64_t packet_bytes) {
    struct direction *d = direction_of(e, ifindex);
    if (!d || set_trace(d, clock_ns(CLOCK_MONOTONIC), times, count, packet_bytes) < 0)
        return -1;
    schedule(e, d);
    return 0;
}

int wire_counters(struct engine *e, int ifindex, struct tally *tally) {
    struct direction *d = direction_of(e, ifindex);
    if (!d)
        return -1;
    *tally = d->tally;
    return 0;
}

/* The interface of a direction that was overloaded and not asked for yet, or 0. */
int wire_news(struct engine *e) {
    for (size_t i = 0; i < e->known; i++) {
        struct direction *d = e->by_ifindex[i];
        if (d && d->is_news) {
            d->is_news = false;
            return d->ifindex;
        }
    }
    e->has_news = false;
    return 0;
}

static void overloaded(struct engine *e, struct direction *d) {
    if (!d->was_news) {
        d->was_news = d->is_news = true;
        e->has_news = true;
    }
}

static void missed(struct engine *e, struct direction *d, uint64_t frames) {
    d->tally.missed += frames;
    if (frames)
        overloaded(e, d);
}

static uint64_t ring_drops(struct engine *e) {
    struct tpacket_stats stats = {0};
    socklen_t size = sizeof stats;
    return getsockopt(e->fd, SOL_PACKET, PACKET_STATISTICS, &stats, &size) < 0 ? 0 : stats.tp_drops;
}

/* A frame of the ring as a frame of our own, with its VLAN tag if the kernel keeps that apart. */
static struct frame *frame_of(struct engine *e, const struct tpacket2_hdr *header, uint32_t status) {
    const uint8_t *data = (const uint8_t *)header + header->tp_mac;
    uint32_t length = header->tp_snaplen;
    if (status & TP_STATUS_COPY) {
        ssize_t got = recv(e->fd, e->large, sizeof e->large, MSG_DONTWAIT);
        if (got > 0) {
            data = e->large;
            length = (uint32_t)got;
        }
    }
    uint32_t tag = (status & TP_STATUS_VLAN_VALID) && length >= 14 ? 4 : 0;
    struct frame *frame = frame_new(length + tag);
    if (!frame)
        return NULL;
    if (tag) {
        uint16_t kind = status & TP_STATUS_VLAN_TPID_VALID ? header->tp_vlan_tpid : 0x8100, tci = header->tp_vlan_tci;
        memcpy(frame->data, data, 12);
        frame->data[12] = kind >> 8;
        frame->data[13] = kind & 0xFF;
        frame->data[14] = tci >> 8;
        frame->data[15] = tci & 0xFF;
        memcpy(frame->data + 16, data + 12, length - 12);
    } else {
        memcpy(frame->data, data, length);
    }
    return frame;
}

static void take_in(struct engine *e, const struct tpacket2_hdr *header, uint32_t status, int64_t offset) {
    const struct sockaddr_ll *from = (const void *)((const uint8_t *)header + TPACKET_ALIGN(sizeof *header));
    struct direction *d = direction_of(e, from->sll_ifindex);
    if (!d) {
        if (status & TP_STATUS_COPY)
            recv(e->fd, e->large, sizeof e->large, MSG_DONTWAIT);
        return;
    }
    if (status & TP_STATUS_LOSING)
        missed(e, d, ring_drops(e));
    struct frame *frame = held_bytes < e->most_bytes ? frame_of(e, header, status) : NULL;
    if (!frame) {
        missed(e, d, 1);
        return;
    }
    arrive(d, header->tp_sec * SECOND + header->tp_nsec + offset, frame);
    schedule(e, d);
}

static int receive(struct engine *e) {
    int64_t now = clock_ns(CLOCK_MONOTONIC), offset = now - clock_ns(CLOCK_REALTIME);
    int count = 0;
    for (; count < BATCH; count++) {
        struct tpacket2_hdr *header = (void *)(e->ring + (size_t)e->head * e->slot_bytes);
        uint32_t status = __atomic_load_n(&header->tp_status, __ATOMIC_ACQUIRE);
        if (!(status & TP_STATUS_USER))
            break;
        take_in(e, header, status, offset);
        __atomic_store_n(&header->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
        e->head = e->head + 1 == e->slots ? 0 : e->head + 1;
    }
    return count;
}

static void transmit(struct engine *e, int count) {
    struct mmsghdr messages[BATCH];
    struct iovec data[BATCH];
    struct sockaddr_ll to[BATCH];
    memset(messages, 0, (size_t)count * sizeof *messages);
    memset(to, 0, (size_t)count * sizeof *to);
    for (int i = 0; i < count; i++) {
        to[i].sll_family = AF_PACKET;
        to[i].sll_ifindex = e->from[i]->out_ifindex;
        to[i].sll_halen = 6;
        data[i].iov_base = e->sending[i]->data;
        data[i].iov_len = e->sending[i]->length;
        messages[i].msg_hdr.msg_name = &to[i];
        messages[i].msg_hdr.msg_namelen = sizeof to[i];
        messages[i].msg_hdr.msg_iov = &data[i];
        messages[i].msg_hdr.msg_iovlen = 1;
    }
    for (int done = 0; done < count;) {
        int sent = sendmmsg(e->fd, messages + done, (unsigned)(count - done), MSG_DONTWAIT);
        if (sent > 0) {
            done += sent;
        } else if (errno != EINTR) {
            /* An interface that is down or gone delivers nothing, and that is no fault of ours. */
            if (errno == EAGAIN || errno == ENOBUFS)
                missed(e, e->from[done], 1);
            done++;
        }
    }
    int64_t now = clock_ns(CLOCK_MONOTONIC);
    for (int i = 0; i < count; i++) {
        uint64_t late = now > e->was_due[i] ? (uint64_t)(now - e->was_due[i]) : 0;
        struct direction *d = e->from[i];
        if (late > d->tally.worst_late_ns)
            d->tally.worst_late_ns = late;
        if (late > LATE_NS) {
            d->tally.late++;
            overloaded(e, d);
        }
        frame_free(e->sending[i]);
    }
}

/* Send what is due, one batch at most; return how many that were. */
static int deliver(struct engine *e) {
    int64_t now = clock_ns(CLOCK_MONOTONIC);
    int count = 0;
    while (count < BATCH && e->heaped && e->heap[1]->due_at <= now) {
        struct direction *d = e->heap[1];
        struct frame *frame;
        while (count < BATCH && (frame = next_due(d, now, &e->was_due[count]))) {
            e->sending[count] = frame;
            e->from[count++] = d;
        }
        schedule(e, d);
    }
    if (count)
        transmit(e, count);
    return count;
}

/* Move frames until there is something to read on `control` (0) or news of an overload (1). */
int wire_run(struct engine *e, int control) {
    struct pollfd files[2] = {{control, POLLIN, 0}, {e->fd, POLLIN, 0}};
    for (unsigned turn = 1;; turn++) {
        int moved = receive(e);
        moved += deliver(e);
        if (e->has_news)
            return 1;
        if (moved && turn % 8)
            continue;
        struct timespec patience = {0, 0};
        bool waits_for_ever = !moved && !e->heaped;
        if (!moved && e->heaped) {
            int64_t left = e->heap[1]->due_at - clock_ns(CLOCK_MONOTONIC);
            patience.tv_sec = left > 0 ? left / SECOND : 0;
            patience.tv_nsec = left > 0 ? left % SECOND : 0;
        }
        ppoll(files, 2, waits_for_ever ? NULL : &patience, NULL);
        if (files[0].revents)
            return 0;
    }
}
