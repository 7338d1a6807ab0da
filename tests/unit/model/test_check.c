#include "model/check.h"

#include "base/limits.h"
#include "model/fold.h"
#include "unit/lib/model.h"

enum {
    GROUP = HOPNHAT__SYSTEM_FIELD__SYSTEM_GROUP,
    OWNER = HOPNHAT__SYSTEM_FIELD__SYSTEM_OWNER,
    DELETED = HOPNHAT__SYSTEM_FIELD__SYSTEM_DELETED,
    ANYBODYS = 20,
    EITHERS = 21,
    OWNERS = 22,
    HEADQUARTERS = 23,
    RETIRED = 24,
    PEOPLE = 25,
};

static const char RULES[] =
    "version: 1\n"
    "types:\n"
    "  - {number: 20, name: anybodys, write: any, fields: [\n"
    "      {number: 16, name: name, required: true},\n"
    "      {number: 17, name: judged, write: headquarters},\n"
    "      {number: 18, name: own, write: owner},\n"
    "      {number: 19, name: tags, policy: union},\n"
    "      {number: 20, name: count, kind: integer, policy: sum, most: '100'},\n"
    "      {number: 21, name: day, kind: date},\n"
    "      {number: 22, name: starts, kind: date, unit: period},\n"
    "      {number: 23, name: ends, kind: date, unit: period, not_before: starts},\n"
    "      {number: 24, name: area, kind: integer, most: '10', unit: size},\n"
    "      {number: 25, name: rooms, kind: integer, most: '10', unit: size}]}\n"
    "  - {number: 21, name: eithers, write: owner_or_headquarters, fields: [{number: 16, name: name}]}\n"
    "  - {number: 22, name: owners, write: owner, fields: [{number: 16, name: name}]}\n"
    "  - {number: 23, name: headquarters, write: headquarters, fields: [{number: 16, name: name}]}\n"
    "  - {number: 24, name: old, retired: true, fields: [{number: 16, name: name}]}\n"
    "  - {number: 25, name: people, audience: office, write: any, fields: [\n"
    "      {number: 16, name: name, personal: true}]}\n";

static struct arena arena;
static struct catalog *catalog;
static uint32_t made_under; /* the tag of the catalog under which the changes are made */
static struct error error;

static const char *const hue_groups[] = {"everyone", "office:hue", "cluster:3"};
static const char *const hanoi_groups[] = {"everyone", "office:hanoi", "cluster:1"};
static const char *const center_groups[] = {"everyone", "office:center", "cluster:1", "cluster:3",
                                            "office:hue"};
static const struct office hue = {.code = "hue", .groups = hue_groups, .group_count = 3};
static const struct office hanoi = {.code = "hanoi", .groups = hanoi_groups, .group_count = 3};
static const struct office center = {
    .code = "center", .headquarters = true, .groups = center_groups, .group_count = 5};
static const struct office *const hub = NULL;

static int setup(void **state)
{
    (void)state;
    arena_init(&arena, 4 * TEST_ARENA_BYTES);
    catalog = catalog_of(RULES);
    made_under = catalog_tag(catalog);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    catalog_free(catalog);
    arena_release(&arena);
    return 0;
}

/* A record of hue's, in the group. */
static Hopnhat__Record *record_in(uint32_t type, const char *group)
{
    const struct row rows[] = {{GROUP, 1, 1, 1, group, 1, 1}, {OWNER, 1, 1, 1, "hue", 1, 1}};
    return record_of(&arena, type, rows, group ? 2 : 0);
}

struct verdict {
    bool allowed;
    Hopnhat__RefusalReason reason;
    enum error_code code;
};

static const struct verdict rights = {.reason = HOPNHAT__REFUSAL_REASON__REFUSED_RIGHTS,
                                      .code = ERROR_REFUSED},
                            wrong = {.reason = HOPNHAT__REFUSAL_REASON__REFUSED_CATALOG, .code = ERROR_INPUT},
                            unsound = {.reason = HOPNHAT__REFUSAL_REASON__REFUSED_RIGHTS,
                                       .code = ERROR_INPUT};

