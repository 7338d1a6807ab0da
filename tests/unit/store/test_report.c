#include "store/report.h"

#include "unit/store/fake_source.h"

static struct fake fake;
static struct record_source source;
static struct querier *querier;
static struct arena arena;

static void put_office(const char *code, const char *group)
{
    uint8_t id[RECORD_ID_BYTES];
    office_record_id(code, id);
    Hopnhat__Record *record = record_new(&fake.arena, HOPNHAT__BUILT_IN_TYPE__TYPE_OFFICE, id);
    fake_set(&fake, record, OFFICE_CODE, code);
    fake_set(&fake, record, OFFICE_NAME, code);
    if (group)
        fake_add(&fake, record, OFFICE_GROUPS, group);
    fake_put(&fake, record);
}

static int setup(void **state)
{
    struct error error;
    (void)state;
    fake_reads_left = -1;
    fake_open(&fake);
    source = fake_source(&fake);
    arena_init(&arena, 64 * 1024 * 1024);
    querier = querier_new(&source, NULL, &error);
    put_office("da-nang", "cluster:10");
    put_office("ha-noi", "cluster:2");
    put_office("hue", "cluster:10");
    put_office("loner", NULL);
    return querier ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    querier_free(querier);
    arena_release(&arena);
    fake_close(&fake);
    return 0;
}

static void put_partner(uint32_t number, const char *owner, const char *country, const char *committed,
                        const char *since, const char *sector, const char *other_sector)
{
    Hopnhat__Record *record = fake_record(&fake, PARTNER, number, owner);
    fake_set(&fake, record, COUNTRY, country);
    fake_set(&fake, record, COMMITTED, committed);
    fake_set(&fake, record, SINCE, since);
    if (sector)
        fake_add(&fake, record, SECTORS, sector);
    if (other_sector)
        fake_add(&fake, record, SECTORS, other_sector);
    fake_put(&fake, record);
}

static void put_partners(void)
{
    put_partner(1, "da-nang", "LA", "0.1", "2024-01-31", "y tế", "giáo dục");
    put_partner(2, "da-nang", "LA", "0.2", "2024-04-01", "y tế", NULL);
    put_partner(3, "ha-noi", "FR", "999999999999999999.999999999", "2023-12", "đường sá", NULL);
    put_partner(4, "hue", "", "", "2023", NULL, NULL);
    put_partner(5, "nowhere", "FR", "-1000", "", "giáo dục", NULL);
    put_partner(6, "loner", "KH", "7", "2024-03-31", "an ninh", NULL);
    Hopnhat__Record *gone = fake_record(&fake, PARTNER, 9, "hue");
    fake_set(&fake, gone, COMMITTED, "5");
    fake_delete(&fake, gone);
    fake_put(&fake, gone);
}

static struct path path_of(uint32_t type, const char *text)
{
    struct path path;
    struct error error;
    if (!path_parse(fake.catalog, catalog_type(fake.catalog, type), text, &arena, &path, &error))
        fail_msg("%s", error.text);
    return path;
}

/* The report as text, a row a line: value|value count sum. */
static const char *report_text(uint32_t type, const char *first, const char *second, const char *sum,
                               const char *where)
{
    struct path groups[2];
    struct condition condition;
    struct report_query request = {.type = catalog_type(fake.catalog, type), .groups = groups};
    struct query query;
    struct report report;
    struct error error;
    static char text[4096];
    char amount[DECIMAL_TEXT_BYTES];
    size_t used = 0;
    if (first)
        groups[request.group_count++] = path_of(type, first);
    if (second)
        groups[request.group_count++] = path_of(type, second);
    if (sum)
        request.sum = type_field_named(request.type, sum);
    if (where) {
        assert_true(condition_parse(fake.catalog, request.type, where, &arena, &condition, &error));
        request.conditions = &condition;
        request.condition_count = 1;
    }
    assert_true(query_begin(&query, querier, fake.catalog, &error));
    if (!query_report(&query, &request, &arena, &report, &error))
        fail_msg("%s", error.text);
    query_end(&query);
    for (size_t i = 0; i < report.row_count; i++) {
        for (size_t j = 0; j < request.group_count; j++)
            used += (size_t)snprintf(text + used, sizeof text - used, "%s%.*s", j ? "|" : "",
                                     (int)report.rows[i].values[j].size,
                                     (const char *)report.rows[i].values[j].data);
        decimal_format(report.rows[i].sum, amount);
        used +=
            (size_t)snprintf(text + used, sizeof text - used, " %d %s\n", (int)report.rows[i].count, amount);
    }
    decimal_format(report.total.sum, amount);
    snprintf(text + used, sizeof text - used, "= %d %s", (int)report.total.count, amount);
    return text;
}

