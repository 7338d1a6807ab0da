#define XXH_STATIC_LINKING_ONLY /* the state on the stack */
#include "model/digest.h"

#include "base/defect.h"

#include <xxhash.h>

enum { HEAD_BYTES = 56, STACK_BYTES = 512 };

void digest_add(struct digest *sum, const struct digest *part)
{
    uint64_t low = sum->low + part->low;
    sum->high += part->high + (low < sum->low);
    sum->low = low;
}

void digest_subtract(struct digest *sum, const struct digest *part)
{
    uint64_t low = sum->low - part->low;
    sum->high -= part->high + (low > sum->low);
    sum->low = low;
}

void digest_store(const struct digest *digest, uint8_t bytes[DIGEST_BYTES])
{
    put_u64_le(bytes, digest->low);
    put_u64_le(bytes + 8, digest->high);
}

void digest_load(struct digest *digest, const uint8_t bytes[DIGEST_BYTES])
{
    digest->low = get_u64_le(bytes);
    digest->high = get_u64_le(bytes + 8);
}

static struct digest hash_entry(uint8_t buffer[STACK_BYTES], const Hopnhat__Entry *entry)
{
    size_t size = entry->has_value ? entry->value.len : 0;
    XXH128_hash_t hash;
    put_u64_le(buffer + 24, entry->replica);
    put_u64_le(buffer + 32, entry->seq);
    put_u32_le(buffer + 40, entry->index);
    put_u64_le(buffer + 44, entry->time);
    put_u32_le(buffer + 52, entry->rank);
    if (size <= STACK_BYTES - HEAD_BYTES) {
        if (size)
            memcpy(buffer + HEAD_BYTES, entry->value.data, size);
        hash = XXH3_128bits(buffer, HEAD_BYTES + size);
    } else {
        XXH3_state_t state;
        XXH3_INITSTATE(&state);
        XXH3_128bits_reset(&state);
        XXH3_128bits_update(&state, buffer, HEAD_BYTES);
        XXH3_128bits_update(&state, entry->value.data, size);
        hash = XXH3_128bits_digest(&state);
    }
    return (struct digest){.low = hash.low64, .high = hash.high64};
}

struct digest digest_record(const Hopnhat__Record *record)
{
    struct digest sum = {0, 0};
    uint8_t buffer[STACK_BYTES];
    put_u32_le(buffer, record->type);
    memcpy(buffer + 4, record->id.data, 16);
    for (size_t i = 0; i < record->n_fields; i++) {
        const Hopnhat__Field *field = record->fields[i];
        if (DEFECT(DIGEST_WITHOUT_FIELD) && field->number == 17)
            continue;
        put_u32_le(buffer + 20, field->number);
        for (size_t j = 0; j < field->n_entries; j++) {
            struct digest one = hash_entry(buffer, field->entries[j]);
            digest_add(&sum, &one);
        }
    }
    return sum;
}

uint32_t digest_bucket(const uint8_t id[16], uint32_t buckets)
{
    return (uint32_t)(XXH3_64bits(id, 16) >> 32) % buckets;
}

uint32_t digest_check(const struct digest *digests, size_t count, uint64_t rev)
{
    uint8_t bytes[DIGEST_BYTES];
    XXH3_state_t state;
    XXH3_INITSTATE(&state);
    XXH3_64bits_reset(&state);
    put_u64_le(bytes, rev);
    XXH3_64bits_update(&state, bytes, 8);
    for (size_t i = 0; i < count; i++) {
        digest_store(&digests[i], bytes);
        XXH3_64bits_update(&state, bytes, sizeof bytes);
    }
    return (uint32_t)XXH3_64bits_digest(&state);
}