static struct verdict check(const struct office *office, const Hopnhat__Record *before, uint32_t type,
                            const struct new_op *ops, size_t count)
{
    struct verdict verdict = {0};
    struct new_op *copy = arena_copy(&arena, ops, count * sizeof *ops);
    struct change change = change_of_ops(&arena, 9, 9, type, copy, count);
    change.body->catalog = made_under;
    error.code = ERROR_NONE;
    verdict.allowed =
        check_edit(catalog, &change, 0, before, &(struct writer){office}, &verdict.reason, &error);
    verdict.code = error.code;
    return verdict;
}

#define ALLOWED(office, before, type, ...)                                                                   \
    do {                                                                                                     \
        const struct new_op ops_[] = {__VA_ARGS__};                                                          \
        struct verdict verdict_ = check(office, before, type, ops_, LENGTH(ops_));                           \
        if (!verdict_.allowed)                                                                               \
            fail_msg("line %d: %s", __LINE__, error.text);                                                   \
    } while (0)

#define REFUSED(office, before, type, expected, ...)                                                         \
    do {                                                                                                     \
        const struct new_op ops_[] = {__VA_ARGS__};                                                          \
        struct verdict verdict_ = check(office, before, type, ops_, LENGTH(ops_));                           \
        if (verdict_.allowed || verdict_.reason != (expected).reason || verdict_.code != (expected).code)    \
            fail_msg("line %d: %d, %d, %s", __LINE__, verdict_.allowed, verdict_.reason, error.text);        \
    } while (0)

#define PUT(number, string)                                                                                  \
    {                                                                                                        \
        .field = number, .value = text(string)                                                               \
    }
#define DROP(number)                                                                                         \
    {                                                                                                        \
        .field = number, .kind = HOPNHAT__OP_KIND__DROP                                                      \
    }
#define ADD(number, string)                                                                                  \
    {                                                                                                        \
        .field = number, .kind = HOPNHAT__OP_KIND__ADD, .value = text(string)                                \
    }
#define NEW(group, owner) PUT(GROUP, group), PUT(OWNER, owner)

static void every_write_rule_on_a_record_that_is_there(void **state)
{
    (void)state;
    static const struct {
        uint32_t type;
        bool owner, other, headquarters;
    } rules[] = {{ANYBODYS, true, true, true},
                 {EITHERS, true, false, true},
                 {OWNERS, true, false, false},
                 {HEADQUARTERS, false, false, true}};
    for (size_t i = 0; i < LENGTH(rules); i++) {
        const struct new_op op = PUT(NAME, "x");
        const Hopnhat__Record *record = record_in(rules[i].type, "everyone");
        assert_int_equal(check(&hue, record, rules[i].type, &op, 1).allowed, rules[i].owner);
        assert_int_equal(check(&hanoi, record, rules[i].type, &op, 1).allowed, rules[i].other);
        assert_int_equal(check(&center, record, rules[i].type, &op, 1).allowed, rules[i].headquarters);
        assert_true(check(hub, record, rules[i].type, &op, 1).allowed);
        const struct new_op restore = DROP(DELETED);
        assert_int_equal(check(&hanoi, record, rules[i].type, &restore, 1).allowed, rules[i].other);
        assert_int_equal(check(&hue, record, rules[i].type, &restore, 1).allowed, rules[i].owner);
    }
    REFUSED(&hanoi, record_in(OWNERS, "everyone"), OWNERS, rights, PUT(NAME, "x"));
}

static void a_full_field_is_told_by_its_name(void **state)
{
    (void)state;
    const struct verdict full = {.reason = HOPNHAT__REFUSAL_REASON__REFUSED_LIMIT, .code = ERROR_LIMIT};
    Hopnhat__Record *record = record_in(ANYBODYS, "everyone");
    struct entry_id seen = {{7, 1}, 0}, unseen = {{8, 1}, 0};
    for (uint64_t i = 1; i < LIMIT_ENTRIES_PER_FIELD; i++)
        put_row(&arena, record, &(struct row){19, 7, i, 1, "x", 0, 1});
    ALLOWED(&hue, record, ANYBODYS, PUT(19, "last"), PUT(16, "a"), PUT(21, "2025"));
    REFUSED(&hue, record, ANYBODYS, full, PUT(19, "last"), PUT(19, "one more"));
    assert_non_null(strstr(error.text, "tags is full"));
    const struct new_op instead = {.field = 19, .value = text("y"), .superseded = {&seen, 1}},
                        not_there = {.field = 19, .value = text("y"), .superseded = {&unseen, 1}},
                        less = {.field = 19, .kind = HOPNHAT__OP_KIND__DROP, .superseded = {&seen, 1}};
    ALLOWED(&hue, record, ANYBODYS, PUT(19, "last"), instead);
    ALLOWED(&hue, record, ANYBODYS, less, PUT(19, "last"), PUT(19, "one more"));
    REFUSED(&hue, record, ANYBODYS, full, PUT(19, "last"), not_there);
}

