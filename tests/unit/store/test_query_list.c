#include "store/query_list.h"
#include "store/view_builder.h"

#include "model/fold.h"
#include "unit/store/fake_source.h"
#include "unit/store/history.h"

static struct fake fake;
static struct record_source source;
static struct views *views;
static struct view_builder *builder;
static struct querier *querier;
static struct arena arena;

static int setup(void **state)
{
    char path[120];
    struct error error;
    (void)state;
    fake_reads_left = -1;
    fake_open(&fake);
    source = fake_source(&fake);
    arena_init(&arena, 64 * 1024 * 1024);
    snprintf(path, sizeof path, "%s/views", fake.directory);
    views = views_open(path, 1 << 28, &source, &error);
    builder = view_builder_new(views, NULL, &error);
    querier = querier_new(&source, views, &error);
    return views && builder && querier ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    querier_free(querier);
    view_builder_free(builder);
    views_close(views);
    arena_release(&arena);
    fake_close(&fake);
    return 0;
}

static const struct catalog_type *partner(void)
{
    return catalog_type(fake.catalog, PARTNER);
}

/* The numbers of the records that a list shows, over all its pages. */
struct shown {
    uint32_t numbers[20 * HISTORY_RECORDS];
    size_t count, pages;
};

static bool note(void *user, const Hopnhat__Record *record, struct error *error)
{
    struct shown *shown = user;
    (void)error;
    assert_true(shown->count < sizeof shown->numbers / sizeof *shown->numbers);
    shown->numbers[shown->count++] = get_u32_be(record->id.data);
    return true;
}

static void list_page(const struct list_query *list, struct shown *shown, struct list_result *result)
{
    struct query query;
    struct error error;
    assert_true(query_begin(&query, querier, fake.catalog, &error));
    if (!query_list(&query, list, note, shown, result, &error))
        fail_msg("%s", error.text);
    query_end(&query);
    shown->pages++;
}

static void list_all(struct list_query list, struct shown *shown)
{
    struct list_result result;
    struct list_place place;
    char text[LIST_PLACE_TEXT_BYTES];
    *shown = (struct shown){0};
    do {
        list_page(&list, shown, &result);
        list_place_format(&result.next, text);
        assert_true(!result.more || list_place_read(text, list.sort, &place));
        list.after = &place;
    } while (result.more);
}

static struct condition condition_of(const char *text)
{
    struct condition condition;
    struct error error;
    if (!condition_parse(fake.catalog, partner(), text, &arena, &condition, &error))
        fail_msg("%s", error.text);
    return condition;
}

/* The value by which a record stands in the order: the first one, or the last. */
static struct bytes sort_value(const Hopnhat__Record *record, const Hopnhat__FieldDefinition *field,
                               bool descending)
{
    struct reading reading;
    struct error error;
    struct sort_key best, key;
    struct bytes value = {0};
    assert_true(fold_field(partner(), record, field, &arena, &reading, &error));
    for (size_t i = 0; i < reading.count; i++) {
        assert_true(sort_key_make(querier->collation, field, reading.values[i], &key, &error));
        int order = i == 0 ? -1 : sort_key_compare(&key, &best);
        if (i == 0 || (descending ? order > 0 : order < 0)) {
            best = key;
            value = reading.values[i];
        }
    }
    return value;
}

/* What the order says, without keys: by the rules of the language and by value. */
static int compare_values(const Hopnhat__FieldDefinition *field, struct bytes a, struct bytes b)
{
    struct sort_key key_a, key_b;
    struct error error;
    assert_true(sort_key_make(querier->collation, field, a, &key_a, &error));
    assert_true(sort_key_make(querier->collation, field, b, &key_b, &error));
    int order = sort_key_compare(&key_a, &key_b);
    return order || !key_a.cut ? order : sort_compare_values(querier->collation, field, a, b);
}

struct oracle {
    const struct list_query *list;
    const Hopnhat__Record *records[HISTORY_RECORDS];
    size_t count;
};

static int in_order(const void *a, const void *b, void *user)
{
    const Hopnhat__Record *left = *(const Hopnhat__Record *const *)a,
                          *right = *(const Hopnhat__Record *const *)b;
    const struct list_query *list = user;
    int order = 0;
    if (list->sort)
        order = compare_values(list->sort, sort_value(left, list->sort, list->descending),
                               sort_value(right, list->sort, list->descending));
    if (order == 0)
        order = memcmp(left->id.data, right->id.data, RECORD_ID_BYTES);
    return list->descending ? -order : order;
}

