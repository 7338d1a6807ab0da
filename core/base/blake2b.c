#include "base/blake2b.h"

static const uint64_t START[8] = {
    0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
    0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179,
};

/* Which words of the block a round takes. The last two rounds are as the first two. */
static const uint8_t ORDER[10][16] = {
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
    {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
    {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4},
    {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
    {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13},
    {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
    {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11},
    {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
    {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5},
    {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0},
};

enum { ROUNDS = 12 };

static inline uint64_t turned(uint64_t word, int bits)
{
    return word >> bits | word << (64 - bits);
}

static inline void mix(uint64_t *v, int a, int b, int c, int d, uint64_t x, uint64_t y)
{
    v[a] += v[b] + x;
    v[d] = turned(v[d] ^ v[a], 32);
    v[c] += v[d];
    v[b] = turned(v[b] ^ v[c], 24);
    v[a] += v[b] + y;
    v[d] = turned(v[d] ^ v[a], 16);
    v[c] += v[d];
    v[b] = turned(v[b] ^ v[c], 63);
}

static void take_block(struct blake2b *hash, bool last)
{
    uint64_t words[16], v[16];
    for (int i = 0; i < 16; i++)
        words[i] = get_u64_le(hash->block + 8 * i);
    memcpy(v, hash->state, sizeof hash->state);
    memcpy(v + 8, START, sizeof START);
    hash->taken_bytes += hash->held_bytes;
    v[12] ^= hash->taken_bytes;
    v[14] ^= last ? UINT64_MAX : 0;
#pragma GCC unroll 12
    for (int i = 0; i < ROUNDS; i++) {
        const uint8_t *order = ORDER[i % 10];
        mix(v, 0, 4, 8, 12, words[order[0]], words[order[1]]);
        mix(v, 1, 5, 9, 13, words[order[2]], words[order[3]]);
        mix(v, 2, 6, 10, 14, words[order[4]], words[order[5]]);
        mix(v, 3, 7, 11, 15, words[order[6]], words[order[7]]);
        mix(v, 0, 5, 10, 15, words[order[8]], words[order[9]]);
        mix(v, 1, 6, 11, 12, words[order[10]], words[order[11]]);
        mix(v, 2, 7, 8, 13, words[order[12]], words[order[13]]);
        mix(v, 3, 4, 9, 14, words[order[14]], words[order[15]]);
    }
    for (int i = 0; i < 8; i++)
        hash->state[i] ^= v[i] ^ v[i + 8];
}

void blake2b_begin(struct blake2b *hash, size_t hash_bytes, const uint8_t *salt,
                   const uint8_t person[BLAKE2B_SALT_BYTES])
{
    memcpy(hash->state, START, sizeof START);
    hash->state[0] ^= 0x01010000 ^ hash_bytes; /* one leaf, no tree, no key */
    for (int i = 0; i < 2; i++) {
        hash->state[4 + i] ^= salt ? get_u64_le(salt + 8 * i) : 0;
        hash->state[6 + i] ^= get_u64_le(person + 8 * i);
    }
    hash->taken_bytes = 0;
    hash->held_bytes = 0;
    hash->hash_bytes = hash_bytes;
}

void blake2b_add(struct blake2b *hash, const void *data, size_t size)
{
    const uint8_t *from = data;
    while (size) {
        if (hash->held_bytes == BLAKE2B_BLOCK_BYTES) { /* more follows: not the last one */
            take_block(hash, false);
            hash->held_bytes = 0;
        }
        size_t room = BLAKE2B_BLOCK_BYTES - hash->held_bytes, part = size < room ? size : room;
        memcpy(hash->block + hash->held_bytes, from, part);
        hash->held_bytes += part;
        from += part;
        size -= part;
    }
}

void blake2b_end(struct blake2b *hash, uint8_t *to)
{
    uint8_t whole[BLAKE2B_MOST_BYTES];
    memset(hash->block + hash->held_bytes, 0, BLAKE2B_BLOCK_BYTES - hash->held_bytes);
    take_block(hash, true);
    for (int i = 0; i < 8; i++)
        put_u64_le(whole + 8 * i, hash->state[i]);
    memcpy(to, whole, hash->hash_bytes);
}