static void dates_keep_their_order(void **state)
{
    (void)state;
    const Hopnhat__Record *record = record_in(ANYBODYS, "everyone");
    ALLOWED(&hue, record, ANYBODYS, PUT(22, "2025-01-31"), PUT(23, "2025-02-01"));
    ALLOWED(&hue, record, ANYBODYS, PUT(22, "2025-01-31"), PUT(23, "2025-01-31"));
    ALLOWED(&hue, record, ANYBODYS, PUT(22, "2025-01-31"), PUT(23, "")); /* no end yet */
    ALLOWED(&hue, record, ANYBODYS, PUT(22, ""), PUT(23, "2025"));
    ALLOWED(&hue, record, ANYBODYS, PUT(22, "2025-06"), PUT(23, "2025")); /* some day of 2025 */
    REFUSED(&hue, record, ANYBODYS, wrong, PUT(22, "2025-01-31"), PUT(23, "2025-01-30"));
    assert_non_null(strstr(error.text, "ends: \"2025-01-30\" is before starts, which is \"2025-01-31\""));
    REFUSED(&hue, record, ANYBODYS, wrong, PUT(23, "2024"), PUT(22, "2025-01-31"));
    REFUSED(hub, record, ANYBODYS, wrong, PUT(22, "2025"), PUT(23, "2024-12-31"));
    ALLOWED(&hue, record, ANYBODYS, PUT(23, "1999")); /* of an older catalog, in which they stood alone */
}

static void what_a_unit_leaves_as_it_is_is_not_checked_anew(void **state)
{
    (void)state;
    Hopnhat__Record *record = record_in(ANYBODYS, "everyone");
    put_row(&arena, record, &(struct row){24, 1, 2, 1, "11", 0, 5}); /* of an older catalog */
    ALLOWED(&hue, record, ANYBODYS, PUT(24, "11"), PUT(25, "3"));
    REFUSED(&hue, record, ANYBODYS, wrong, PUT(24, "12"), PUT(25, "3"));
    REFUSED(&hue, record, ANYBODYS, wrong, PUT(24, "11"), PUT(25, "11"));
    REFUSED(&hue, record_in(ANYBODYS, "everyone"), ANYBODYS, wrong, PUT(24, "11"), PUT(25, "3"));
}

static void texts_are_merged_by_the_hub_alone(void **state)
{
    (void)state;
    const Hopnhat__Record *record = record_in(ANYBODYS, "everyone");
    const struct new_op merged = {.field = NAME, .value = text("x"), .merged = true};
    ALLOWED(hub, record, ANYBODYS, merged);
    REFUSED(&hue, record, ANYBODYS, rights, merged);
    REFUSED(&center, record, ANYBODYS, rights, merged);
}

static void every_write_rule_on_a_new_record(void **state)
{
    (void)state;
    ALLOWED(&hue, NULL, ANYBODYS, NEW("office:hue", "hue"), PUT(NAME, "x"));
    ALLOWED(&hue, NULL, EITHERS, NEW("everyone", "hue"));
    ALLOWED(&hue, NULL, OWNERS, NEW("cluster:3", "hue"), PUT(NAME, "x"));
    ALLOWED(&center, NULL, HEADQUARTERS, NEW("everyone", "hue"), PUT(NAME, "x"));
    ALLOWED(hub, NULL, HEADQUARTERS, NEW("network:laos", "hanoi"), PUT(NAME, "x"));
    REFUSED(&hue, NULL, HEADQUARTERS, rights, NEW("everyone", "hue"), PUT(NAME, "x"));
    REFUSED(&hue, NULL, HEADQUARTERS, rights, NEW("everyone", "hue")); /* not even an empty one */
    REFUSED(&center, NULL, OWNERS, rights, NEW("everyone", "hue"));
    REFUSED(&hue, NULL, ANYBODYS, rights, NEW("everyone", "hanoi"), PUT(NAME, "x"));
    REFUSED(&hue, NULL, ANYBODYS, rights, NEW("cluster:1", "hue"), PUT(NAME, "x"));
    REFUSED(&hue, NULL, ANYBODYS, wrong, PUT(GROUP, "everyone"), PUT(NAME, "x"));
    REFUSED(&hue, NULL, HOPNHAT__BUILT_IN_TYPE__TYPE_OFFICE, rights, NEW("everyone", "hue"), PUT(16, "hue"),
            PUT(17, "Hue"));
    REFUSED(&hue, NULL, HOPNHAT__BUILT_IN_TYPE__TYPE_NOTICE, rights, NEW("everyone", "hue"), PUT(16, "x"));
}

