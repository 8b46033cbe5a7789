/* The loop that moves frames: engine.py. */
#include "wire.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>

#define BATCH 64
#define LATE_NS 1000000

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

EXPORT struct engine *wire_open(int fd, void *ring, uint32_t slots, uint32_t slot_bytes, uint64_t most_bytes) {
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
EXPORT int wire_add(struct engine *e, int ifindex, int out_ifindex, uint64_t seed, const struct parameters *p) {
    struct direction *d = know(e, (size_t)ifindex) ? wire_direction_new(seed, p) : NULL;
    if (!d)
        return -1;
    d->ifindex = ifindex;
    d->out_ifindex = out_ifindex;
    e->by_ifindex[ifindex] = d;
    return 0;
}

EXPORT void wire_remove(struct engine *e, int ifindex) {
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

EXPORT int wire_change(struct engine *e, int ifindex, const struct parameters *p) {
    struct direction *d = direction_of(e, ifindex);
    if (!d)
        return -1;
    change(d, clock_ns(CLOCK_MONOTONIC), p);
    schedule(e, d);
    return 0;
}

EXPORT int wire_trace(struct engine *e, int ifindex, const int64_t *times, int64_t count, int64_t packet_bytes) {
    struct direction *d = direction_of(e, ifindex);
    if (!d || set_trace(d, clock_ns(CLOCK_MONOTONIC), times, count, packet_bytes) < 0)
        return -1;
    schedule(e, d);
    return 0;
}

EXPORT int wire_counters(struct engine *e, int ifindex, struct tally *tally) {
    struct direction *d = direction_of(e, ifindex);
    if (!d)
        return -1;
    *tally = d->tally;
    return 0;
}

/* The interface of a direction that was overloaded and not asked for yet, or 0. */
EXPORT int wire_news(struct engine *e) {
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
EXPORT int wire_run(struct engine *e, int control) {
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