/* What the list should show, from the records in memory. */
static void ask_oracle(const struct history *history, const struct list_query *list, struct oracle *oracle)
{
    struct path_reader none = {.catalog = fake.catalog};
    *oracle = (struct oracle){.list = list};
    for (size_t i = 0; i < HISTORY_RECORDS; i++) {
        const Hopnhat__Record *record = history->records[i];
        struct error error;
        bool wanted = false;
        if (record)
            assert_true(conditions_hold(list->conditions, list->condition_count, list->deleted_too, partner(),
                                        &none, record, &arena, &wanted, &error));
        if (wanted)
            oracle->records[oracle->count++] = record;
    }
    qsort_r(oracle->records, oracle->count, sizeof *oracle->records, in_order, (void *)(uintptr_t)list);
}

static void assert_list(const struct history *history, const struct list_query *list)
{
    static struct oracle oracle;
    static struct shown shown;
    ask_oracle(history, list, &oracle);
    list_all(*list, &shown);
    assert_int_equal(shown.count, oracle.count);
    for (size_t i = 0; i < shown.count; i++)
        assert_int_equal(shown.numbers[i], get_u32_be(oracle.records[i]->id.data));
}

/* Draws a list of any kind. */
static void assert_random_list(struct history *history)
{
    static const char *const conditions[] = {
        "country=LA",   "status=active",   "sectors=health", "name=An",    "since=1999",  "status=",
        "owner=ha-noi", "since:year=2001", "committed=-3",   "country=KH", "sectors=mìn", "name="};
    static const uint32_t sorts[] = {
        0, 0, NAME, COUNTRY, SECTORS, COMMITTED, STATUS, SINCE, HOPNHAT__SYSTEM_FIELD__SYSTEM_OWNER};
    struct condition chosen[2];
    struct list_query list = {.type = partner(), .conditions = chosen};
    list.condition_count = history_draw(history, 3);
    for (size_t i = 0; i < list.condition_count; i++)
        chosen[i] = condition_of(history_pick(history, conditions, 12));
    uint32_t sort = sorts[history_draw(history, 9)];
    list.sort = sort ? type_field(partner(), sort) : NULL;
    list.descending = history_draw(history, 2);
    list.deleted_too = history_draw(history, 6) == 0;
    list.limit = 1 + history_draw(history, 40);
    assert_list(history, &list);
    arena_reset(&arena);
}

/* Whatever the follower has taken so far, lists are right. */
static void lists_are_complete(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 8; seed++) {
        struct history history;
        struct error error;
        bool more;
        history_begin(&history, &fake, seed);
        for (int i = 0; i < 200; i++) {
            history_step(&history);
            if (history_draw(&history, 25) == 0)
                assert_true(view_builder_step(builder, &more, &error));
            if (history_draw(&history, 3) == 0)
                assert_random_list(&history);
        }
        for (size_t i = 0; i < HISTORY_RECORDS; i++) /* the next seed begins with an empty store */
            if (history.records[i])
                fake_store(&fake, PARTNER, history.records[i]->id.data, NULL);
        history_end(&history);
    }
}

static void views_of_another_catalog_are_not_used(void **state)
{
    (void)state;
    struct history history;
    struct error error;
    history_begin(&history, &fake, 3);
    for (int i = 0; i < 150; i++)
        history_step(&history);
    assert_true(view_builder_catch_up(builder, &error));
    fake_set_catalog(&fake, 2);
    for (int i = 0; i < 10; i++)
        assert_random_list(&history);
    struct list_query list = {.type = partner(), .sort = type_field(partner(), NOTES), .limit = 50};
    assert_list(&history, &list);
    struct query query;
    assert_true(query_begin(&query, querier, fake.catalog, &error));
    assert_false(query.indexed);
    query_end(&query);
    fake_set_catalog(&fake, 1);
    assert_true(query_begin(&query, querier, fake.catalog, &error));
    assert_true(query.indexed);
    query_end(&query);
    history_end(&history);
}

static void people_read_the_order(void **state)
{
    (void)state;
    static const char *const names[] = {"Đà Nẵng", "Ân", "Dương", "An", "Ăn", "Quảng Trị", "Quảng Bình"};
    static const uint32_t expected[] = {3, 4, 1, 2, 0, 6, 5};
    struct error error;
    struct shown shown;
    for (uint32_t i = 0; i < 7; i++) {
        Hopnhat__Record *record = fake_record(&fake, PARTNER, i, "da-nang");
        fake_set(&fake, record, NAME, names[i]);
        fake_put(&fake, record);
        if (i == 3)
            assert_true(view_builder_catch_up(builder, &error));
    }
    struct list_query list = {.type = partner(), .sort = type_field(partner(), NAME), .limit = 2};
    list_all(list, &shown);
    assert_int_equal(shown.count, 7);
    for (size_t i = 0; i < 7; i++)
        assert_int_equal(shown.numbers[i], expected[i]);
    list.descending = true;
    list_all(list, &shown);
    for (size_t i = 0; i < 7; i++)
        assert_int_equal(shown.numbers[i], expected[6 - i]);
}

static int scans;

static bool count_scan(struct transaction *snapshot, uint32_t type, const uint8_t *after, source_visit *visit,
                       void *user, struct error *error)
{
    scans++;
    return fake_scan(snapshot, type, after, visit, user, error);
}