static void a_field_may_narrow_the_rule(void **state)
{
    (void)state;
    const Hopnhat__Record *record = record_in(ANYBODYS, "everyone");
    REFUSED(&hue, record, ANYBODYS, rights, PUT(17, "x"));
    ALLOWED(&center, record, ANYBODYS, PUT(17, "x"));
    ALLOWED(&hue, record, ANYBODYS, PUT(18, "x"));
    REFUSED(&center, record, ANYBODYS, rights, PUT(18, "x"));
    REFUSED(&hanoi, record, ANYBODYS, rights, PUT(NAME, "x"), PUT(18, "x")); /* all or nothing */
}

static void a_record_of_another_group_is_out_of_reach(void **state)
{
    (void)state;
    REFUSED(&hanoi, record_in(ANYBODYS, "cluster:3"), ANYBODYS, rights, PUT(NAME, "x"));
    REFUSED(&hanoi, record_in(ANYBODYS, "office:hue"), ANYBODYS, rights, PUT(DELETED, ""));
    ALLOWED(&hue, record_in(ANYBODYS, "cluster:3"), ANYBODYS, PUT(NAME, "x"));
    ALLOWED(&center, record_in(ANYBODYS, "office:hue"), ANYBODYS, PUT(NAME, "x"));
    REFUSED(&center, record_in(ANYBODYS, "network:laos"), ANYBODYS, rights, PUT(NAME, "x"));
    ALLOWED(hub, record_in(ANYBODYS, "network:laos"), ANYBODYS, PUT(NAME, "x"));
    ALLOWED(&hanoi, record_in(ANYBODYS, NULL), ANYBODYS, PUT(NAME, "x")); /* its group is not known yet */
}

static void groups_are_moved_by_owner_and_headquarters(void **state)
{
    (void)state;
    const Hopnhat__Record *record = record_in(ANYBODYS, "everyone");
    ALLOWED(&hue, record, ANYBODYS, PUT(GROUP, "cluster:3"));
    REFUSED(&hue, record, ANYBODYS, rights, PUT(GROUP, "cluster:1")); /* is not in it */
    REFUSED(&hanoi, record, ANYBODYS, rights, PUT(GROUP, "cluster:1"));
    ALLOWED(&center, record, ANYBODYS, PUT(GROUP, "cluster:1"));
    REFUSED(&hue, record, ANYBODYS, wrong, DROP(GROUP));
    static const char *const names[] = {"nobody",      ":",         "cluster:", ":3",
                                        "cluster:3:4", "Cluster:3", "cluster 3"};
    for (size_t i = 0; i < LENGTH(names); i++) {
        REFUSED(&center, record, ANYBODYS, unsound, PUT(GROUP, names[i]));
        REFUSED(hub, record, ANYBODYS, unsound, PUT(GROUP, names[i]));
    }
}

/* Nobody makes personal data of an office everyone's, not even headquarters. */
static void personal_data_is_never_for_everyone(void **state)
{
    (void)state;
    const Hopnhat__Record *record = record_in(PEOPLE, "office:hue");
    ALLOWED(&hue, NULL, PEOPLE, NEW("office:hue", "hue"), PUT(NAME, "x"));
    REFUSED(&hue, NULL, PEOPLE, rights, NEW("everyone", "hue"), PUT(NAME, "x"));
    REFUSED(&hue, record, PEOPLE, rights, PUT(GROUP, "everyone"));
    REFUSED(&center, record, PEOPLE, rights, PUT(GROUP, "everyone"));
    REFUSED(hub, record, PEOPLE, rights, PUT(GROUP, "everyone"));
}

