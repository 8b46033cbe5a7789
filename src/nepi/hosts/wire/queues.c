/* Where frames wait for their turn: queueing.py and fair.py. */
#include "wire.h"

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

void queue_put(struct direction *d, int64_t now, struct frame *frame) {
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

struct frame *queue_get(struct direction *d, int64_t now) {
    if (d->fair)
        return fair_get(d, now);
    struct frame *frame = take(&d->waiting);
    if (!frame && d->p.discipline == RED && d->red_idle_since == NONE)
        d->red_idle_since = now;
    return frame;
}

int64_t queue_length(const struct direction *d) { return d->fair ? d->fair->length : d->waiting.count; }

static void line_drain(struct line *line, struct list *into) {
    for (struct flow *flow = line->first; flow; flow = flow->next)
        for (struct frame *frame; (frame = take(&flow->waiting));)
            append(into, frame);
}

struct list queue_drain(struct direction *d) {
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
bool queue_new(struct direction *d) {
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
