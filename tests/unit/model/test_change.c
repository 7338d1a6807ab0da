#include "model/change.h"

#include "base/limits.h"
#include "unit/lib/model.h"
#include "unit/model/chain_vectors.h"

#include <sodium.h>

static struct arena arena;
static struct error error;

static const uint64_t OWN = UINT64_C(0x0123456789abcdef), OTHER = 5;

static int setup(void **state)
{
    (void)state;
    arena_init(&arena, 4 * TEST_ARENA_BYTES);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

static struct entry_id id_of(uint64_t replica, uint64_t seq, uint32_t index)
{
    return (struct entry_id){{replica, seq}, index};
}

/* The stored bytes on an exact-size copy of their own, so that a sanitizer sees a read past their end. */
static bool unpack_exactly(struct change *change, struct dot dot, struct bytes stored)
{
    uint8_t *copy = malloc(stored.size ? stored.size : 1);
    assert_non_null(copy);
    memcpy(copy, stored.data, stored.size);
    bool done = change_unpack(change, dot, bytes_of(copy, stored.size), &arena, &error);
    free(copy);
    return done;
}

static void random_id(struct dice *dice, struct entry_id *id)
{
    static const uint64_t replicas[] = {OWN, OTHER, UINT64_MAX, 77};
    *id = id_of(replicas[dice_below(dice, LENGTH(replicas))], 1 + dice_below(dice, 40),
                dice_percent(dice, 20) ? LIMIT_OPS_PER_CHANGE - 1 : dice_below(dice, 5));
    if (id->dot.replica == OWN)
        id->index = dice_below(dice, 5);
}

static void random_edit(struct dice *dice, struct new_edit *edit, uint32_t type)
{
    *edit = (struct new_edit){.type = type, .op_count = 1 + dice_below(dice, 6)};
    edit->ops = arena_alloc(&arena, edit->op_count * sizeof *edit->ops);
    for (size_t i = 0; i < sizeof edit->record; i++)
        edit->record[i] = (uint8_t)dice_next(dice);
    for (size_t i = 0; i < edit->op_count; i++) {
        struct new_op *op = &edit->ops[i];
        size_t size = dice_below(dice, 30);
        uint8_t *value = arena_alloc(&arena, size);
        for (size_t j = 0; j < size; j++)
            value[j] = (uint8_t)dice_next(dice);
        op->field = 1 + dice_below(dice, LIMIT_FIELD_NUMBER);
        op->kind = dice_below(dice, 3);
        op->value = bytes_of(value, size);
        size_t count = op->kind == HOPNHAT__OP_KIND__ADD ? 0 : dice_below(dice, 7);
        op->superseded.ids = arena_alloc(&arena, count * sizeof *op->superseded.ids);
        op->superseded.count = count;
        for (size_t j = 0; j < count; j++)
            random_id(dice, &op->superseded.ids[j]);
    }
}

static void check_same(const struct change *change, const struct new_change *made)
{
    size_t number = 0;
    assert_int_equal(change->body->time, made->time);
    assert_int_equal(change->body->catalog, made->catalog_tag);
    assert_int_equal(change->body->n_edits, made->edit_count);
    assert_true(made->author ? strcmp(change->body->author, made->author) == 0 : !change->body->author);
    for (size_t i = 0; i < made->edit_count; i++) {
        const Hopnhat__Edit *edit = change->body->edits[i];
        assert_int_equal(edit->type, made->edits[i].type);
        assert_memory_equal(edit->record.data, made->edits[i].record, LENGTH_OF_ID);
        assert_int_equal(edit->n_ops, made->edits[i].op_count);
        assert_int_equal(change->first_op[i], number);
        for (size_t j = 0; j < edit->n_ops; j++, number++) {
            const struct new_op *op = &made->edits[i].ops[j];
            assert_int_equal(edit->ops[j]->field, op->field);
            assert_int_equal(edit->ops[j]->kind, op->kind);
            assert_true(bytes_equal(change_value(change, number), op->value));
            assert_int_equal(op_superseded_count(edit->ops[j]), op->superseded.count);
            for (size_t k = 0; k < op->superseded.count; k++)
                assert_int_equal(
                    entry_id_compare(op_superseded(change, edit->ops[j], k), op->superseded.ids[k]), 0);
        }
    }
    assert_int_equal(change->op_count, number);
}

static void what_is_packed_is_unpacked(void **state)
{
    (void)state;
    struct dice dice = {11};
    for (int round = 0; round < 500; round++) {
        struct new_edit edits[5];
        struct new_change made = {.replica = OWN, .edits = edits, .edit_count = 1 + dice_below(&dice, 5)};
        struct change change;
        struct bytes stored;
        arena_reset(&arena);
        made.time = dice_next(&dice);
        made.catalog_tag = (uint32_t)dice_next(&dice);
        made.author = dice_percent(&dice, 50) ? "chị Lan" : NULL;
        for (size_t i = 0; i < made.edit_count; i++)
            random_edit(&dice, &edits[i], 1 + dice_below(&dice, LIMIT_TYPE_NUMBER));
        assert_true(change_pack(&made, &arena, &stored, &error));
        if (!unpack_exactly(&change, (struct dot){OWN, 41}, stored))
            fail_msg("%s", error.text);
        assert_true(change.chainable);
        check_same(&change, &made);
    }
}

/* One op on one record, with everything that a test may want to spoil. */
struct raw {
    Hopnhat__LoggedChange logged;
    Hopnhat__Change change;
    Hopnhat__Edit edit, edit_2;
    Hopnhat__Op op, op_2;
    Hopnhat__Edit *edits[2];
    Hopnhat__Op *ops[1], *ops_2[1];
    uint64_t supersedes[6], replicas[2];
    ProtobufCBinaryData values[2], salts[2];
    uint32_t erased[2];
    uint8_t hash[LINK_BYTES], seed[SEED_BYTES], id[2][LENGTH_OF_ID];
};

static void raw_init(struct raw *raw)
{
    *raw = (struct raw){.logged = HOPNHAT__LOGGED_CHANGE__INIT,
                        .change = HOPNHAT__CHANGE__INIT,
                        .edit = HOPNHAT__EDIT__INIT,
                        .edit_2 = HOPNHAT__EDIT__INIT,
                        .op = HOPNHAT__OP__INIT,
                        .op_2 = HOPNHAT__OP__INIT,
                        .supersedes = {1, 3, 0, 0, 8, 4},
                        .replicas = {OTHER, OWN},
                        .id = {{1}, {2}}};
    raw->op.field = raw->op_2.field = NAME;
    raw->op.supersedes = raw->supersedes;
    raw->op.n_supersedes = 6;
    raw->edit.type = raw->edit_2.type = THING;
    raw->edit.record = (ProtobufCBinaryData){LENGTH_OF_ID, raw->id[0]};
    raw->edit_2.record = (ProtobufCBinaryData){LENGTH_OF_ID, raw->id[1]};
    raw->ops[0] = &raw->op;
    raw->ops_2[0] = &raw->op_2;
    raw->edit.ops = raw->ops;
    raw->edit_2.ops = raw->ops_2;
    raw->edit.n_ops = raw->edit_2.n_ops = 1;
    raw->edits[0] = &raw->edit;
    raw->edits[1] = &raw->edit_2;
    raw->change.edits = raw->edits;
    raw->change.n_edits = 2;
    raw->change.replicas = raw->replicas;
    raw->change.n_replicas = 2;
    raw->values[0] = (ProtobufCBinaryData){3, (uint8_t *)(uintptr_t) "Hue"};
    raw->values[1] = (ProtobufCBinaryData){LINK_BYTES, raw->hash};
    raw->salts[0] = (ProtobufCBinaryData){SEED_BYTES, raw->seed};
    raw->erased[0] = 1;
    raw->logged.values = raw->values;
    raw->logged.n_values = 2;
    raw->logged.has_seed = true;
    raw->logged.seed = (ProtobufCBinaryData){SEED_BYTES, raw->seed};
    raw->logged.salts = raw->salts;
    raw->logged.erased = raw->erased;
}

/* With its second value erased. */
static void raw_init_erased(struct raw *raw)
{
    raw_init(raw);
    raw->logged.has_seed = false;
    raw->logged.n_erased = 1;
    raw->logged.n_salts = 2;
}

static struct bytes raw_pack(struct raw *raw)
{
    raw->logged.change.len = hopnhat__change__get_packed_size(&raw->change);
    raw->logged.change.data = arena_alloc(&arena, raw->logged.change.len);
    hopnhat__change__pack(&raw->change, raw->logged.change.data);
    size_t size = hopnhat__logged_change__get_packed_size(&raw->logged);
    uint8_t *data = arena_alloc(&arena, size);
    return bytes_of(data, hopnhat__logged_change__pack(&raw->logged, data));
}

static void expect(struct raw *raw, enum error_code code, bool chainable)
{
    struct change change;
    error.code = ERROR_NONE;
    assert_int_equal(unpack_exactly(&change, (struct dot){OWN, 9}, raw_pack(raw)), code == ERROR_NONE);
    assert_int_equal(error.code, code);
    assert_int_equal(change.chainable, chainable);
    if (chainable) {
        uint8_t link[LINK_BYTES] = {0};
        assert_true(chain_next(link, change.logged, link, &error));
    }
}

#define SPOILED(statement)                                                                                   \
    do {                                                                                                     \
        raw_init(&raw);                                                                                      \
        statement;                                                                                           \
        expect(&raw, ERROR_CORRUPT, true);                                                                   \
    } while (0)

static void malformed_changes_are_refused(void **state)
{
    (void)state;
    struct raw raw;
    raw_init(&raw);
    expect(&raw, ERROR_NONE, true);
    SPOILED(raw.change.n_edits = 0);
    SPOILED(raw.edit.type = 0);
    SPOILED(raw.edit.type = LIMIT_TYPE_NUMBER + 1);
    SPOILED(raw.edit.record.len = 15);
    SPOILED(raw.edit.n_ops = 0);
    SPOILED(raw.edit_2.record = raw.edit.record);
    SPOILED(raw.op.field = 0);
    SPOILED(raw.op.field = LIMIT_FIELD_NUMBER + 1);
    SPOILED((raw.op.has_kind = true, raw.op.kind = (Hopnhat__OpKind)3));
    SPOILED((raw.op.has_kind = true, raw.op.kind = (Hopnhat__OpKind)-1));
    SPOILED(raw.op.n_supersedes = 5);
    SPOILED(raw.supersedes[0] = 3);
    SPOILED(raw.supersedes[0] = UINT64_MAX);
    SPOILED(raw.supersedes[1] = 0);
    SPOILED(raw.supersedes[2] = LIMIT_OPS_PER_CHANGE);
    SPOILED(raw.supersedes[2] = UINT64_MAX);
    SPOILED(raw.logged.n_values = 1);
    SPOILED(raw.change.n_edits = 1); /* a value too many */
    SPOILED(raw.change.author = (char *)(uintptr_t) "\xff");
    SPOILED(raw.edit.note = (char *)(uintptr_t) "\xff");
    static char note[LIMIT_NOTE_BYTES + 2];
    memset(note, 'n', LIMIT_NOTE_BYTES + 1);
    SPOILED(raw.edit.note = note);
    note[LIMIT_NOTE_BYTES] = '\0';
    raw_init(&raw);
    raw.edit.note = note;
    expect(&raw, ERROR_NONE, true);
}

static void ones_own_future_cannot_have_been_seen(void **state)
{
    (void)state;
    struct raw raw;
    raw_init(&raw);
    raw.supersedes[4] = 9; /* this change */
    raw.supersedes[5] = 0;
    expect(&raw, ERROR_CORRUPT, true);
    raw.supersedes[0] = 1;
    raw.op.n_supersedes = 3;
    raw.op_2.supersedes = raw.supersedes + 3;
    raw.op_2.n_supersedes = 3;
    expect(&raw, ERROR_NONE, true); /* its second op: what the first put */
    raw.supersedes[5] = 1;
    expect(&raw, ERROR_CORRUPT, true);
    raw.supersedes[3] = 2; /* the same by the table */
    expect(&raw, ERROR_CORRUPT, true);
    raw.supersedes[4] = 10;
    raw.supersedes[5] = 0;
    expect(&raw, ERROR_CORRUPT, true);
    raw.supersedes[3] = 1; /* another's: cannot be told */
    expect(&raw, ERROR_NONE, true);
}

#define UNCHAINED(init, statement)                                                                           \
    do {                                                                                                     \
        init(&raw);                                                                                          \
        statement;                                                                                           \
        expect(&raw, ERROR_CORRUPT, false);                                                                  \
    } while (0)

static void what_cannot_be_chained_is_refused(void **state)
{
    (void)state;
    struct raw raw;
    raw_init_erased(&raw);
    expect(&raw, ERROR_NONE, true);
    UNCHAINED(raw_init, raw.logged.seed.len = 15);
    UNCHAINED(raw_init, raw.logged.has_seed = false);
    UNCHAINED(raw_init, raw.logged.n_salts = 2);
    UNCHAINED(raw_init, raw.logged.n_erased = 1);
    UNCHAINED(raw_init_erased, raw.logged.n_salts = 1);
    UNCHAINED(raw_init_erased, raw.salts[0].len = 15);
    UNCHAINED(raw_init_erased, raw.salts[0].len = 0);
    UNCHAINED(raw_init_erased, raw.salts[1] = raw.salts[0]); /* kept, the value could be guessed */
    UNCHAINED(raw_init_erased, raw.values[1].len = 31);
    UNCHAINED(raw_init_erased, raw.erased[0] = 2);
    UNCHAINED(raw_init_erased, (raw.erased[1] = 1, raw.logged.n_erased = 2));
    struct change change;
    assert_false(unpack_exactly(&change, (struct dot){OWN, 1}, text("\x0a\x7f")));
    assert_false(change.chainable);
    assert_false(unpack_exactly(&change, (struct dot){OWN, 1}, text("")));
    assert_int_equal(error.code, ERROR_CORRUPT);
}

/* Any byte of a good change altered, and any end cut off: nothing worse than a refusal. */
static void bytes_at_random_do_no_harm(void **state)
{
    (void)state;
    struct dice dice = {12};
    struct raw raw;
    for (int round = 0; round < 20000; round++) {
        struct change change;
        arena_reset(&arena);
        round % 2 ? raw_init(&raw) : raw_init_erased(&raw);
        struct bytes packed = raw_pack(&raw);
        uint8_t *bytes = arena_copy(&arena, packed.data, packed.size);
        size_t size = dice_percent(&dice, 30) ? dice_below(&dice, (unsigned)packed.size) : packed.size;
        for (unsigned i = dice_below(&dice, 4); i > 0; i--)
            bytes[dice_below(&dice, (unsigned)packed.size)] = (uint8_t)dice_next(&dice);
        bool done = unpack_exactly(&change, (struct dot){OWN, 9}, bytes_of(bytes, size));
        uint8_t link[LINK_BYTES] = {0};
        if (change.chainable)
            assert_true(chain_next(link, change.logged, link, &error));
        for (size_t i = 0; done && i < change.body->n_edits; i++)
            for (size_t j = 0; j < change.body->edits[i]->n_ops; j++) {
                const Hopnhat__Op *op = change.body->edits[i]->ops[j];
                assert_true(change_value(&change, change.first_op[i] + j).size <= size);
                for (size_t k = 0; k < op_superseded_count(op); k++)
                    assert_true(op_superseded(&change, op, k).dot.seq > 0);
            }
    }
}

static void bounds_hold_on_both_sides(void **state)
{
    (void)state;
    static struct new_edit edits[LIMIT_EDITS_PER_CHANGE + 1];
    static struct entry_id ids[LIMIT_REPLICAS_PER_CHANGE + 1];
    struct new_op op = {.field = NAME};
    struct bytes stored;
    struct change change;
    for (size_t i = 0; i < LENGTH(edits); i++) {
        edits[i] = (struct new_edit){.type = THING, .ops = &op, .op_count = 1};
        put_u32_be(edits[i].record, (uint32_t)i);
    }
    for (size_t i = 0; i < LENGTH(ids); i++)
        ids[i] = id_of(100 + i, 1, 0);
    struct new_change made = {.replica = OWN, .edits = edits, .edit_count = LIMIT_EDITS_PER_CHANGE};
    assert_true(change_pack(&made, &arena, &stored, &error));
    assert_true(unpack_exactly(&change, (struct dot){OWN, 1}, stored));
    made.edit_count++;
    assert_false(change_pack(&made, &arena, &stored, &error));
    assert_int_equal(error.code, ERROR_LIMIT);
    made.edit_count = 1;
    op.superseded = (struct entry_list){ids, LIMIT_REPLICAS_PER_CHANGE};
    assert_true(change_pack(&made, &arena, &stored, &error));
    assert_true(unpack_exactly(&change, (struct dot){OWN, 1}, stored));
    op.superseded.count++;
    assert_false(change_pack(&made, &arena, &stored, &error));
    assert_int_equal(error.code, ERROR_LIMIT);
    op.superseded.count = 0;
    op.value = bytes_of(edits, LIMIT_CHANGE_BYTES < sizeof edits ? LIMIT_CHANGE_BYTES : sizeof edits);
    static char note[LIMIT_NOTE_BYTES + 2];
    memset(note, 'n', LIMIT_NOTE_BYTES + 1);
    edits[0].note = note;
    assert_false(change_pack(&made, &arena, &stored, &error));
    assert_int_equal(error.code, ERROR_LIMIT);
    note[LIMIT_NOTE_BYTES] = '\0';
    made.author = "0123456789012345678901234567890123456789012345678901234567890123";
    assert_true(change_pack(&made, &arena, &stored, &error));
    assert_true(unpack_exactly(&change, (struct dot){OWN, 1}, stored));
    made.author = "01234567890123456789012345678901234567890123456789012345678901234";
    assert_false(change_pack(&made, &arena, &stored, &error));
    assert_int_equal(error.code, ERROR_LIMIT);
}

static void a_change_past_the_size_is_refused(void **state)
{
    (void)state;
    static struct new_op many[LIMIT_OPS_PER_CHANGE + 1];
    struct bytes stored;
    struct change change;
    uint8_t *large = arena_alloc(&arena, LIMIT_CHANGE_BYTES + 1);
    struct new_op op = {.field = NAME, .value = bytes_of(large, LIMIT_CHANGE_BYTES)};
    struct new_edit edit = {.type = THING, .ops = &op, .op_count = 1};
    const struct new_change made = {.replica = OWN, .edits = &edit, .edit_count = 1};
    assert_false(change_pack(&made, &arena, &stored, &error));
    assert_int_equal(error.code, ERROR_LIMIT);
    assert_false(unpack_exactly(&change, (struct dot){OWN, 1}, bytes_of(large, LIMIT_CHANGE_BYTES + 1)));
    assert_int_equal(error.code, ERROR_LIMIT);
    for (size_t i = 0; i < LENGTH(many); i++)
        many[i] = (struct new_op){.field = NAME};
    edit.ops = many;
    edit.op_count = LENGTH(many);
    assert_false(change_pack(&made, &arena, &stored, &error));
    assert_int_equal(error.code, ERROR_LIMIT);
    edit.op_count--;
    assert_true(change_pack(&made, &arena, &stored, &error));
    assert_true(unpack_exactly(&change, (struct dot){OWN, 1}, stored));
}

/* A value that is shorter than its hash grows when it is erased: so what holds one may be larger. */
static void an_erased_change_may_be_larger(void **state)
{
    (void)state;
    struct raw raw;
    struct change change;
    uint8_t *large = arena_alloc(&arena, LIMIT_ERASED_CHANGE_BYTES + 1);
    raw_init(&raw);
    raw.values[0] = (ProtobufCBinaryData){LIMIT_CHANGE_BYTES, large};
    assert_false(unpack_exactly(&change, (struct dot){OWN, 9}, raw_pack(&raw)));
    assert_int_equal(error.code, ERROR_LIMIT);
    raw_init_erased(&raw);
    raw.values[0] = (ProtobufCBinaryData){LIMIT_CHANGE_BYTES, large};
    expect(&raw, ERROR_NONE, true);
    raw.values[0].len = LIMIT_ERASED_CHANGE_BYTES;
    assert_false(unpack_exactly(&change, (struct dot){OWN, 9}, raw_pack(&raw)));
    assert_int_equal(error.code, ERROR_LIMIT);
}

/* The values of chain_vectors.py. */
static void vector_change(Hopnhat__LoggedChange *logged, ProtobufCBinaryData values[9],
                          uint8_t seed[SEED_BYTES])
{
    static const char *const short_values[] = {"Hue", "", "Đà Nẵng", "", "5", "6", "7", "8", "9"};
    static const char body[] = "not even a change";
    hopnhat__logged_change__init(logged);
    for (uint8_t i = 0; i < SEED_BYTES; i++)
        seed[i] = i + 1;
    for (size_t i = 0; i < 9; i++)
        values[i] = (ProtobufCBinaryData){strlen(short_values[i]), (uint8_t *)(uintptr_t)short_values[i]};
    values[3] = (ProtobufCBinaryData){1000, arena_alloc(&arena, 1000)};
    memset(values[3].data, 'x', 1000);
    logged->change = (ProtobufCBinaryData){sizeof body - 1, (uint8_t *)(uintptr_t)body};
    logged->has_seed = true;
    logged->seed = (ProtobufCBinaryData){SEED_BYTES, seed};
    logged->values = values;
    logged->n_values = 9;
}

static void the_chain_is_what_another_implementation_makes(void **state)
{
    (void)state;
    Hopnhat__LoggedChange logged, empty = HOPNHAT__LOGGED_CHANGE__INIT;
    ProtobufCBinaryData values[9];
    uint8_t link[LINK_BYTES], seed[SEED_BYTES];
    vector_change(&logged, values, seed);
    empty.has_seed = true;
    empty.seed = logged.seed;
    chain_start(OWN, link);
    assert_memory_equal(link, VECTOR_START, LINK_BYTES);
    assert_true(chain_next(link, &logged, link, &error));
    assert_memory_equal(link, VECTOR_FIRST, LINK_BYTES);
    assert_true(chain_next(link, &empty, link, &error));
    assert_memory_equal(link, VECTOR_SECOND, LINK_BYTES);
}

static void salt_of(const uint8_t seed[SEED_BYTES], uint32_t number, uint8_t salt[SEED_BYTES])
{
    static const uint8_t person[16] = "hopnhat.salt";
    uint8_t block[64], count[4];
    put_u32_le(count, number / 4);
    crypto_generichash_blake2b_salt_personal(block, 64, count, 4, NULL, 0, seed, person);
    memcpy(salt, block + (size_t)16 * (number % 4), SEED_BYTES);
}

/* Values are erased, one after the other, in every combination: the chain is the same. */
static void an_erasure_leaves_the_chain_as_it_was(void **state)
{
    (void)state;
    static const uint8_t person[16] = "hopnhat.value";
    uint8_t seed[SEED_BYTES], salts[9][SEED_BYTES], hashes[9][LINK_BYTES];
    Hopnhat__LoggedChange logged;
    ProtobufCBinaryData values[9], erased_values[9], salt_list[9];
    uint32_t erased[9];
    vector_change(&logged, values, seed);
    for (uint32_t i = 0; i < 9; i++) {
        salt_of(seed, i, salts[i]);
        crypto_generichash_blake2b_salt_personal(hashes[i], LINK_BYTES, values[i].data, values[i].len, NULL,
                                                 0, salts[i], person);
    }
    assert_memory_equal(salts[0], VECTOR_SALT_0, SEED_BYTES);
    assert_memory_equal(salts[3], VECTOR_SALT_3, SEED_BYTES);
    assert_memory_equal(salts[4], VECTOR_SALT_4, SEED_BYTES);
    assert_memory_equal(salts[8], VECTOR_SALT_8, SEED_BYTES);
    assert_memory_equal(hashes[2], VECTOR_LEAF_2, LINK_BYTES);
    logged.has_seed = false;
    logged.values = erased_values;
    logged.salts = salt_list;
    logged.n_salts = 9;
    logged.erased = erased;
    for (unsigned which = 0; which < 512; which++) {
        uint8_t link[LINK_BYTES];
        logged.n_erased = 0;
        for (uint32_t i = 0; i < 9; i++) {
            bool gone = which >> i & 1;
            erased_values[i] = gone ? (ProtobufCBinaryData){LINK_BYTES, hashes[i]} : values[i];
            salt_list[i] = (ProtobufCBinaryData){gone ? 0 : SEED_BYTES, salts[i]};
            if (gone)
                erased[logged.n_erased++] = i;
        }
        chain_start(OWN, link);
        assert_true(chain_next(link, &logged, link, &error));
        assert_memory_equal(link, VECTOR_FIRST, LINK_BYTES);
    }
}

static void every_part_counts_in_the_chain(void **state)
{
    (void)state;
    Hopnhat__LoggedChange logged;
    ProtobufCBinaryData values[9];
    uint8_t seed[SEED_BYTES], link[LINK_BYTES], start[LINK_BYTES];
    for (int spoil = 0; spoil < 6; spoil++) {
        vector_change(&logged, values, seed);
        chain_start(spoil == 0 ? OWN + 1 : OWN, start);
        seed[0] ^= spoil == 1;
        values[8].len -= spoil == 2;
        logged.n_values -= spoil == 3;
        logged.change.len -= spoil == 4;
        if (spoil == 5) {
            ProtobufCBinaryData first = values[5];
            values[5] = values[6];
            values[6] = first;
        }
        assert_true(chain_next(start, &logged, link, &error));
        assert_memory_not_equal(link, VECTOR_FIRST, LINK_BYTES);
    }
}

static void erased_values_read_as_nothing(void **state)
{
    (void)state;
    struct raw raw;
    struct change change;
    raw_init_erased(&raw);
    assert_true(unpack_exactly(&change, (struct dot){OWN, 9}, raw_pack(&raw)));
    assert_true(bytes_equal(change_value(&change, 0), text("Hue")));
    assert_int_equal(change_value(&change, 1).size, 0);
    raw.erased[0] = 0; /* the first, and then both */
    raw.values[0] = raw.values[1];
    raw.values[1] = (ProtobufCBinaryData){3, (uint8_t *)(uintptr_t) "Hue"};
    raw.salts[1] = raw.salts[0];
    raw.salts[0].len = 0;
    assert_true(unpack_exactly(&change, (struct dot){OWN, 9}, raw_pack(&raw)));
    assert_int_equal(change_value(&change, 0).size, 0);
    assert_true(bytes_equal(change_value(&change, 1), text("Hue")));
    raw.values[1] = raw.values[0];
    raw.salts[1].len = 0;
    raw.erased[1] = 1;
    raw.logged.n_erased = 2;
    assert_true(unpack_exactly(&change, (struct dot){OWN, 9}, raw_pack(&raw)));
    assert_int_equal(change_value(&change, 0).size + change_value(&change, 1).size, 0);
}

static void what_is_read_keeps_the_bounds_too(void **state)
{
    (void)state;
    struct raw raw;
    static Hopnhat__Edit *edits[LIMIT_EDITS_PER_CHANGE + 1];
    static uint64_t replicas[LIMIT_REPLICAS_PER_CHANGE + 1];
    static ProtobufCBinaryData values[LIMIT_OPS_PER_CHANGE + 1];
    static char author[LIMIT_AUTHOR_BYTES + 2];
    raw_init(&raw);
    for (size_t i = 0; i < LENGTH(edits); i++)
        edits[i] = &raw.edit;
    raw.change.edits = edits;
    raw.change.n_edits = LENGTH(edits);
    expect(&raw, ERROR_LIMIT, true);
    raw_init(&raw);
    raw.change.replicas = replicas;
    raw.change.n_replicas = LENGTH(replicas);
    expect(&raw, ERROR_LIMIT, true);
    raw_init(&raw);
    raw.logged.values = values;
    raw.logged.n_values = LENGTH(values);
    expect(&raw, ERROR_LIMIT, true);
    raw_init(&raw);
    memset(author, 'a', LIMIT_AUTHOR_BYTES + 1);
    raw.change.author = author;
    expect(&raw, ERROR_LIMIT, true);
}

static void a_chain_needs_every_salt(void **state)
{
    (void)state;
    struct raw raw;
    uint8_t link[LINK_BYTES] = {0};
    raw_init_erased(&raw);
    raw.salts[0].len = 0; /* of the value that is not erased */
    raw_pack(&raw);
    assert_false(chain_next(link, &raw.logged, link, &error));
    assert_int_equal(error.code, ERROR_CORRUPT);
}

static void memory_that_ends_is_told_as_that(void **state)
{
    (void)state;
    struct raw raw;
    struct new_edit edit;
    struct dice dice = {13};
    random_edit(&dice, &edit, THING);
    const struct new_change made = {.replica = OWN, .author = "Lan", .edits = &edit, .edit_count = 1};
    bool done = false;
    for (size_t limit = 0; !done; limit += 16) {
        struct arena small;
        struct bytes stored;
        arena_init(&small, limit);
        done = change_pack(&made, &small, &stored, &error);
        if (!done)
            assert_int_equal(error.code, ERROR_MEMORY);
        arena_release(&small);
    }
    raw_init_erased(&raw);
    struct bytes packed = raw_pack(&raw);
    done = false;
    for (size_t limit = 0; !done; limit += 16) {
        struct arena small;
        struct change change;
        arena_init(&small, limit);
        done = change_unpack(&change, (struct dot){OWN, 9}, packed, &small, &error);
        if (!done)
            assert_true(error.code == ERROR_MEMORY || error.code == ERROR_LIMIT);
        arena_release(&small);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_packed_is_unpacked),
        cmocka_unit_test(malformed_changes_are_refused),
        cmocka_unit_test(ones_own_future_cannot_have_been_seen),
        cmocka_unit_test(what_cannot_be_chained_is_refused),
        cmocka_unit_test(bytes_at_random_do_no_harm),
        cmocka_unit_test(bounds_hold_on_both_sides),
        cmocka_unit_test(a_change_past_the_size_is_refused),
        cmocka_unit_test(an_erased_change_may_be_larger),
        cmocka_unit_test(the_chain_is_what_another_implementation_makes),
        cmocka_unit_test(an_erasure_leaves_the_chain_as_it_was),
        cmocka_unit_test(every_part_counts_in_the_chain),
        cmocka_unit_test(erased_values_read_as_nothing),
        cmocka_unit_test(what_is_read_keeps_the_bounds_too),
        cmocka_unit_test(a_chain_needs_every_salt),
        cmocka_unit_test(memory_that_ends_is_told_as_that),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