static void owners_hand_on_and_headquarters_settles(void **state)
{
    (void)state;
    const Hopnhat__Record *record = record_in(ANYBODYS, "everyone");
    ALLOWED(&hue, record, ANYBODYS, PUT(OWNER, "hanoi"));
    ALLOWED(&center, record, ANYBODYS, PUT(OWNER, "hanoi"));
    REFUSED(&hanoi, record, ANYBODYS, rights, PUT(OWNER, "hanoi"));
    REFUSED(&hue, record, ANYBODYS, unsound, PUT(OWNER, ""));
    REFUSED(hub, record, ANYBODYS, unsound, PUT(OWNER, ""));
    REFUSED(&hue, record, ANYBODYS, unsound, PUT(OWNER, "*"));
    REFUSED(hub, record, ANYBODYS, unsound, PUT(OWNER, "da nang"));
    ALLOWED(&hue, record, ANYBODYS, PUT(OWNER, "headquarters"));
}

/* Its owner may write nothing in it, and so neither hides it nor gives it away: an office's own record. */
static void what_headquarters_writes_stays_where_it_put_it(void **state)
{
    (void)state;
    static const uint32_t types[] = {HEADQUARTERS, HOPNHAT__BUILT_IN_TYPE__TYPE_OFFICE};
    for (size_t i = 0; i < LENGTH(types); i++) {
        const Hopnhat__Record *record = record_in(types[i], "everyone");
        REFUSED(&hue, record, types[i], rights, PUT(GROUP, "office:hue"));
        REFUSED(&hue, record, types[i], rights, PUT(OWNER, "hanoi"));
        ALLOWED(&center, record, types[i], PUT(GROUP, "cluster:3"), PUT(OWNER, "hanoi"));
        ALLOWED(hub, record, types[i], PUT(GROUP, "cluster:3"), PUT(OWNER, "hanoi"));
    }
}

/* A hub that came back from a backup may have lost a record, and gets its changes again in any order. */
static void nobody_owns_a_record_before_it_is_made(void **state)
{
    (void)state;
    static const uint32_t types[] = {ANYBODYS,
                                     EITHERS,
                                     OWNERS,
                                     HEADQUARTERS,
                                     HOPNHAT__BUILT_IN_TYPE__TYPE_OFFICE,
                                     HOPNHAT__BUILT_IN_TYPE__TYPE_ERASURE};
    for (size_t i = 0; i < LENGTH(types); i++) {
        REFUSED(&hue, NULL, types[i], rights, PUT(OWNER, "hue"));
        REFUSED(&hue, record_in(types[i], NULL), types[i], rights, PUT(OWNER, "hue"));
        REFUSED(&hue, NULL, types[i], rights, PUT(OWNER, "hanoi"));
        ALLOWED(hub, NULL, types[i], PUT(OWNER, "hanoi"));
    }
    REFUSED(&hue, NULL, EITHERS, rights, PUT(NAME, "x"));
    REFUSED(&hue, NULL, OWNERS, rights, PUT(NAME, "x"), PUT(OWNER, "hue"));
    ALLOWED(&hanoi, NULL, ANYBODYS, PUT(NAME, "x")); /* of a record that another will offer again */
    ALLOWED(&center, NULL, ANYBODYS, PUT(OWNER, "hanoi"));
    /* headquarters had given it away; whoever made it offers that again only now */
    const struct row given = {OWNER, 1, 5, 1, "hanoi", HOPNHAT__RANK__RANK_HEADQUARTERS, 1};
    Hopnhat__Record *record = record_of(&arena, OWNERS, &given, 1);
    ALLOWED(&hue, record, OWNERS, NEW("everyone", "hue"), PUT(NAME, "x"));
    ALLOWED(&hanoi, record, OWNERS, PUT(NAME, "x"));
}

