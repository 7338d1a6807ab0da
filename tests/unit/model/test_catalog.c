#include "model/catalog.h"
#include "model/catalog_builtin.h"

#include "base/limits.h"
#include "model/catalog_yaml.h"
#include "model/value.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static uint32_t drawn;

static void draw_seed(uint32_t seed)
{
    drawn = seed;
}

/* The generator of numerical recipes' "quick and dirty" kind: enough for inputs, and the same everywhere. */
static int draw(void)
{
    drawn = drawn * 1664525 + 1013904223;
    return (int)(drawn >> 8);
}

static struct arena arena;
static struct catalog_errors errors;

static int setup(void **state)
{
    (void)state;
    arena_init(&arena, 64 * 1024 * 1024);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

static struct bytes read_default(void)
{
    FILE *file = fopen(SOURCE_DIR "/deploy/catalog/vufo.yaml", "rb");
    assert_non_null(file);
    uint8_t *bytes = arena_alloc(&arena, LIMIT_CATALOG_BYTES);
    assert_non_null(bytes);
    size_t size = fread(bytes, 1, LIMIT_CATALOG_BYTES, file);
    fclose(file);
    return bytes_of(bytes, size);
}

static struct catalog *load_yaml(struct bytes yaml)
{
    struct bytes packed;
    struct error error;
    if (!catalog_from_yaml(yaml, "vufo.yaml", &arena, &packed, &errors))
        fail_msg("%s", errors.list[0].text);
    struct catalog *catalog = catalog_load(packed, &error);
    if (!catalog)
        fail_msg("%s", error.text);
    return catalog;
}

static void the_default_catalog_loads(void **state)
{
    (void)state;
    struct bytes yaml = read_default();
    struct catalog *catalog = load_yaml(yaml);
    assert_int_equal(catalog_version(catalog), 1);
    assert_string_equal(catalog_time_zone(catalog), "Asia/Ho_Chi_Minh");
    static const char *const types[] = {
        "partner",  "aid_project", "disbursement", "activity",    "member_org",
        "officer",  "directive",   "receipt",      "proposal",    "report",
        "training", "award",       "anniversary",  "publication", "overseas_contact",
    };
    assert_int_equal(catalog_type_count(catalog), BUILTIN_TYPES + sizeof types / sizeof *types);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        const struct catalog_type *type = catalog_type_named(catalog, types[i]);
        assert_non_null(type);
        const Hopnhat__TypeDefinition *definition = type_definition(type);
        assert_ptr_equal(catalog_type(catalog, definition->number), type);
        assert_non_null(type_title(type));
        assert_non_null(definition->label->vi);
        assert_non_null(definition->label->en);
        assert_ptr_equal(catalog_type_named(catalog, definition->label->vi), type);
        for (size_t f = 0; f < definition->n_fields; f++) {
            const Hopnhat__FieldDefinition *field = definition->fields[f];
            assert_ptr_equal(type_field(type, field->number), field);
            assert_ptr_equal(type_field_named(type, field->name), field);
            assert_ptr_equal(type_field_named(type, field->label->vi), field);
            assert_ptr_equal(type_field_named(type, field->label->en), field);
        }
    }
    struct bytes again;
    assert_true(catalog_from_yaml(yaml, "x", &arena, &again, &errors));
    assert_true(bytes_equal(again, catalog_packed(catalog)));
    catalog_free(catalog);
}

static void offices_headings_find_their_fields(void **state)
{
    (void)state;
    struct catalog *catalog = load_yaml(read_default());
    const struct catalog_type *partner = catalog_type_named(catalog, "  ĐỐI TÁC ");
    assert_non_null(partner);
    static const char *const headings[][2] = {
        {"name", "name"},
        {"sector", "sectors"},
        {"Tên đối tác", "name"},
        {"TÊN TỔ CHỨC", "name"},
        {"ten to chuc", "name"},
        {"Nước", "country"},
        {"Quốc gia", "country"},
        {"Lĩnh vực", "sectors"},
        {"Năm", "since"},
        {"Ngày thiết lập quan hệ", "since"},
        {"Cam kết (USD)", "committed_usd"},
        {"Gia\xCC\x81 tri\xCC\xA3", "committed_usd"},
        {"Trạng thái", "status"},
        {"Tình trạng", "status"},
        {"Ghi\xC2\xA0"
         "chú",
         "notes"},
        {"owner", "owner"},
        {"group", "group"},
    };
    for (size_t i = 0; i < sizeof headings / sizeof *headings; i++) {
        const Hopnhat__FieldDefinition *field = type_field_named(partner, headings[i][0]);
        if (!field)
            fail_msg("nothing is called \"%s\"", headings[i][0]);
        assert_string_equal(field->name, headings[i][1]);
    }
    assert_null(
        type_field_named(partner, "STT")); /* a row's number in a list says nothing about the partner */
    assert_null(type_field_named(partner, "deleted"));
    assert_null(type_field_named(partner, ""));
    assert_null(type_field_named(partner, "\xFF"));
    struct bytes value;
    struct error error;
    const Hopnhat__FieldDefinition *status = type_field_named(partner, "status");
    assert_true(value_parse(&arena, status, "đang hoạt động", &value, &error));
    assert_true(bytes_equal(value, bytes_of_string("active")));
    catalog_free(catalog);
}