static void sums_are_exact(void **state)
{
    (void)state;
    put_partners();
    assert_string_equal(report_text(PARTNER, NULL, NULL, "committed", NULL),
                        "= 6 999999999999999007.299999999");
    assert_string_equal(
        report_text(PARTNER, "country", NULL, "committed", NULL),
        " 1 0\nFR 2 999999999999998999.999999999\nKH 1 7\nLA 2 0.3\n= 6 999999999999999007.299999999");
}

static void groups_are_of_every_kind(void **state)
{
    (void)state;
    put_partners();
    assert_string_equal(report_text(PARTNER, "owner", NULL, "committed", "country=LA"),
                        "da-nang 2 0.3\n= 2 0.3");
    assert_string_equal(report_text(PARTNER, "cluster", NULL, NULL, NULL), " 2 0\n2 1 0\n10 3 0\n= 6 0");
    assert_string_equal(report_text(PARTNER, "sectors", NULL, "committed", "cluster=10"),
                        " 1 0\ngiáo dục 1 0.1\ny tế 2 0.3\n= 3 0.3");
    assert_string_equal(report_text(PARTNER, "sectors", NULL, NULL, NULL),
                        " 1 0\nan ninh 1 0\nđường sá 1 0\ngiáo dục 2 0\ny tế 2 0\n= 6 0");
    assert_string_equal(report_text(PARTNER, "since:year", NULL, NULL, NULL),
                        " 1 0\n2023 2 0\n2024 3 0\n= 6 0");
    assert_string_equal(report_text(PARTNER, "since:quarter", NULL, NULL, NULL),
                        " 2 0\n2023-Q4 1 0\n2024-Q1 2 0\n2024-Q2 1 0\n= 6 0");
    assert_string_equal(report_text(PARTNER, "since:month", "office", NULL, "since:year=2024"),
                        "2024-01|da-nang 1 0\n2024-03|loner 1 0\n2024-04|da-nang 1 0\n= 3 0");
}

static void references_are_followed(void **state)
{
    (void)state;
    put_partners();
    static const uint32_t led_by[] = {1, 2, 3, 9, 77};
    for (uint32_t i = 0; i < 6; i++) {
        Hopnhat__Record *record = fake_record(&fake, PROJECT, i, "hue");
        struct record_id id;
        char text[RECORD_ID_TEXT_BYTES];
        fake_set(&fake, record, BUDGET, "0.5");
        if (i < 5) {
            fake_id(led_by[i], id.bytes);
            record_id_format(&id, text);
            fake_set(&fake, record, LED_BY, text);
        }
        fake_put(&fake, record);
    }
    assert_string_equal(report_text(PROJECT, "led_by.country", NULL, "budget", NULL),
                        " 3 1.5\nFR 1 0.5\nLA 2 1\n= 6 3");
    assert_string_equal(report_text(PROJECT, "led_by.cluster", NULL, NULL, NULL),
                        " 3 0\n2 1 0\n10 2 0\n= 6 0");
    assert_string_equal(
        report_text(PROJECT, "led_by.since:year", "led_by.sectors", NULL, "led_by.country=LA"),
        "2024|giáo dục 1 0\n2024|y tế 2 0\n= 2 0");
}

static void sums_past_their_digits_are_errors(void **state)
{
    (void)state;
    struct report_query request = {.type = catalog_type(fake.catalog, PARTNER)};
    struct query query;
    struct report report;
    struct error error;
    put_partners();
    assert_true(query_begin(&query, querier, fake.catalog, &error));
    request.sum = type_field(request.type, NAME);
    assert_false(query_report(&query, &request, &arena, &report, &error));
    assert_int_equal(error.code, ERROR_INPUT);
    request.sum = type_field(request.type, SECTORS);
    assert_false(query_report(&query, &request, &arena, &report, &error));
    assert_int_equal(error.code, ERROR_INPUT);
    query_end(&query);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(sums_are_exact, setup, teardown),
        cmocka_unit_test_setup_teardown(groups_are_of_every_kind, setup, teardown),
        cmocka_unit_test_setup_teardown(references_are_followed, setup, teardown),
        cmocka_unit_test_setup_teardown(sums_past_their_digits_are_errors, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