static void required_fields_are_there_and_stay(void **state)
{
    (void)state;
    REFUSED(&hue, NULL, ANYBODYS, wrong, NEW("everyone", "hue"));
    REFUSED(&hue, NULL, ANYBODYS, wrong, NEW("everyone", "hue"), PUT(NAME, ""));
    REFUSED(&hue, record_in(ANYBODYS, "everyone"), ANYBODYS, wrong, PUT(NAME, ""));
    REFUSED(hub, record_in(ANYBODYS, "everyone"), ANYBODYS, wrong, PUT(NAME, ""));
    ALLOWED(&hue, record_in(ANYBODYS, "everyone"), ANYBODYS, PUT(21, ""));
}

static void what_the_catalog_does_not_know_is_refused(void **state)
{
    (void)state;
    const Hopnhat__Record *record = record_in(ANYBODYS, "everyone");
    REFUSED(&hue, NULL, 99, wrong, NEW("everyone", "hue"));
    REFUSED(&hue, record, ANYBODYS, wrong, PUT(99, "x"));
    REFUSED(hub, record, ANYBODYS, wrong, PUT(4, "x"));
    ALLOWED(hub, record, ANYBODYS, PUT(4, ""));
    REFUSED(&hue, record, ANYBODYS, rights, PUT(4, "")); /* only headquarters' own hub purges */
    REFUSED(hub, record, ANYBODYS, wrong, PUT(5, "x"));
    REFUSED(&hue, record, ANYBODYS, wrong, PUT(21, "yesterday"));
    REFUSED(&hue, record, ANYBODYS, wrong, ADD(20, "101"));
    REFUSED(&hue, NULL, RETIRED, wrong, NEW("everyone", "hue"));
    ALLOWED(&hue, record_in(RETIRED, "everyone"), RETIRED, PUT(NAME, "x"));
}

static void each_policy_knows_its_operations(void **state)
{
    (void)state;
    const Hopnhat__Record *record = record_in(ANYBODYS, "everyone");
    ALLOWED(&hue, record, ANYBODYS, PUT(19, "x"));
    ALLOWED(&hue, record, ANYBODYS, DROP(19));
    ALLOWED(&hue, record, ANYBODYS, ADD(20, "-3"));
    REFUSED(&hue, record, ANYBODYS, wrong, ADD(20, ""));
    REFUSED(&hue, record, ANYBODYS, wrong, ADD(20, "x"));
    REFUSED(&hue, record, ANYBODYS, wrong, PUT(20, "3"));
    REFUSED(&hue, record, ANYBODYS, wrong, DROP(20));
    REFUSED(&hue, record, ANYBODYS, wrong, ADD(19, "3"));
    REFUSED(&hue, record, ANYBODYS, wrong, ADD(NAME, "3"));
    REFUSED(&hue, record, ANYBODYS, wrong, DROP(NAME));
    REFUSED(&hue, record, ANYBODYS, wrong, ADD(DELETED, "3"));
}

/* Since then the name has become a required field that reads one value, and the type old was retired. */
static void what_was_right_under_another_catalog_is_taken(void **state)
{
    (void)state;
    const Hopnhat__Record *record = record_in(ANYBODYS, "everyone");
    made_under = ~catalog_tag(catalog);
    ALLOWED(&hue, NULL, ANYBODYS, NEW("everyone", "hue"));
    ALLOWED(&hue, record, ANYBODYS, PUT(NAME, ""));
    ALLOWED(&hue, record, ANYBODYS, DROP(NAME));
    ALLOWED(&hue, NULL, RETIRED, NEW("everyone", "hue"));
    REFUSED(&hue, NULL, ANYBODYS, wrong, PUT(GROUP, "everyone"));
    REFUSED(&hue, record, ANYBODYS, wrong, DROP(GROUP));
    REFUSED(&hue, record, ANYBODYS, wrong, DROP(OWNER));
    REFUSED(&hue, record, ANYBODYS, wrong, DROP(20));
    REFUSED(&hue, record, ANYBODYS, wrong, PUT(20, "3"));
    REFUSED(&hue, record, ANYBODYS, wrong, ADD(NAME, "3"));
    REFUSED(&hue, record, ANYBODYS, wrong, PUT(21, "yesterday"));
    REFUSED(&hanoi, record, ANYBODYS, rights, DROP(18));
    const Hopnhat__Record *office = record_in(HOPNHAT__BUILT_IN_TYPE__TYPE_OFFICE, "everyone");
    REFUSED(hub, NULL, HOPNHAT__BUILT_IN_TYPE__TYPE_OFFICE, wrong, NEW("everyone", "hue"));
    REFUSED(hub, office, HOPNHAT__BUILT_IN_TYPE__TYPE_OFFICE, wrong, DROP(16));
    made_under = catalog_tag(catalog);
}

