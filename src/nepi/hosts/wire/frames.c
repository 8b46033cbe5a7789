/* Frames, their memory, and what is read and written in them. */
#include "wire.h"

#define SMALL 2048

static struct frame *spare;
uint64_t held_bytes;

struct frame *frame_new(uint32_t length) {
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

void frame_free(struct frame *frame) {
    held_bytes -= frame->capacity;
    if (frame->capacity == SMALL) {
        frame->next = spare;
        spare = frame;
    } else {
        free(frame);
    }
}

/* -- packets: packets.py */

static uint32_t hash(uint32_t value, const uint8_t *data, uint32_t length) {
    for (uint32_t i = 0; i < length; i++)
        value = (value ^ data[i]) * 0x01000193U;
    return value;
}

uint32_t flow_of(const struct frame *frame, uint32_t salt, uint32_t flows) {
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

bool mark(struct frame *frame) {
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
