/* What a direction of a link does to frames: direction.py. */
#include "wire.h"

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
void arrive(struct direction *d, int64_t now, struct frame *frame) {
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

int64_t next_at(const struct direction *d) {
    int64_t at = turn_at(d);
    if (d->flying && (at == NONE || d->flights[0].at < at))
        return d->flights[0].at;
    return at;
}

struct frame *next_due(struct direction *d, int64_t now, int64_t *at) {
    advance(d, now);
    if (!d->flying || d->flights[0].at > now)
        return NULL;
    *at = d->flights[0].at;
    struct frame *frame = land(d);
    d->tally.frames_out++;
    d->tally.bytes_out += frame->length;
    return frame;
}

void change(struct direction *d, int64_t now, const struct parameters *p) {
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

int set_trace(struct direction *d, int64_t now, const int64_t *times, int64_t count, int64_t packet_bytes) {
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

EXPORT int wire_version(void) { return VERSION; }

EXPORT void wire_table(int distribution, const int32_t *values) { memcpy(tables[distribution], values, sizeof tables[distribution]); }

EXPORT struct direction *wire_direction_new(uint64_t seed, const struct parameters *p) {
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

EXPORT void wire_direction_free(struct direction *d) {
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

EXPORT void wire_direction_change(struct direction *d, int64_t now, const struct parameters *p) { change(d, now, p); }

EXPORT int wire_direction_trace(struct direction *d, int64_t now, const int64_t *times, int64_t count, int64_t packet_bytes) {
    return set_trace(d, now, times, count, packet_bytes);
}

EXPORT void wire_direction_arrive(struct direction *d, int64_t now, const uint8_t *data, uint32_t length) {
    struct frame *frame = frame_new(length);
    if (!frame) {
        d->tally.missed++;
        return;
    }
    memcpy(frame->data, data, length);
    arrive(d, now, frame);
}

EXPORT int64_t wire_direction_next(const struct direction *d) { return next_at(d); }

/* Writes the next frame that is due into `data` (of 65,600 bytes); returns its length, or -1 when none is. */
EXPORT int64_t wire_direction_due(struct direction *d, int64_t now, int64_t *at, uint8_t *data) {
    struct frame *frame = next_due(d, now, at);
    if (!frame)
        return -1;
    int64_t length = frame->length;
    memcpy(data, frame->data, frame->length);
    frame_free(frame);
    return length;
}

EXPORT void wire_direction_tally(const struct direction *d, struct tally *tally) { *tally = d->tally; }

EXPORT int64_t wire_direction_held(const struct direction *d) { return (int64_t)d->flying + queue_length(d) + (d->served ? 1 : 0); }
