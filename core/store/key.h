/* The keys of every database, built in place: big-endian numbers, so that LMDB's byte order is their order.
 * docs/storage.md lists them. */
#ifndef HOPNHAT_STORE_KEY_H
#define HOPNHAT_STORE_KEY_H

#include "base/bytes.h"
#include "store/environment.h"

/* A key under construction. What would pass KEY_BYTES is left out: callers bound their parts. */
struct key {
    size_t size;
    uint8_t data[KEY_BYTES];
};

static inline struct bytes key_bytes(const struct key *key)
{
    return bytes_of(key->data, key->size);
}

static inline void key_add(struct key *key, const void *data, size_t size)
{
    if (size > KEY_BYTES - key->size)
        size = KEY_BYTES - key->size;
    if (size > 0) /* else data may be NULL */
        memcpy(key->data + key->size, data, size);
    key->size += size;
}

static inline void key_add_u32(struct key *key, uint32_t number)
{
    uint8_t bytes[4];
    put_u32_be(bytes, number);
    key_add(key, bytes, sizeof bytes);
}

static inline void key_add_u64(struct key *key, uint64_t number)
{
    uint8_t bytes[8];
    put_u64_be(bytes, number);
    key_add(key, bytes, sizeof bytes);
}

/* type (4), record id (16) */
enum { RECORD_KEY_BYTES = 20 };
static inline void key_record(struct key *key, uint32_t type, const uint8_t id[16])
{
    key->size = 0;
    key_add_u32(key, type);
    key_add(key, id, 16);
}

/* replica (8), seq (8): logs, quarantine, refusals */
static inline void key_dot(struct key *key, uint64_t replica, uint64_t seq)
{
    key->size = 0;
    key_add_u64(key, replica);
    key_add_u64(key, seq);
}

/* group name, NUL, rev (8) */
static inline void key_feed(struct key *key, const char *group, uint64_t rev)
{
    key->size = 0;
    key_add(key, group, strlen(group) + 1);
    key_add_u64(key, rev);
}

/* one number (8) */
static inline void key_number(struct key *key, uint64_t number)
{
    key->size = 0;
    key_add_u64(key, number);
}

/* a name, without its NUL */
static inline void key_name(struct key *key, const char *name)
{
    key->size = 0;
    key_add(key, name, strlen(name));
}

#endif
