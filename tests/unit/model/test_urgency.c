/* What travels before the rest. */
#include "model/urgency.h"

#include "unit/lib/model.h"

enum { NOTE = 16, ORDER = 17, PLAIN = 18, MARK = 16 };

static const char CATALOG[] = "version: 1\n"
                              "types:\n"
                              "  - number: 16\n"
                              "    name: note\n"
                              "    urgent: hot\n"
                              "    fields:\n"
                              "      - {number: 16, name: hot, kind: boolean}\n"
                              "  - number: 17\n"
                              "    name: order\n"
                              "    ahead: true\n"
                              "    urgent: pressed\n"
                              "    fields:\n"
                              "      - {number: 16, name: pressed, kind: boolean, policy: authority}\n"
                              "  - number: 18\n"
                              "    name: plain\n"
                              "    fields:\n"
                              "      - {number: 16, name: hot, kind: boolean}\n";

static struct arena arena;
static struct catalog *catalog;

static int setup(void **state)
{
    (void)state;
    arena_init(&arena, TEST_ARENA_BYTES);
    catalog = catalog_of(CATALOG);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    catalog_free(catalog);
    arena_release(&arena);
    return 0;
}

/* Of a record with two entries in the marking field, the second the later one, the first of the higher rank.
 */
static enum urgency of(uint32_t type, const char *higher, const char *later)
{
    const struct row rows[] = {{MARK, 1, 1, 1, higher, 2, 5}, {MARK, 2, 1, 2, later, 1, 5}};
    return urgency_of(catalog, record_of(&arena, type, rows, LENGTH(rows)));
}

static void a_mark_is_read_as_its_field_is(void **state)
{
    (void)state;
    assert_int_equal(of(NOTE, "false", "true"), URGENCY_MARKED);
    assert_int_equal(of(NOTE, "true", "false"), URGENCY_NONE);
    assert_int_equal(of(ORDER, "true", "false"), URGENCY_MARKED);
    assert_int_equal(of(ORDER, "false", "true"), URGENCY_AHEAD);
    assert_int_equal(of(NOTE, "true", NULL), URGENCY_NONE); /* cleared */
}

static void without_a_mark_the_type_says_it(void **state)
{
    (void)state;
    Hopnhat__Record *order = record_new(&arena, ORDER, TEST_ID);
    assert_int_equal(urgency_of(catalog, order), URGENCY_AHEAD);
    assert_non_null(record_field_make(&arena, order, MARK)); /* all that stood there is superseded */
    assert_int_equal(urgency_of(catalog, order), URGENCY_AHEAD);
    assert_int_equal(urgency_of(catalog, record_new(&arena, NOTE, TEST_ID)), URGENCY_NONE);
    assert_int_equal(of(PLAIN, "true", "true"), URGENCY_NONE);
    assert_int_equal(of(PLAIN + 1, "true", "true"), URGENCY_NONE); /* an unknown type */
}

/* Nobody may write a catalog whose mark is no field of the type, but one may come. */
static void a_mark_that_is_not_there_marks_nothing(void **state)
{
    (void)state;
    struct error error;
    struct bytes packed = catalog_packed(catalog);
    uint8_t *data = arena_copy(&arena, packed.data, packed.size);
    uint8_t *name = memmem(data, packed.size, "pressed", 7);
    assert_non_null(name);
    *name = 'i'; /* here, and not where the type (or the field) says it again */
    struct catalog *whole = catalog, *odd = catalog_load(bytes_of(data, packed.size), &error);
    assert_non_null(odd);
    catalog = odd;
    enum urgency urgency = of(ORDER, "true", "true");
    catalog = whole;
    catalog_free(odd);
    assert_int_equal(urgency, URGENCY_AHEAD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mark_is_read_as_its_field_is),
        cmocka_unit_test(without_a_mark_the_type_says_it),
        cmocka_unit_test(a_mark_that_is_not_there_marks_nothing),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