static void units_are_whole(void **state)
{
    (void)state;
    struct catalog *catalog = load_yaml(read_default());
    const struct catalog_type *project = catalog_type_named(catalog, "aid_project");
    size_t count = 0;
    const Hopnhat__FieldDefinition *const *unit =
        type_unit(project, type_field_named(project, "committed_usd"), &count);
    assert_int_equal(count, 2);
    assert_string_equal(unit[0]->name, "approval_no");
    assert_string_equal(unit[1]->name, "committed_usd");
    assert_null(type_unit(project, type_field_named(project, "title"), &count));
    assert_int_equal(count, 0);
    const struct catalog_type *award = catalog_type_named(catalog, "award");
    assert_non_null(type_unit(award, type_field_named(award, "decision_no"), &count));
    assert_int_equal(count, 2);
    catalog_free(catalog);
}

static void built_in_types_are_always_there(void **state)
{
    (void)state;
    struct error error;
    struct catalog *catalog = catalog_empty(&error);
    assert_non_null(catalog);
    assert_int_equal(catalog_type_count(catalog), BUILTIN_TYPES);
    assert_int_equal(catalog_version(catalog), 0);
    const struct catalog_type *office = catalog_type(catalog, HOPNHAT__BUILT_IN_TYPE__TYPE_OFFICE);
    assert_string_equal(type_definition(office)->name, "office");
    assert_int_equal(type_definition(office)->write, HOPNHAT__WRITE_RULE__WRITE_HEADQUARTERS);
    assert_string_equal(type_field(office, 16)->name, "code");
    assert_int_equal(type_field(office, 18)->policy, HOPNHAT__MERGE_POLICY__UNION);
    assert_int_equal(type_field(office, 20)->n_choices, 3);
    assert_string_equal(type_title(office)->name, "name");
    for (size_t i = 0; i < catalog_type_count(catalog); i++) {
        const struct catalog_type *type = catalog_type_at(catalog, i);
        assert_int_equal(type_field(type, 1)->policy, HOPNHAT__MERGE_POLICY__AUTHORITY);
        assert_string_equal(type_field(type, 2)->name, "owner");
        assert_int_equal(type_field(type, 3)->kind, HOPNHAT__VALUE_KIND__KIND_BYTES);
        assert_null(type_field(type, 0));
        assert_string_equal(type_field(type, 4)->name, "purged");
        assert_null(type_field(type, 5));
        assert_null(type_field(type, UINT32_MAX));
    }
    assert_null(catalog_type_at(catalog, BUILTIN_TYPES));
    assert_null(catalog_type(catalog, 16));
    assert_string_equal(type_definition(catalog_type_named(catalog, "thông báo"))->name, "notice");
    const uint8_t *hash = catalog_hash(catalog);
    assert_int_equal(catalog_tag(catalog), hash[0] | hash[1] << 8 | hash[2] << 16 | (uint32_t)hash[3] << 24);
    catalog_free(catalog);
    catalog_free(NULL);
}

/* Each expected error is a line and a part of its text. */
struct expected {
    unsigned line;
    const char *part;
};

static void expect_errors(const char *yaml, const struct expected *expected, size_t count)
{
    struct bytes packed;
    assert_false(catalog_from_yaml(bytes_of_string(yaml), "bad.yaml", &arena, &packed, &errors));
    for (size_t i = 0; i < count || i < errors.count; i++) {
        if (i >= errors.count)
            fail_msg("missing: line %u, %s", expected[i].line, expected[i].part);
        if (i >= count)
            fail_msg("more than expected: %s", errors.list[i].text);
        if (errors.list[i].line != expected[i].line || !strstr(errors.list[i].text, expected[i].part))
            fail_msg("got \"%s\", not line %u, %s", errors.list[i].text, expected[i].line, expected[i].part);
        char prefix[32];
        snprintf(prefix, sizeof prefix, "bad.yaml:%u: ", expected[i].line);
        assert_int_equal(strncmp(errors.list[i].text, prefix, expected[i].line ? strlen(prefix) : 8), 0);
    }
}

