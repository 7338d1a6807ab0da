/* What the tests of the model share: a seeded generator, one catalog with every policy, and changes and
 * entries made in a line. What cannot be made fails the test. */
#ifndef HOPNHAT_TESTS_UNIT_LIB_MODEL_H
#define HOPNHAT_TESTS_UNIT_LIB_MODEL_H

#include "model/bag.h"
#include "model/catalog.h"
#include "model/catalog_yaml.h"
#include "model/change.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

enum { TEST_ARENA_BYTES = 64 * 1024 * 1024, LENGTH_OF_ID = 16 };

#define LENGTH(array) (sizeof(array) / sizeof *(array))

/* Fields of the type 16, "thing", of test_catalog. */
enum test_field {
    NAME = 16,
    LEADER = 17,
    TOP = 18,
    BOTTOM = 19,
    BEGUN = 20,
    ENDED = 21,
    COUNT = 22,
    TOTAL = 23,
    TAGS = 24,
    POSTS = 25,
    STORY = 26,
    STATE = 27,
    AMOUNT = 28,
    CURRENCY = 29,
    SEAT = 30,
    REGION = 31,
    HEAD = 32,
    HEAD_OFFICE = 33,
};

enum { THING = 16, MEMO = 17 };

static const char TEST_CATALOG[] = "version: 1\n"
                                   "types:\n"
                                   "  - number: 16\n"
                                   "    name: thing\n"
                                   "    fields:\n"
                                   "      - {number: 16, name: name}\n"
                                   "      - {number: 17, name: leader, policy: authority}\n"
                                   "      - {number: 18, name: top, kind: decimal, policy: highest}\n"
                                   "      - {number: 19, name: bottom, kind: decimal, policy: lowest}\n"
                                   "      - {number: 20, name: begun, kind: date, policy: lowest}\n"
                                   "      - {number: 21, name: ended, kind: date, policy: highest}\n"
                                   "      - {number: 22, name: count, kind: integer, policy: sum}\n"
                                   "      - {number: 23, name: total, kind: decimal, policy: sum}\n"
                                   "      - {number: 24, name: tags, policy: union}\n"
                                   "      - {number: 25, name: posts, policy: thread}\n"
                                   "      - {number: 26, name: story, policy: text}\n"
                                   "      - {number: 27, name: state, policy: review}\n"
                                   "      - {number: 28, name: amount, kind: decimal, unit: cost}\n"
                                   "      - {number: 29, name: currency, unit: cost}\n"
                                   "      - {number: 30, name: seat, policy: review, unit: place}\n"
                                   "      - {number: 31, name: region, policy: review, unit: place}\n"
                                   "      - {number: 32, name: head, policy: authority, unit: chair}\n"
                                   "      - {number: 33, name: head_office, policy: authority, unit: chair}\n"
                                   "  - number: 17\n"
                                   "    name: memo\n"
                                   "    deletion: delete_wins\n"
                                   "    fields:\n"
                                   "      - {number: 16, name: name}\n";

static const uint8_t TEST_ID[LENGTH_OF_ID] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

/* SplitMix64: the same numbers on every machine. */
struct dice {
    uint64_t state;
};

static inline uint64_t dice_next(struct dice *dice)
{
    uint64_t mixed = dice->state += UINT64_C(0x9e3779b97f4a7c15);
    mixed = (mixed ^ mixed >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94d049bb133111eb);
    return mixed ^ mixed >> 31;
}

static inline unsigned dice_below(struct dice *dice, unsigned bound)
{
    return (unsigned)(dice_next(dice) % bound);
}

static inline bool dice_percent(struct dice *dice, unsigned percent)
{
    return dice_below(dice, 100) < percent;
}

static inline struct bytes text(const char *string)
{
    return bytes_of_string(string);
}

