#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lists/reader.h"

#include <stdlib.h>

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

/* Rows as "line:[cell][cell]", with ! for an unclosed quote, + for one too wide. */
static const char *read_all(const char *text, char separator)
{
    struct list_reader reader = {.text = bytes_of_string(text), .separator = separator, .line = 1};
    struct list_row row;
    struct error error = {0};
    char *all = arena_string(&arena, "", 0);
    while (list_next(&reader, &arena, &row, &error)) {
        all = arena_format(&arena, "%s%zu:", all, row.line);
        for (size_t i = 0; i < row.count; i++)
            all = arena_format(&arena, "%s[%.*s]", all, (int)row.cells[i].size,
                               (const char *)row.cells[i].data);
        all = arena_format(&arena, "%s%s%s ", all, row.unclosed ? "!" : "", row.too_wide ? "+" : "");
    }
    assert_int_equal(error.code, ERROR_NONE);
    return all;
}

static void plain_cells(void **state)
{
    (void)state;
    assert_string_equal(read_all("a,b,c\n1,,3\n", ','), "1:[a][b][c] 2:[1][][3] ");
    assert_string_equal(read_all("a;b\r\nc;d\re;f", ';'), "1:[a][b] 2:[c][d] 3:[e][f] ");
    assert_string_equal(read_all("a\tb \n\n,", '\t'), "1:[a][b ] 2:[] 3:[,] ");
    assert_string_equal(read_all("", ','), "");
    assert_string_equal(read_all(",", ','), "1:[][] ");
}

static void quoted_cells(void **state)
{
    (void)state;
    assert_string_equal(read_all("\"a,b\",c\n\"say \"\"no\"\"\",d", ','), "1:[a,b][c] 2:[say \"no\"][d] ");
    assert_string_equal(read_all("\"a\nb\r\nc\",d\ne", ','), "1:[a\nb\r\nc][d] 4:[e] ");
    assert_string_equal(read_all("\"\",x\n\"\"\"\"", ','), "1:[][x] 2:[\"] ");
    assert_string_equal(read_all("\"a\"b,c\n5\" nails,d", ','), "1:[ab][c] 2:[5\" nails][d] ");
}

static void a_quote_that_is_never_closed_takes_nothing_with_it(void **state)
{
    (void)state;
    assert_string_equal(read_all("a,\"b\nc,d\n", ','), "1:[a][\"b]! 2:[c][d] ");
    assert_string_equal(read_all("\"", ','), "1:[\"]! ");
    assert_string_equal(read_all("\"a,b\nsay \"no\",d\n", ','), "1:[\"a][b]! 2:[say \"no\"][d] ");
    assert_string_equal(read_all("\"a\nb\" ,c\n", ','), "1:[a\nb][c] ");
}

static void a_row_has_a_bound(void **state)
{
    (void)state;
    size_t columns = 1000000;
    char *wide = malloc(columns + 3);
    assert_non_null(wide);
    memset(wide, ',', columns);
    memcpy(wide + columns, "\nx", 3);
    struct list_reader reader = {.text = bytes_of_string(wide), .separator = ',', .line = 1};
    struct list_row row;
    struct error error = {0};
    assert_true(list_next(&reader, &arena, &row, &error));
    assert_true(row.too_wide);
    assert_int_equal(row.count, LIST_COLUMNS);
    assert_true(list_is_blank(&row));
    assert_true(list_next(&reader, &arena, &row, &error));
    assert_int_equal(row.line, 2);
    assert_false(list_next(&reader, &arena, &row, &error));
    free(wide);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(plain_cells, start, end),
        cmocka_unit_test_setup_teardown(quoted_cells, start, end),
        cmocka_unit_test_setup_teardown(a_quote_that_is_never_closed_takes_nothing_with_it, start, end),
        cmocka_unit_test_setup_teardown(a_row_has_a_bound, start, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