static void all_errors_come_at_once_with_their_lines(void **state)
{
    (void)state;
    static const char yaml[] =
        "version: one\n"                                                                 /* 1 */
        "colour: red\n"                                                                  /* 2 */
        "types:\n"                                                                       /* 3 */
        "  - number: 16\n"                                                               /* 4 */
        "    name: thing\n"                                                              /* 5 */
        "    audience: nobody\n"                                                         /* 6 */
        "    title: missing\n"                                                           /* 7 */
        "    write: owner\n"                                                             /* 8 */
        "    fields:\n"                                                                  /* 9 */
        "      - {number: 15, name: low}\n"                                              /* 10 */
        "      - {number: 16, name: a, vi: Tên, en: Name}\n"                             /* 11 */
        "      - {number: 16, name: a}\n"                                                /* 12 */
        "      - {number: 17, name: b, aliases: [TEN]}\n"                                /* 13 */
        "      - {number: 18, name: Bad-Name}\n"                                         /* 14 */
        "      - {number: 19, name: c, kind: integers, policy: newest}\n"                /* 15 */
        "      - {number: 20, name: d, policy: sum}\n"                                   /* 16 */
        "      - {number: 21, name: e, kind: enum}\n"                                    /* 17 */
        "      - {number: 22, name: f, choices: [{name: x}]}\n"                          /* 18 */
        "      - {number: 23, name: g, kind: reference, reference: nowhere}\n"           /* 19 */
        "      - {number: 24, name: h, kind: reference}\n"                               /* 20 */
        "      - {number: 25, name: i, kind: integer, least: \"5\", most: \"4\"}\n"      /* 21 */
        "      - {number: 26, name: j, kind: decimal, least: \"1,5\"}\n"                 /* 22 */
        "      - {number: 27, name: k, pattern: \"[a\"}\n"                               /* 23 */
        "      - {number: 28, name: l, unit: alone}\n"                                   /* 24 */
        "      - {number: 29, name: m, unit: two}\n"                                     /* 25 */
        "      - {number: 30, name: n, unit: two, policy: review}\n"                     /* 26 */
        "      - {number: 31, name: o, kind: integer, unit: three, policy: sum}\n"       /* 27 */
        "      - {number: 32, name: p, kind: integer, unit: three, policy: sum}\n"       /* 28 */
        "      - {number: 33, name: q, write: any}\n"                                    /* 29 */
        "      - {number: 34, name: owner}\n"                                            /* 30 */
        "      - {number: 35, name: r, required: yes, yearly: true, most_bytes: 0}\n"    /* 31 */
        "      - {number: 36, name: s, number: 37}\n"                                    /* 32 */
        "      - {name: t}\n"                                                            /* 33 */
        "      - {number: 38}\n"                                                         /* 34 */
        "      - just text\n"                                                            /* 35 */
        "      - number: 39\n"                                                           /* 36 */
        "        name: u\n"                                                              /* 37 */
        "        kind: enum\n"                                                           /* 38 */
        "        choices:\n"                                                             /* 39 */
        "          - {name: x, vi: Có}\n"                                                /* 40 */
        "          - {name: co, size: 5}\n"                                              /* 41 */
        "      - {number: 40, name: v, kind: bytes}\n"                                   /* 42 */
        "      - {number: 41, name: w, aliases: one, vi: }\n"                            /* 43 */
        "      - {number: 42, name: x, policy: highest}\n"                               /* 44 */
        "  - {number: 16, name: office, fields: [{number: 16, name: z, unit: alone}]}\n" /* 45 */
        "  - {number: 17, name: thing}\n"                                                /* 46 */
        "  - number: 18\n"                                                               /* 47 */
        "    name: dates\n"                                                              /* 48 */
        "    fields:\n"                                                                  /* 49 */
        "      - {number: 16, name: aa, kind: date, not_before: bb}\n"                   /* 50 */
        "      - {number: 17, name: bb, not_before: aa}\n"                               /* 51 */
        "      - {number: 18, name: cc, kind: date, not_before: cc}\n"                   /* 52 */
        "      - {number: 19, name: dd, kind: date, not_before: aa}\n"                   /* 53 */
        "  - {number: 19, name: loud, urgent: aa, fields: [{number: 16, name: aa}]}\n";  /* 54 */
    static const struct expected expected[] = {
        {1, "`version` is \"one\""},
        {2, "no key \"colour\""},
        {6, "unknown audience \"nobody\""},
        {7, "no field missing"},
        {10, "`number` is \"15\""},
        {12, "number 16 is that of thing.a"},
        {12, "two fields a"},
        {13, "\"ten\" also leads to a"},
        {14, "\"Bad-Name\""},
        {15, "unknown kind \"integers\""},
        {15, "unknown policy \"newest\""},
        {16, "sum needs"},
        {17, "needs `choices`"},
        {18, "f has `choices`"},
        {19, "type nowhere, which is not there"},
        {20, "h needs `reference`"},
        {21, "is above its most"},
        {22, "`least` of j"},
        {23, "pattern of k is wrong"},
        {24, "within one type"},
        {26, "different policies"},
        {27, "o cannot be in a unit"},
        {28, "p cannot be in a unit"},
        {29, "wider"},
        {30, "reserved"},
        {31, "`required` is \"yes\""},
        {31, "`most_bytes` is \"0\""},
        {31, "r is `yearly`"},
        {32, "stands twice"},
        {33, "no `number`"},
        {34, "no `name`"},
        {35, "must be a map"},
        {39, "leads to two choices"},
        {41, "no key \"size\""},
        {42, "unknown kind \"bytes\""},
        {43, "`vi` has no value"},
        {43, "`aliases` takes a list"},
        {44, "does not fit"},
        {45, "office is a built-in type"},
        {45, "number 16 is that of thing"},
        {45, "within one type"},
        {46, "two types thing"},
        {46, "thing has no fields"},
        {50, "aa and bb cannot be compared"},
        {51, "is no date of a year"},
        {52, "which is no other field of dates"},
        {53, "put them in one unit"},
        {54, "no boolean field aa"},
    };
    expect_errors(yaml, expected, sizeof expected / sizeof *expected);
}

