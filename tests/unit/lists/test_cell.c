#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lists/cell.h"

static struct arena arena;

static int start(void **state)
{
    (void)state;
    arena_init(&arena, 64 * 1024 * 1024);
    return 0;
}

static int end(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

static Hopnhat__FieldDefinition field_of(Hopnhat__MergePolicy policy)
{
    Hopnhat__FieldDefinition field = HOPNHAT__FIELD_DEFINITION__INIT;
    field.policy = policy;
    return field;
}

/* The parts as "[a][b]". */
static const char *parts_of(Hopnhat__MergePolicy policy, const char *cell)
{
    Hopnhat__FieldDefinition field = field_of(policy);
    const char **parts;
    size_t count;
    struct error error;
    char *all = arena_string(&arena, "", 0);
    assert_true(cell_split(&field, bytes_of_string(cell), &arena, &parts, &count, &error));
    for (size_t i = 0; i < count; i++)
        all = arena_format(&arena, "%s[%s]", all, parts[i]);
    return all;
}

static void sets_are_parted(void **state)
{
    (void)state;
    const Hopnhat__MergePolicy set = HOPNHAT__MERGE_POLICY__UNION;
    assert_string_equal(parts_of(set, "Giáo dục; Y tế;"), "[Giáo dục][Y tế]");
    assert_string_equal(parts_of(set, "a\r\nb"), "[a][b]");
    assert_string_equal(parts_of(set, "C:\\new\\; x; \\\\y"), "[C:\\new; x][\\y]");
    assert_string_equal(parts_of(set, " ; ;"), "");
    assert_string_equal(parts_of(HOPNHAT__MERGE_POLICY__LATEST, " a; b "), "[a; b]");
}

static void threads_are_parted(void **state)
{
    (void)state;
    const Hopnhat__MergePolicy thread = HOPNHAT__MERGE_POLICY__THREAD;
    assert_string_equal(parts_of(thread, "một; hai\nba"), "[một; hai\nba]");
    assert_string_equal(parts_of(thread, "a\n---\nb\n--- \n"), "[a][b]");
    assert_string_equal(parts_of(thread, "a\n\\---\nb\n\\\\---"), "[a\n---\nb\n\\---]");
}

static void comes_back(Hopnhat__MergePolicy policy, const char *const *values, size_t count)
{
    Hopnhat__FieldDefinition field = field_of(policy);
    const char **parts;
    size_t part_count;
    struct error error;
    const char *cell = cell_join(&field, values, count, &arena);
    assert_non_null(cell);
    assert_true(cell_split(&field, bytes_of_string(cell), &arena, &parts, &part_count, &error));
    assert_int_equal(part_count, count);
    for (size_t i = 0; i < count; i++)
        assert_string_equal(parts[i], values[i]);
}

static void what_is_joined_comes_back(void **state)
{
    (void)state;
    static const char *const values[] = {
        "a;b",        "\\", "a\\;b", "x\ny", "---", "a\n---\nb", "\\---", "\n-\n---\n\\\\---\nz",
        "a\n ---\nb", ";;", "\\;",
    };
    static const char *const trimmed[] = {"-\n---\n\\\\---\nz"};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        if (i == 7)
            continue; /* begins with a blank line: no stored value does */
        comes_back(HOPNHAT__MERGE_POLICY__UNION, values + i, 1);
        comes_back(HOPNHAT__MERGE_POLICY__THREAD, values + i, 1);
    }
    comes_back(HOPNHAT__MERGE_POLICY__THREAD, trimmed, 1);
    comes_back(HOPNHAT__MERGE_POLICY__UNION, values, 7);
    comes_back(HOPNHAT__MERGE_POLICY__THREAD, values, 7);
}

static void formulas_are_guarded(void **state)
{
    (void)state;
    static const char *const texts[] = {"=cmd|'/c calc'!A1", "+84 912", "-x", "@a", "'=a", "''+b"};
    static const char *const plain[] = {"a=b", "'quoted'", "", "'", "12"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const char *guarded = cell_guard(texts[i], &arena);
        assert_int_equal(guarded[0], '\'');
        assert_string_equal(guarded + 1, texts[i]);
        assert_true(bytes_equal(cell_unguard(bytes_of_string(guarded)), bytes_of_string(texts[i])));
    }
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
        assert_string_equal(cell_guard(plain[i], &arena), plain[i]);
        assert_true(bytes_equal(cell_unguard(bytes_of_string(plain[i])), bytes_of_string(plain[i])));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(sets_are_parted, start, end),
        cmocka_unit_test_setup_teardown(threads_are_parted, start, end),
        cmocka_unit_test_setup_teardown(what_is_joined_comes_back, start, end),
        cmocka_unit_test_setup_teardown(formulas_are_guarded, start, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