static void a_deletion_is_one_that_can_be_read(void **state)
{
    (void)state;
    struct bytes tombstone;
    Hopnhat__Record *record = record_in(ANYBODYS, "everyone");
    assert_true(tombstone_pack(record, &arena, &tombstone, &error));
    ALLOWED(&hue, record, ANYBODYS, {.field = DELETED, .value = tombstone});
    REFUSED(&hue, record, ANYBODYS, wrong, PUT(DELETED, "x"));
    /* of a record with more entries than one value of the catalog's may have bytes */
    for (uint32_t i = 0; i < 8; i++)
        for (uint64_t seq = 1; seq <= 1500; seq++)
            put_row(&arena, record, &(struct row){30 + i, seq << 40, seq << 30, 1, "x", 0, 0});
    assert_true(tombstone_pack(record, &arena, &tombstone, &error));
    assert_true(tombstone.size > 65536);
    ALLOWED(&hue, record, ANYBODYS, {.field = DELETED, .value = tombstone});
}

static uint32_t rank_of(const struct office *office, const Hopnhat__Record *before, const char *group,
                        const char *owner)
{
    struct new_op ops[] = {{.field = OWNER, .value = text(owner)}, {.field = GROUP, .value = text(group)}};
    struct change change = change_of_ops(&arena, 9, 9, ANYBODYS, ops, *group ? 2 : 1);
    return check_rank(&change, 0, before, &(struct writer){office});
}

static void ranks_are_of_the_author_as_the_record_stands(void **state)
{
    (void)state;
    const Hopnhat__Record *record = record_in(ANYBODYS, "everyone");
    assert_int_equal(rank_of(hub, record, "", "hue"), HOPNHAT__RANK__RANK_HEADQUARTERS);
    assert_int_equal(rank_of(&center, record, "", "hue"), HOPNHAT__RANK__RANK_HEADQUARTERS);
    assert_int_equal(rank_of(&hue, record, "", "hanoi"), HOPNHAT__RANK__RANK_OWNER);
    assert_int_equal(rank_of(&hanoi, record, "", "hanoi"), HOPNHAT__RANK__RANK_OTHER);
    assert_int_equal(rank_of(&hanoi, NULL, "everyone", "hanoi"), HOPNHAT__RANK__RANK_OWNER);
    assert_int_equal(rank_of(&hanoi, NULL, "everyone", "hue"), HOPNHAT__RANK__RANK_OTHER);
    assert_int_equal(rank_of(&hanoi, NULL, "", "hanoi"), HOPNHAT__RANK__RANK_OTHER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_write_rule_on_a_record_that_is_there),
        cmocka_unit_test(every_write_rule_on_a_new_record),
        cmocka_unit_test(a_field_may_narrow_the_rule),
        cmocka_unit_test(a_record_of_another_group_is_out_of_reach),
        cmocka_unit_test(groups_are_moved_by_owner_and_headquarters),
        cmocka_unit_test(personal_data_is_never_for_everyone),
        cmocka_unit_test(owners_hand_on_and_headquarters_settles),
        cmocka_unit_test(what_headquarters_writes_stays_where_it_put_it),
        cmocka_unit_test(nobody_owns_a_record_before_it_is_made),
        cmocka_unit_test(required_fields_are_there_and_stay),
        cmocka_unit_test(what_was_right_under_another_catalog_is_taken),
        cmocka_unit_test(what_the_catalog_does_not_know_is_refused),
        cmocka_unit_test(each_policy_knows_its_operations),
        cmocka_unit_test(a_full_field_is_told_by_its_name),
        cmocka_unit_test(dates_keep_their_order),
        cmocka_unit_test(what_a_unit_leaves_as_it_is_is_not_checked_anew),
        cmocka_unit_test(texts_are_merged_by_the_hub_alone),
        cmocka_unit_test(a_deletion_is_one_that_can_be_read),
        cmocka_unit_test(ranks_are_of_the_author_as_the_record_stands),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
