/* libFuzzer: a BriefChange of any bytes, made whole after a change of here: what comes out and is well formed
 * has a brief form again, which comes to the same bytes (brief_make sees to that). */
#include "model/brief.h"
#include "base/limits.h"
#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t record[RECORD_ID_BYTES] = {1, 2, 3}, key[SEED_KEY_BYTES] = {4, 5, 6};
    static char author[] = "lan";
    struct error error;
    struct arena arena;
    struct entry_id entry;
    struct bytes stored;
    struct change change;
    Hopnhat__Change before = HOPNHAT__CHANGE__INIT;
    before.time = UINT64_C(1700000000000) << 16;
    before.catalog = 5;
    before.author = author;
    arena_init(&arena, LIMIT_MESSAGE_ARENA_BYTES);
    const Hopnhat__BriefChange *message = hopnhat__brief_change__unpack(&arena.protobuf, size, data);
    const struct brief brief = {message, {7, 3}, &before, 16, record, key};
    if (message && brief_names(message, brief.dot, &entry) && brief_expand(&brief, &arena, &stored, &error) &&
        change_unpack(&change, brief.dot, stored, &arena, &error))
        fuzz_assert(brief_make(&change, stored, &before, key, &arena) != NULL);
    arena_release(&arena);
    return 0;
}
