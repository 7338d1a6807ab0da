/* libFuzzer: a Record of any bytes, as one comes in a Feed: read by every field, shown as JSON, hashed, and
 * packed as the same. */
#include "api/record_json.h"
#include "base/limits.h"
#include "fuzz/fuzz.h"
#include "model/digest.h"

static void repack(const Hopnhat__Record *record, struct arena *arena)
{
    size_t size = hopnhat__record__get_packed_size(record);
    uint8_t *packed = arena_alloc(arena, size ? size : 1);
    if (!packed)
        return;
    hopnhat__record__pack(record, packed);
    Hopnhat__Record *again = hopnhat__record__unpack(&arena->protobuf, size, packed);
    if (!again)
        return; /* protobuf-c bears with forms that it does not write */
    struct digest first = digest_record(record), second = digest_record(again);
    fuzz_assert(digest_equal(&first, &second));
}

static void show(const Hopnhat__Record *record, struct arena *arena)
{
    struct error error;
    struct shown shown = {1, 1};
    const struct catalog_type *type = catalog_type(fuzz_catalog(), record->type);
    json_t *json = type ? record_json(type, record, &shown, arena, &error) : NULL;
    json_decref(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    arena_init(&arena, LIMIT_MESSAGE_ARENA_BYTES);
    Hopnhat__Record *record =
        size <= LIMIT_RECORD_BYTES ? hopnhat__record__unpack(&arena.protobuf, size, data) : NULL;
    if (record && record->id.len == 16) {
        fuzz_read_record(record, &arena);
        show(record, &arena);
        repack(record, &arena);
    }
    arena_release(&arena);
    return 0;
}