/* A catalog from YAML; ended by catalog_free. */
static inline struct catalog *catalog_of(const char *yaml)
{
    static struct catalog_errors errors;
    struct arena arena;
    struct bytes packed;
    struct error error;
    arena_init(&arena, TEST_ARENA_BYTES);
    if (!catalog_from_yaml(text(yaml), "test", &arena, &packed, &errors))
        fail_msg("%s", errors.list[0].text);
    struct catalog *catalog = catalog_load(packed, &error);
    if (!catalog)
        fail_msg("%s", error.text);
    arena_release(&arena);
    return catalog;
}

/* test_catalog with the field currency retired, so that amount is alone in its unit: nobody may write such a
 * catalog, but one may come. */
static inline struct catalog *catalog_with_a_lone_unit(void)
{
    struct error error;
    struct catalog *whole = catalog_of(TEST_CATALOG);
    struct bytes packed = catalog_packed(whole);
    Hopnhat__Catalog *message = hopnhat__catalog__unpack(NULL, packed.size, packed.data);
    assert_non_null(message);
    for (size_t i = 0; i < message->types[0]->n_fields; i++)
        if (message->types[0]->fields[i]->number == CURRENCY)
            message->types[0]->fields[i]->has_retired = message->types[0]->fields[i]->retired = true;
    size_t size = hopnhat__catalog__get_packed_size(message);
    uint8_t *data = malloc(size);
    assert_non_null(data);
    hopnhat__catalog__pack(message, data);
    struct catalog *catalog = catalog_load(bytes_of(data, size), &error);
    if (!catalog)
        fail_msg("%s", error.text);
    free(data);
    hopnhat__catalog__free_unpacked(message, NULL);
    catalog_free(whole);
    return catalog;
}

/* Packs the change and unpacks it under (new_change.replica, seq). */
static inline struct change change_of(struct arena *arena, const struct new_change *made, uint64_t seq)
{
    struct change change = {0};
    struct bytes stored;
    struct error error;
    if (!change_pack(made, arena, &stored, &error) ||
        !change_unpack(&change, (struct dot){made->replica, seq}, stored, arena, &error))
        fail_msg("%s", error.text);
    return change;
}

/* A change of one edit of the record TEST_ID. */
static inline struct change change_of_ops(struct arena *arena, uint64_t replica, uint64_t seq, uint32_t type,
                                          struct new_op *ops, size_t count)
{
    struct new_edit edit = {.type = type, .ops = ops, .op_count = count};
    memcpy(edit.record, TEST_ID, sizeof edit.record);
    return change_of(arena, &(struct new_change){.replica = replica, .edits = &edit, .edit_count = 1}, seq);
}

/* One entry of a record under construction; index 0, rank and rev as given. */
struct row {
    uint32_t field;
    uint64_t replica, seq, time;
    const char *value; /* NULL: cleared */
    uint32_t rank;
    uint64_t rev;
};

static inline Hopnhat__Entry *put_row(struct arena *arena, Hopnhat__Record *record, const struct row *row)
{
    struct error error;
    Hopnhat__Field *field = record_field_make(arena, record, row->field);
    Hopnhat__Entry *entry = arena_alloc(arena, sizeof *entry);
    assert_non_null(field);
    assert_non_null(entry);
    hopnhat__entry__init(entry);
    entry->replica = row->replica;
    entry->seq = row->seq;
    entry->time = row->time;
    entry->has_rank = row->rank != 0;
    entry->rank = row->rank;
    entry->has_rev = row->rev != 0;
    entry->rev = row->rev;
    if (row->value) {
        entry->has_value = true;
        entry->value.len = strlen(row->value);
        entry->value.data = arena_copy(arena, row->value, entry->value.len);
    }
    assert_true(bag_put(arena, field, entry, &error));
    return entry;
}

static inline Hopnhat__Record *record_of(struct arena *arena, uint32_t type, const struct row *rows,
                                         size_t count)
{
    Hopnhat__Record *record = record_new(arena, type, TEST_ID);
    assert_non_null(record);
    for (size_t i = 0; i < count; i++)
        put_row(arena, record, &rows[i]);
    return record;
}

#endif