static void put_since(uint32_t number, int day)
{
    char date[11];
    Hopnhat__Record *record = fake_record(&fake, PARTNER, number, "da-nang");
    snprintf(date, sizeof date, "2001-01-%02d", day);
    fake_set(&fake, record, SINCE, date);
    fake_put(&fake, record);
}

/* Goes on after what is shown, by the place as a request carries it. */
static void go_on(struct list_query list, struct shown *shown, struct list_result *result)
{
    char text[LIST_PLACE_TEXT_BYTES];
    struct list_place place;
    list_place_format(&result->next, text);
    assert_true(list_place_read(text, list.sort, &place));
    list.after = &place;
    list_page(&list, shown, result);
}

static void assert_shown(const struct shown *shown, const uint32_t *numbers, size_t count)
{
    assert_int_equal(shown->count, count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(shown->numbers[i], numbers[i]);
}

/* No index has it: one look at all records serves all pages, which show each record that is still there once,
 * where it stood when the list began. */
static void an_order_is_kept_for_its_pages(void **state)
{
    (void)state;
    struct shown shown = {0};
    struct list_result result, second, other;
    struct list_query list = {.type = partner(), .sort = type_field(partner(), SINCE), .limit = 3};
    source.scan = count_scan;
    scans = 0;
    for (uint32_t i = 0; i < 10; i++)
        put_since(i, 20 - (int)i);
    list_page(&list, &shown, &result);
    put_since(2, 1); /* it stood on a later page */
    put_since(4, 28);
    put_since(10, 14);
    fake_store(&fake, PARTNER, fake_record(&fake, PARTNER, 1, "")->id.data, NULL);
    go_on(list, &shown, &result);
    second = result;
    while (result.more)
        go_on(list, &shown, &result);
    assert_shown(&shown, (const uint32_t[]){9, 8, 7, 6, 5, 4, 3, 2, 0}, 9);
    assert_int_equal(scans, 1);
    for (int i = 0; i < LIST_ORDERS; i++) /* others' lists take its place */
        list_page(&list, &(struct shown){0}, &other);
    assert_int_equal(scans, 1 + LIST_ORDERS);
    shown = (struct shown){0};
    for (result = second; result.more;) /* after 4, where that stood, so that none is left out */
        go_on(list, &shown, &result);
    assert_shown(&shown, (const uint32_t[]){3, 0, 4}, 3);
    assert_int_equal(scans, 2 + LIST_ORDERS);
}

static void wrong_paths_are_named(void **state)
{
    (void)state;
    static const char *const wrong[][2] = {
        {"name", "is not field=value"},         {"nome=x", "no such field"},
        {"name:year=2001", "is no date"},       {"since:week=3", "give :year"},
        {"name.country=LA", "refers to no"},    {"x.country=LA", "no such field"},
        {"committed=many", "where: committed"}, {"status=gone", "status"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct condition condition;
        struct error error;
        assert_false(condition_parse(fake.catalog, partner(), wrong[i][0], &arena, &condition, &error));
        assert_int_equal(error.code, ERROR_INPUT);
        if (!strstr(error.text, wrong[i][1]))
            fail_msg("%s: %s", wrong[i][0], error.text);
    }
    struct list_place place;
    const Hopnhat__FieldDefinition *name = type_field(partner(), NAME);
    assert_false(list_place_read("", name, &place));
    assert_false(list_place_read("00000001000000008000000000000000", name, &place));
    assert_false(list_place_read("00000001000000008000000000000000.", name, &place));
    assert_false(list_place_read("00000001000000008000000000000000.0", name, &place));
    assert_false(list_place_read("0000000100000000800000000000000g.00", name, &place));
    assert_true(list_place_read("00000001000000008000000000000000.00", name, &place));
    assert_false(list_place_read("00000001000000008000000000000000.00", NULL, &place));
    assert_true(list_place_read("00000001000000008000000000000000.00.0000000000000001", name, &place));
    assert_int_equal(place.order, 1);
    assert_false(list_place_read("00000001000000008000000000000000.00.000000000000000", name, &place));
    assert_false(list_place_read("00000001000000008000000000000000.00.00000000000000010", name, &place));
    assert_false(list_place_read("00000001000000008000000000000000.00.000000000000000g", name, &place));
    assert_false(list_place_read("00000001000000008000000000000000.00.", name, &place));
    assert_true(list_place_read("00000001000000008000000000000000.", NULL, &place));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lists_are_complete, setup, teardown),
        cmocka_unit_test_setup_teardown(views_of_another_catalog_are_not_used, setup, teardown),
        cmocka_unit_test_setup_teardown(people_read_the_order, setup, teardown),
        cmocka_unit_test_setup_teardown(an_order_is_kept_for_its_pages, setup, teardown),
        cmocka_unit_test_setup_teardown(wrong_paths_are_named, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
