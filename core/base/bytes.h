/* A borrowed run of bytes: `data` belongs to somebody else and lives as long as they say. */
#ifndef HOPNHAT_BASE_BYTES_H
#define HOPNHAT_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes {
    const uint8_t *data;
    size_t size;
};

static inline struct bytes bytes_of(const void *data, size_t size)
{
    return (struct bytes){.data = data, .size = size};
}

/* The bytes of a string, without its NUL. */
static inline struct bytes bytes_of_string(const char *string)
{
    return bytes_of(string, strlen(string));
}

static inline bool bytes_equal(struct bytes a, struct bytes b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/* Less, equal or greater than 0, byte by byte, the shorter first where one begins the other. */
static inline int bytes_compare(struct bytes a, struct bytes b)
{
    size_t shared = a.size < b.size ? a.size : b.size;
    int order = shared ? memcmp(a.data, b.data, shared) : 0;
    return order ? order : (a.size > b.size) - (a.size < b.size);
}

static inline void put_u16_be(uint8_t *to, uint16_t number)
{
    to[0] = (uint8_t)(number >> 8);
    to[1] = (uint8_t)number;
}

static inline void put_u32_be(uint8_t *to, uint32_t number)
{
    put_u16_be(to, (uint16_t)(number >> 16));
    put_u16_be(to + 2, (uint16_t)number);
}

static inline void put_u64_be(uint8_t *to, uint64_t number)
{
    put_u32_be(to, (uint32_t)(number >> 32));
    put_u32_be(to + 4, (uint32_t)number);
}

static inline uint32_t get_u32_be(const uint8_t *from)
{
    return (uint32_t)from[0] << 24 | (uint32_t)from[1] << 16 | (uint32_t)from[2] << 8 | from[3];
}

static inline uint64_t get_u64_be(const uint8_t *from)
{
    return (uint64_t)get_u32_be(from) << 32 | get_u32_be(from + 4);
}

static inline void put_u32_le(uint8_t *to, uint32_t number)
{
    to[0] = (uint8_t)number;
    to[1] = (uint8_t)(number >> 8);
    to[2] = (uint8_t)(number >> 16);
    to[3] = (uint8_t)(number >> 24);
}

static inline uint32_t get_u32_le(const uint8_t *from)
{
    return (uint32_t)from[3] << 24 | (uint32_t)from[2] << 16 | (uint32_t)from[1] << 8 | from[0];
}

static inline void put_u64_le(uint8_t *to, uint64_t number)
{
    put_u32_le(to, (uint32_t)number);
    put_u32_le(to + 4, (uint32_t)(number >> 32));
}

static inline uint64_t get_u64_le(const uint8_t *from)
{
    return (uint64_t)get_u32_le(from + 4) << 32 | get_u32_le(from);
}

#endif
