/* libFuzzer: a LoggedChange of any bytes: it is taken apart, checked, chained, merged into a record and read
 * by every field; merging it again does nothing new, and what is taken is within the bounds. */
#include "base/limits.h"
#include "fuzz/fuzz.h"
#include "model/bag.h"
#include "model/check.h"
#include "model/digest.h"
#include "model/merge.h"

/* Merges each edit twice; the second time the record may not change. */
static void merge_twice(const struct change *change, struct arena *arena)
{
    struct error error;
    struct merge_source nothing = {0};
    struct merge_stamp stamp = {.time = change->body->time, .rank = 1, .rev = 1};
    for (size_t i = 0; i < change->body->n_edits; i++) {
        const Hopnhat__Edit *edit = change->body->edits[i];
        Hopnhat__Record *record = record_new(arena, edit->type, edit->record.data);
        if (!record || !merge_edit(record, change, i, &stamp, &nothing, arena, &error))
            continue;
        struct digest once = digest_record(record), again;
        fuzz_read_record(record, arena);
        if (!merge_edit(record, change, i, &stamp, &nothing, arena, &error))
            continue;
        again = digest_record(record);
        fuzz_assert(digest_equal(&once, &again) || fuzz_adds(edit));
    }
}

static void check(const struct change *change, struct arena *arena)
{
    struct error error;
    static const char *const groups[] = {"everyone", "office:da-nang"};
    struct office office = {.code = "da-nang", .name = "", .groups = groups, .group_count = 2};
    struct writer writers[] = {{NULL}, {&office}};
    Hopnhat__RefusalReason reason;
    (void)arena;
    for (size_t i = 0; i < change->body->n_edits; i++)
        for (size_t j = 0; j < 2; j++) {
            check_edit(fuzz_catalog(), change, i, NULL, &writers[j], &reason, &error);
            check_rank(change, i, NULL, &writers[j]);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error error;
    struct arena arena;
    struct change change;
    uint8_t link[LINK_BYTES];
    arena_init(&arena, LIMIT_MESSAGE_ARENA_BYTES);
    bool taken = change_unpack(&change, (struct dot){7, 3}, bytes_of(data, size), &arena, &error);
    chain_start(7, link);
    if (change.chainable)
        chain_next(link, change.logged, link, &error);
    if (taken) {
        fuzz_assert(size <= LIMIT_CHANGE_BYTES && change.op_count <= LIMIT_OPS_PER_CHANGE);
        for (size_t i = 0; i < change.op_count; i++)
            change_value(&change, i);
        check(&change, &arena);
        merge_twice(&change, &arena);
    }
    arena_release(&arena);
    return 0;
}