static void hostile_yaml_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *yaml;
        struct expected expected;
    } cases[] = {
        {"", {1, "empty"}},
        {"version: 1\ntypes: &a []\n", {2, "anchors"}},
        {"version: 1\ntypes: *a\n", {2, "aliases"}},
        {"version: !!int 1\ntypes: []\n", {1, "tags"}},
        {"version: 1\ntypes: []\n---\nversion: 2\n", {3, "more than one document"}},
        {"version: 1\ntypes: [[[[[[[[[[[[]]]]]]]]]]]]\n", {2, "nested too deeply"}},
        {"version: 1\n? [a]\n: b\n", {2, "plain word"}},
        {"version: 1\ntypes: [\n", {3, "parsing"}},
        {"version: 1\nname: \"a\\0b\"\ntypes: []\n", {2, "UTF-8"}},
        {"version: 1\nname: x\n# \xFF\n", {3, "UTF-8"}},
        {"version: 1\n", {1, "no `types`"}},
        {"[]\n", {1, "must be a map"}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_errors(cases[i].yaml, &cases[i].expected, 1);
    char *large = malloc(LIMIT_CATALOG_BYTES + 1);
    assert_non_null(large);
    memset(large, ' ', LIMIT_CATALOG_BYTES + 1);
    struct bytes packed;
    assert_false(
        catalog_from_yaml(bytes_of(large, LIMIT_CATALOG_BYTES + 1), "big", &arena, &packed, &errors));
    assert_int_equal(errors.count, 1);
    for (size_t i = 0; i < LIMIT_CATALOG_BYTES; i++)
        large[i] = "a: \n"[i % 4];
    assert_false(catalog_from_yaml(bytes_of(large, LIMIT_CATALOG_BYTES), "big", &arena, &packed, &errors));
    assert_in_range(errors.count, 1, CATALOG_MOST_ERRORS);
    free(large);
}

/* Every allocation fails in turn: told as an error, nothing leaks. */
static void little_memory_is_an_error(void **state)
{
    (void)state;
    struct bytes yaml = read_default();
    for (size_t limit = 0; limit < 600000; limit += 4999) {
        struct arena small;
        struct bytes packed;
        arena_init(&small, limit);
        bool good = catalog_from_yaml(yaml, "vufo.yaml", &small, &packed, &errors);
        assert_int_equal(good, errors.count == 0);
        arena_release(&small);
        if (good)
            return;
    }
    fail_msg("the default catalog takes more than 600 kB");
}

/* Damaged bytes are refused or load as something sound; they never harm. */
static void damaged_bytes_do_no_harm(void **state)
{
    (void)state;
    struct catalog *catalog = load_yaml(read_default());
    struct bytes packed = catalog_packed(catalog);
    uint8_t *damaged = arena_copy(&arena, packed.data, packed.size);
    assert_non_null(damaged);
    draw_seed(3);
    size_t refused = 0;
    for (int round = 0; round < 300; round++) {
        size_t at = (size_t)draw() % packed.size, size = round % 3 ? packed.size : at;
        uint8_t kept = damaged[at];
        damaged[at] ^= (uint8_t)(1 << draw() % 8);
        struct error error = {0};
        struct catalog *other = catalog_load(bytes_of(damaged, size), &error);
        refused += !other;
        assert_true(other || error.code == ERROR_CORRUPT);
        catalog_free(other);
        damaged[at] = kept;
    }
    assert_true(refused > 50);
    catalog_free(catalog);
}

static void packed_catalogs_are_checked(void **state)
{
    (void)state;
    char name_a[] = "a", name_b[] = "b";
    Hopnhat__FieldDefinition fields[2] = {HOPNHAT__FIELD_DEFINITION__INIT, HOPNHAT__FIELD_DEFINITION__INIT};
    Hopnhat__FieldDefinition *field_list[] = {&fields[0], &fields[1]};
    Hopnhat__TypeDefinition type = HOPNHAT__TYPE_DEFINITION__INIT;
    Hopnhat__TypeDefinition *type_list[] = {&type, &type};
    Hopnhat__Catalog message = HOPNHAT__CATALOG__INIT;
    message.version = 1;
    message.n_types = 1;
    message.types = type_list;
    type.number = 16;
    type.name = name_a;
    type.n_fields = 2;
    type.fields = field_list;
    fields[0].number = 16;
    fields[0].name = name_a;
    fields[1].number = 70000;
    fields[1].name = name_b;
    fields[1].has_kind = fields[1].has_policy = true;
    fields[1].kind = (Hopnhat__ValueKind)77; /* of a newer version */
    fields[1].policy = (Hopnhat__MergePolicy)77;
    uint8_t bytes[256];
    struct error error;
    struct catalog *catalog = catalog_load(bytes_of(bytes, hopnhat__catalog__pack(&message, bytes)), &error);
    assert_non_null(catalog);
    assert_string_equal(type_field(catalog_type(catalog, 16), 70000)->name, "b");
    assert_true(value_check(type_field(catalog_type(catalog, 16), 70000), bytes_of_string("x"), &error));
    catalog_free(catalog);
    message.n_types = 2;
    assert_null(catalog_load(bytes_of(bytes, hopnhat__catalog__pack(&message, bytes)), &error));
    message.n_types = 1;
    fields[1].number = 16;
    assert_null(catalog_load(bytes_of(bytes, hopnhat__catalog__pack(&message, bytes)), &error));
    fields[1].number = 15;
    assert_null(catalog_load(bytes_of(bytes, hopnhat__catalog__pack(&message, bytes)), &error));
    fields[1].number = 17;
    fields[1].name = name_a;
    assert_null(catalog_load(bytes_of(bytes, hopnhat__catalog__pack(&message, bytes)), &error));
    assert_null(catalog_load(bytes_of_string("\xFF\xFF"), &error));
    assert_int_equal(error.code, ERROR_CORRUPT);
    uint8_t *large = arena_alloc(&arena, LIMIT_CATALOG_BYTES + 1);
    assert_null(catalog_load(bytes_of(large, LIMIT_CATALOG_BYTES + 1), &error));
    assert_int_equal(error.code, ERROR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_default_catalog_loads, setup, teardown),
        cmocka_unit_test_setup_teardown(offices_headings_find_their_fields, setup, teardown),
        cmocka_unit_test_setup_teardown(units_are_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(built_in_types_are_always_there, setup, teardown),
        cmocka_unit_test_setup_teardown(all_errors_come_at_once_with_their_lines, setup, teardown),
        cmocka_unit_test_setup_teardown(hostile_yaml_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(little_memory_is_an_error, setup, teardown),
        cmocka_unit_test_setup_teardown(damaged_bytes_do_no_harm, setup, teardown),
        cmocka_unit_test_setup_teardown(packed_catalogs_are_checked, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
