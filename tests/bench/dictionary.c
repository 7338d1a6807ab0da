/* Trains the dictionary of the wire (core/net/frame.h) from changes and records shaped as the default catalog
 * has them, with text of data/. Usage: dictionary FILE. The same data give the same dictionary; one that is
 * in use is never altered, a new one gets the next number. */
#include "base/arena.h"
#include "base/limits.h"
#include "model/change.h"
#include "model/clock.h"

#include "wire.pb-c.h"

#include <stdio.h>
#include <stdlib.h>
#define ZDICT_STATIC_LINKING_ONLY /* the parameters of the training */
#include <zdict.h>

enum {
    NUMBER = 1,
    DICTIONARY_BYTES = 8 * 1024,
    SAMPLES = 4000,
    MOST_CELLS = 20000,
    MOST_BYTES = 8 << 20,
    FIRST_TYPE = 16,
    TYPES = 15,
};

struct trainer {
    uint64_t random;
    char *cells[MOST_CELLS];
    size_t cell_count;
    struct arena arena;
    uint8_t *samples;
    size_t *sizes, count, used;
};

static uint64_t next(struct trainer *trainer)
{
    trainer->random ^= trainer->random << 13; /* xorshift64, Marsaglia 2003 */
    trainer->random ^= trainer->random >> 7;
    trainer->random ^= trainer->random << 17;
    return trainer->random;
}

/* The cells of a list: what stands between separators. */
static void read_cells(struct trainer *trainer, const char *path)
{
    static const char separators[] = ",;\t\r\n\"";
    char *text = calloc(1, LIMIT_CATALOG_BYTES), *rest = NULL;
    FILE *file = fopen(path, "rb");
    if (file && text && fread(text, 1, LIMIT_CATALOG_BYTES - 1, file))
        for (char *cell = strtok_r(text, separators, &rest); cell && trainer->cell_count < MOST_CELLS;
             cell = strtok_r(NULL, separators, &rest))
            trainer->cells[trainer->cell_count++] = cell;
    if (file)
        fclose(file);
}

static const char *value(struct trainer *trainer)
{
    static const char *const choices[] = {
        "active", "everyone", "office:da-nang", "da-nang", "quang-tri", "true",
        "VND",    "USD",      "signed",         "planned"};
    switch (next(trainer) % 4) {
    case 0:
        return choices[next(trainer) % (sizeof choices / sizeof *choices)];
    case 1:
        return arena_format(&trainer->arena, "20%02u-%02u-%02u", (unsigned)(next(trainer) % 30),
                            (unsigned)(next(trainer) % 12 + 1), (unsigned)(next(trainer) % 28 + 1));
    default:
        return trainer->cells[next(trainer) % trainer->cell_count];
    }
}

static struct new_edit *new_edit(struct trainer *trainer)
{
    struct new_edit *edit = arena_alloc(&trainer->arena, sizeof *edit);
    size_t count = next(trainer) % 3 ? 1 : 4 + next(trainer) % 8;
    struct new_op *ops = arena_alloc(&trainer->arena, count * sizeof *ops);
    *edit = (struct new_edit){
        .type = FIRST_TYPE + (uint32_t)(next(trainer) % TYPES), .ops = ops, .op_count = count};
    for (size_t i = 0; i < RECORD_ID_BYTES; i++)
        edit->record[i] = (uint8_t)next(trainer);
    for (size_t i = 0; i < count; i++)
        ops[i] = (struct new_op){.field = count > 1 && i < 2 ? (uint32_t)i + 1
                                                             : 16 + (uint32_t)(next(trainer) % 14),
                                 .value = bytes_of_string(value(trainer))};
    return edit;
}

static uint64_t some_time(struct trainer *trainer)
{
    return time_of_ms(UINT64_C(1780000000000) + next(trainer) % UINT64_C(60000000000));
}

static Hopnhat__Push *new_push(struct trainer *trainer)
{
    struct arena *arena = &trainer->arena;
    Hopnhat__Push *push = arena_alloc(arena, sizeof *push);
    struct error error;
    hopnhat__push__init(push);
    push->n_changes = 1 + next(trainer) % 8;
    push->changes = arena_alloc(arena, push->n_changes * sizeof *push->changes);
    push->first = next(trainer) % 5000;
    for (size_t i = 0; i < push->n_changes; i++) {
        struct new_change change = {.replica = 1,
                                    .time = some_time(trainer),
                                    .catalog_tag = (uint32_t)next(trainer),
                                    .author = "lan",
                                    .edits = new_edit(trainer),
                                    .edit_count = 1};
        struct bytes stored;
        for (size_t j = 0; j < SEED_BYTES; j++)
            change.seed[j] = (uint8_t)next(trainer);
        if (!change_pack(&change, arena, &stored, &error))
            exit(1);
        push->changes[i] = (ProtobufCBinaryData){stored.size, (uint8_t *)(uintptr_t)stored.data};
    }
    return push;
}

