#include "api/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char *print(const struct table *table)
{
    char *text = NULL;
    size_t size;
    FILE *file = open_memstream(&text, &size);
    assert_non_null(file);
    table_print(table, file);
    fclose(file);
    return text;
}

static void columns_align_by_width(void **state)
{
    (void)state;
    struct error error;
    struct table *table = table_new((const char *const[]){"id", "name", "n"}, 3, TABLE_CELL_WIDTH);
    assert_non_null(table);
    assert_true(table_add(table, (const char *const[]){"1", "Đà Nẵng", "7"}, &error));
    assert_true(table_add(table, (const char *const[]){"22", "日本", "x"}, &error));
    assert_true(table_add(table, (const char *const[]){"3", NULL, "line\nbreak"}, &error));
    assert_true(table_add(table, (const char *const[]){"4", "e\xcc\x81", ""}, &error));
    char *text = print(table);
    assert_string_equal(text, "id  name     n\n"
                              "1   Đà Nẵng  7\n"
                              "22  日本     x\n"
                              "3            line break\n"
                              "4   e\xcc\x81\n");
    free(text);
    table_free(table);
}

static void wide_cells_are_cut(void **state)
{
    (void)state;
    struct error error;
    struct table *table = table_new((const char *const[]){"id", "n"}, 2, 5);
    assert_true(table_add(table, (const char *const[]){"123456789", "Đồng Nai"}, &error));
    assert_true(table_add(table, (const char *const[]){"1", "12345"}, &error));
    assert_true(table_add(table, (const char *const[]){"2", "日本語"}, &error));
    assert_true(table_add(table, (const char *const[]){"3", "a\xff\x1b[31m"}, &error));
    char *text = print(table);
    assert_string_equal(text, "id         n\n"
                              "123456789  Đồng…\n"
                              "1          12345\n"
                              "2          日本…\n"
                              "3          a  […\n");
    free(text);
    table_free(table);
}

static void json_becomes_text(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"[\"a\",\"b\",3]", "a; b; 3"},
        {"\"x\"", "x"},
        {"null", ""},
        {"true", "true"},
        {"12", "12"},
        {"[]", ""},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        json_t *json = json_loads(pairs[i][0], JSON_DECODE_ANY, NULL);
        char *text = table_text(json);
        assert_string_equal(text, pairs[i][1]);
        free(text);
        json_decref(json);
    }
}

static void a_terminal_is_not_told_what_to_do(void **state)
{
    (void)state;
    struct error error;
    json_t *json = json_pack("{s:[s, i], s:{s:s}}", "texts", "a\x1b[2J\x7f\xc2\x9b\rb", 7, "deep", "note",
                             "Đà\n\tNẵng\x07");
    json_t *wanted = json_pack("{s:[s, i], s:{s:s}}", "texts", "a [2J   b", 7, "deep", "note", "Đà\n\tNẵng ");
    assert_true(table_clean(json, &error));
    assert_true(json_equal(json, wanted));
    json_decref(json);
    json_decref(wanted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_align_by_width),
        cmocka_unit_test(wide_cells_are_cut),
        cmocka_unit_test(json_becomes_text),
        cmocka_unit_test(a_terminal_is_not_told_what_to_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
