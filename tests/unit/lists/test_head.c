#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/limits.h"
#include "lists/head.h"
#include "model/catalog_yaml.h"

#include <stdio.h>

static struct arena arena;
static struct catalog *catalog;
static const struct catalog_type *partner;

static int load(void **state)
{
    static struct catalog_errors errors;
    struct bytes packed;
    struct error error;
    FILE *file = fopen(SOURCE_DIR "/deploy/catalog/vufo.yaml", "rb");
    (void)state;
    assert_non_null(file);
    arena_init(&arena, 256 * 1024 * 1024);
    uint8_t *yaml = arena_alloc(&arena, LIMIT_CATALOG_BYTES);
    assert_non_null(yaml);
    size_t size = fread(yaml, 1, LIMIT_CATALOG_BYTES, file);
    fclose(file);
    assert_true(catalog_from_yaml(bytes_of(yaml, size), "vufo.yaml", &arena, &packed, &errors));
    catalog = catalog_load(packed, &error);
    assert_non_null(catalog);
    partner = catalog_type_named(catalog, "partner");
    return 0;
}

static int unload(void **state)
{
    (void)state;
    catalog_free(catalog);
    arena_release(&arena);
    return 0;
}

static struct list_reader reader;
static struct list_head head;

static void finds(const char *text, const struct list_map *maps, size_t map_count)
{
    struct error error = {0};
    if (!list_find_head(bytes_of_string(text), partner, maps, map_count, false, &arena, &reader, &head,
                        &error))
        fail_msg("%s", error.text);
}

static void finds_nothing(const char *text, const struct list_map *maps, size_t map_count, const char *reason)
{
    struct error error = {0};
    assert_false(list_find_head(bytes_of_string(text), partner, maps, map_count, false, &arena, &reader,
                                &head, &error));
    if (!strstr(error.text, reason))
        fail_msg("%s", error.text);
}

static const char *field_at(size_t column)
{
    assert_true(column < head.count);
    return head.columns[column].kind == COLUMN_FIELD ? head.columns[column].field->name : "-";
}

static void headings_are_matched_by_any_name(void **state)
{
    (void)state;
    finds("STT;TÊN ĐỐI TÁC;quoc gia;Committed (USD)\n1;Plan;FR;1\n", NULL, 0);
    assert_int_equal(head.separator, ';');
    assert_int_equal(head.line, 1);
    assert_string_equal(field_at(0), "-");
    assert_string_equal(field_at(1), "name");
    assert_string_equal(field_at(2), "country");
    assert_string_equal(field_at(3), "committed_usd");
    assert_int_equal(reader.line, 2);
    finds("name|country\n", NULL, 0);
    assert_int_equal(head.separator, '|');
    finds("Tên\nPlan, Inc.\n", NULL, 0); /* one column: the separator that leaves rows whole */
    assert_int_equal(head.separator, ';');
}

static void title_lines_are_passed_over(void **state)
{
    (void)state;
    finds("DANH SÁCH ĐỐI TÁC\t\t\n\nĐối tác\n\t\nTên tổ chức\tNước\tNăm\nPlan\tPháp\t1999\n", NULL, 0);
    assert_int_equal(head.separator, '\t');
    assert_int_equal(head.line, 5);
    static const char *const titled[] = {"ĐỐI TÁC\nSTT;Tên tổ chức\n1;Plan\n2;Oxfam\n",
                                         "ĐỐI TÁC;\nSTT;Tên tổ chức\n1;Plan\n2;Oxfam\n"};
    for (size_t i = 0; i < sizeof titled / sizeof *titled; i++) { /* like a heading */
        finds(titled[i], NULL, 0);
        assert_int_equal(head.line, 2);
        assert_string_equal(field_at(1), "name");
    }
    finds("\"a title;\nof two lines\"\nname;country\n", NULL, 0);
    assert_int_equal(head.line, 3);
}

static size_t line_below(const char *text)
{
    finds(text, NULL, 0);
    return head.numbers_line ? reader.line : 0;
}