static Hopnhat__Field *new_field(struct trainer *trainer, const struct new_op *op, uint64_t replica,
                                 uint64_t seq, uint32_t index, uint64_t time)
{
    struct arena *arena = &trainer->arena;
    Hopnhat__Field *field = arena_alloc(arena, sizeof *field);
    Hopnhat__Entry *entry = arena_alloc(arena, sizeof *entry),
                   **list = arena_alloc(arena, sizeof(Hopnhat__Entry *));
    hopnhat__field__init(field);
    hopnhat__entry__init(entry);
    field->number = op->field;
    field->entries = list;
    field->n_entries = 1;
    *list = entry;
    entry->replica = replica;
    entry->seq = seq;
    entry->has_index = index != 0;
    entry->index = index;
    entry->time = time;
    entry->has_rank = true;
    entry->rank = 1;
    entry->has_value = op->value.size != 0;
    entry->value = (ProtobufCBinaryData){op->value.size, (uint8_t *)(uintptr_t)op->value.data};
    return field;
}

static Hopnhat__Feed *new_feed(struct trainer *trainer)
{
    struct arena *arena = &trainer->arena;
    Hopnhat__Feed *feed = arena_alloc(arena, sizeof *feed);
    hopnhat__feed__init(feed);
    feed->n_items = 1 + next(trainer) % 8;
    feed->items = arena_alloc(arena, feed->n_items * sizeof *feed->items);
    uint64_t replica = next(trainer), rev = next(trainer) % 100000;
    for (size_t i = 0; i < feed->n_items; i++) {
        const struct new_edit *edit = new_edit(trainer);
        Hopnhat__FeedItem *item = feed->items[i] = arena_alloc(arena, sizeof *item);
        Hopnhat__Record *record = arena_alloc(arena, sizeof *record);
        uint64_t seq = next(trainer) % 5000, time = some_time(trainer);
        hopnhat__feed_item__init(item);
        hopnhat__record__init(record);
        item->record = record;
        item->has_kind = true;
        item->kind = edit->op_count > 1 ? HOPNHAT__ITEM_KIND__ITEM_WHOLE : HOPNHAT__ITEM_KIND__ITEM_DELTA;
        record->type = edit->type;
        record->id = (ProtobufCBinaryData){RECORD_ID_BYTES, (uint8_t *)(uintptr_t)edit->record};
        record->has_rev = true;
        record->rev = rev + i;
        record->n_fields = edit->op_count;
        record->fields = arena_alloc(arena, edit->op_count * sizeof *record->fields);
        for (size_t j = 0; j < edit->op_count; j++)
            record->fields[j] = new_field(trainer, &edit->ops[j], replica, seq, (uint32_t)j, time);
    }
    return feed;
}

static void add_sample(struct trainer *trainer)
{
    Hopnhat__Message message = HOPNHAT__MESSAGE__INIT;
    arena_reset(&trainer->arena);
    message.has_request = true;
    message.request = (uint32_t)(next(trainer) % 2000);
    if (next(trainer) % 2) {
        message.body_case = HOPNHAT__MESSAGE__BODY_PUSH;
        message.push = new_push(trainer);
    } else {
        message.body_case = HOPNHAT__MESSAGE__BODY_FEED;
        message.feed = new_feed(trainer);
    }
    size_t size = hopnhat__message__get_packed_size(&message);
    if (trainer->used + size > MOST_BYTES)
        return;
    trainer->sizes[trainer->count++] = hopnhat__message__pack(&message, trainer->samples + trainer->used);
    trainer->used += size;
}

int main(int count, char **arguments)
{
    static struct trainer trainer = {.random = 7};
    static uint8_t dictionary[DICTIONARY_BYTES];
    const ZDICT_params_t parameters = {.compressionLevel = 3, .dictID = NUMBER};
    trainer.samples = malloc(MOST_BYTES);
    trainer.sizes = calloc(SAMPLES, sizeof *trainer.sizes);
    if (count != 2 || !trainer.samples || !trainer.sizes)
        return 2;
    arena_init(&trainer.arena, 64 << 20);
    read_cells(&trainer, SOURCE_DIR "/data/partners-quang-tri.csv");
    read_cells(&trainer, SOURCE_DIR "/data/partners-da-nang.csv");
    read_cells(&trainer, SOURCE_DIR "/data/offices.csv");
    read_cells(&trainer, SOURCE_DIR "/data/anniversaries.csv");
    for (int i = 0; trainer.cell_count && i < SAMPLES; i++)
        add_sample(&trainer);
    ZDICT_fastCover_params_t how = {.zParams = parameters, .d = 8, .k = 200, .f = 20, .accel = 1};
    size_t size = ZDICT_trainFromBuffer_fastCover(dictionary, sizeof dictionary, trainer.samples,
                                                  trainer.sizes, (unsigned)trainer.count, how);
    FILE *file = ZDICT_isError(size) ? NULL : fopen(arguments[1], "wb");
    if (!file || fwrite(dictionary, 1, size, file) != size || fclose(file) != 0) {
        fprintf(stderr, "dictionary: %s\n",
                ZDICT_isError(size) ? ZDICT_getErrorName(size) : "cannot be written");
        return 1;
    }
    printf("%zu samples of %zu bytes, a dictionary of %zu\n", trainer.count, trainer.used, size);
    return 0;
}