static void a_row_that_numbers_the_columns_is_of_the_head(void **state)
{
    static const char *const numbered[] = {
        "STT;Tên;Quốc gia\n(1);(2);(3)\n1;Plan;FR\n",
        "STT;Tên;Quốc gia\n1;2;3\n1;Plan;FR\n",
        "Tên;Cam kết (USD)\n(1);(2)=(3)+(4)\nPlan;1\n",
        "STT;Tên;Đã giải ngân;Cam kết (USD)\n1; 2 ;3;4 = 2 x 3\n1;Plan;1;2\n",
        "STT;Tên;Quốc gia;Cam kết (USD)\n;(1);(2);(3=1×2)\n1;Plan;FR;1\n",
        "STT;Tên;;Quốc gia;\n1;2;;3;\n1;Plan;;FR;\n",
    };
    static const char *const rows[] = {
        "Tên;Cam kết (USD)\n1;2\n",                 /* two may be a record */
        "STT;Số lượng;Cam kết (USD)\n1;2;3\n",      /* as may numbers in columns of numbers */
        "STT;Tên;Quốc gia;Cam kết (USD)\n1;2;3;\n", /* or a heading without its number */
        "STT;Tên;Quốc gia\n2;3;4\n",
        "STT;Tên;Quốc gia\n1;2;2\n",
        "STT;Tên;Quốc gia\n(1);;\n",
        "STT;Tên;Quốc gia\n(1);(3);(5)\n",
        "STT;Tên;Quốc gia\n1;2;FR\n",
        "STT;Tên;Quốc gia\n1;2 Be;3\n",
        "STT;Tên;Quốc gia\n(1);(2) Be;(3)\n",
        "STT;Tên;Quốc gia\n1;Plan;FR\n(1);(2);(3)\n",
        "STT;Tên;Quốc gia\n(1;(2;(3\n",
        "STT;Tên;Quốc gia\n1.;2.5;3\n",
        "STT;Tên;Quốc gia\n",
    };
    (void)state;
    for (size_t i = 0; i < sizeof numbered / sizeof *numbered; i++)
        if (line_below(numbered[i]) != 3 || head.line != 1 || head.numbers_line != 2)
            fail_msg("not known: %s", numbered[i]);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (line_below(rows[i]) != 0 || reader.line != 2)
            fail_msg("swallowed: %s", rows[i]);
}

static void one_field_has_one_column(void **state)
{
    (void)state;
    finds("Tên,Tên tổ chức,Quốc gia\n", NULL, 0);
    assert_string_equal(field_at(0), "name");
    assert_string_equal(field_at(1), "-");
    struct list_map map = {"ten to chuc", type_field_named(partner, "name")};
    finds("Tên,Tên tổ chức,Quốc gia\n", &map, 1);
    assert_string_equal(field_at(0), "-");
    assert_string_equal(field_at(1), "name");
    map.heading = "Foo";
    finds_nothing("Tên,Quốc gia\n", &map, 1, "no column \"Foo\"");
}

static void ids_make_it_an_export(void **state)
{
    (void)state;
    finds("id,token,owner,group,name\n0f8fad5b-d9cb-769f-a165-70867728950e,1.2,hue,everyone,Plan\n", NULL, 0);
    assert_true(head.has_ids);
    assert_int_equal(head.columns[0].kind, COLUMN_ID);
    assert_int_equal(head.columns[1].kind, COLUMN_TOKEN);
    assert_string_equal(field_at(2), "owner");
    assert_string_equal(field_at(3), "group");
    finds("id,owner,group,name\n1,x,y,Plan\n", NULL, 0);
    assert_false(head.has_ids);
    assert_string_equal(field_at(0), "-");
    assert_string_equal(field_at(1), "-");
}

static void what_names_nothing_is_refused(void **state)
{
    (void)state;
    finds_nothing("", NULL, 0, "none of the first lines");
    finds_nothing("1,2,3\n4,5,6\n", NULL, 0, "name, name_vi");
    size_t columns = 1000000;
    char *wide = arena_alloc(&arena, columns + 8);
    assert_non_null(wide);
    memcpy(wide, "name", 4);
    memset(wide + 4, ',', columns);
    finds_nothing(wide, NULL, 0, "more than 1000 columns");
}

static bool is_total(const char *line)
{
    struct list_reader one = {.text = bytes_of_string(line), .separator = ';', .line = 1};
    struct list_row row;
    struct error error;
    assert_true(list_next(&one, &arena, &row, &error));
    return list_is_total(&row, &arena);
}

static void totals_are_known(void **state)
{
    (void)state;
    assert_true(is_total(";Tổng cộng:;;1.234.567;$12.00"));
    assert_true(is_total("TOTAL;40"));
    assert_true(is_total("Cộng"));
    assert_true(is_total("Tổng cộng: 40 đối tác;;12"));
    assert_true(is_total("TỔNG CỘNG (USD);;12"));
    assert_true(is_total("Tổng số đối tác: 40;;"));
    assert_true(is_total("Cộng 40 dòng"));
    assert_false(is_total("Tổng Công ty Lương thực;;12"));
    assert_false(is_total("Tổng Công đoàn;;12"));
    assert_false(is_total("Cộng đồng;;12"));
    assert_false(is_total("11.11.11;;12"));
    assert_false(is_total("Total;FR;12")); /* a company */
    assert_false(is_total("1;Tổng cộng;12"));
    assert_false(is_total(";;"));
    assert_false(is_total("Plan;12"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headings_are_matched_by_any_name),
        cmocka_unit_test(title_lines_are_passed_over),
        cmocka_unit_test(a_row_that_numbers_the_columns_is_of_the_head),
        cmocka_unit_test(one_field_has_one_column),
        cmocka_unit_test(ids_make_it_an_export),
        cmocka_unit_test(what_names_nothing_is_refused),
        cmocka_unit_test(totals_are_known),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
