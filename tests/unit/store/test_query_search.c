#include "store/query_search.h"
#include "store/view_builder.h"
#include "store/words.h"

#include "unit/store/fake_source.h"
#include "unit/store/history.h"

static struct fake fake;
static struct record_source source;
static struct views *views;
static struct view_builder *builder;
static struct querier *querier;

static int setup(void **state)
{
    char path[120];
    struct error error;
    (void)state;
    fake_reads_left = -1;
    fake_open(&fake);
    source = fake_source(&fake);
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
    fake_close(&fake);
    return 0;
}

struct found {
    uint32_t types[1000], numbers[1000];
    size_t count;
};

static bool note(void *user, const Hopnhat__Record *record, struct error *error)
{
    struct found *found = user;
    (void)error;
    assert_true(found->count < 1000);
    found->types[found->count] = record->type;
    found->numbers[found->count++] = get_u32_be(record->id.data);
    return true;
}

/* All pages of `limit`. */
static void search(const char *text, uint32_t type, size_t limit, struct found *found)
{
    struct search_result result;
    struct search_place place;
    struct search_query search = {.text = text, .type = type, .limit = limit};
    *found = (struct found){0};
    do {
        struct query query;
        struct error error;
        assert_true(query_begin(&query, querier, fake.catalog, &error));
        if (!query_search(&query, &search, note, found, &result, &error))
            fail_msg("%s: %s", text, error.text);
        query_end(&query);
        place = result.next;
        search.after = &place;
    } while (result.more);
}

static void assert_finds(const char *text, size_t count, const uint32_t *numbers)
{
    struct found found;
    search(text, 0, 100, &found);
    if (found.count != count)
        fail_msg("%s: %zu instead of %zu", text, found.count, count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(found.numbers[i], numbers[i]);
}

static void put_texts(void)
{
    static const char *const names[] = {"Quảng Trị xanh", "QUANG TRI GREEN",   "Trị an ở Quảng Nam",
                                        "Quảng Bình",     "Đồng-hới; đường 9", "中国人民对外友好协会",
                                        "Lào (Vientiane)"};
    for (uint32_t i = 0; i < 7; i++) {
        Hopnhat__Record *record = fake_record(&fake, PARTNER, i, "da-nang");
        fake_set(&fake, record, NAME, names[i]);
        fake_add(&fake, record, NOTES, i == 6 ? "bạn của quảng" : "ghi chú");
        fake_add(&fake, record, NOTES, i == 6 ? "trị" : "thêm");
        fake_put(&fake, record);
    }
}

static void assert_people_find(void)
{
    assert_finds("quang tri", 4, (const uint32_t[]){0, 1, 2, 6});
    assert_finds("Quảng Trị", 4, (const uint32_t[]){0, 1, 2, 6});
    assert_finds("QUANG   TRI", 4, (const uint32_t[]){0, 1, 2, 6});
    assert_finds("xanh quang", 1, (const uint32_t[]){0});
    assert_finds("dong hoi", 1, (const uint32_t[]){4});
    assert_finds("9", 1, (const uint32_t[]){4});
    assert_finds("(vientiane", 1, (const uint32_t[]){6});
    assert_finds("中国", 1, (const uint32_t[]){5});
    assert_finds("友好", 1, (const uint32_t[]){5});
    assert_finds("vien", 0, NULL);
    assert_finds("vien*", 1, (const uint32_t[]){6});
    assert_finds("qu*", 5, (const uint32_t[]){0, 1, 2, 3, 6});
    assert_finds("tri gr*", 1, (const uint32_t[]){1});
    assert_finds("đương*", 1, (const uint32_t[]){4});
    assert_finds("duong", 1, (const uint32_t[]){4});
    assert_finds("quang tri quang TRỊ", 4, (const uint32_t[]){0, 1, 2, 6});
}

static void words_are_found_however_written(void **state)
{
    (void)state;
    struct error error;
    put_texts();
    assert_people_find(); /* nothing taken: all records are looked at */
    assert_true(view_builder_catch_up(builder, &error));
    assert_people_find();
    for (uint32_t i = 0; i < 7; i += 2) { /* half of them in the tail */
        uint8_t id[RECORD_ID_BYTES];
        struct transaction transaction;
        fake_id(i, id);
        assert_true(transaction_begin(&transaction, fake.environment, true, &error));
        fake_touch(&fake, &transaction, PARTNER, id);
        assert_true(transaction_commit(&transaction, &error));
    }
    assert_people_find();
}

static void what_is_gone_is_not_found(void **state)
{
    (void)state;
    struct error error;
    Hopnhat__Record *records[3];
    for (uint32_t i = 0; i < 3; i++) {
        records[i] = fake_record(&fake, PARTNER, i, "da-nang");
        fake_set(&fake, records[i], NAME, "mìn");
        fake_put(&fake, records[i]);
    }
    assert_true(view_builder_catch_up(builder, &error));
    fake_set(&fake, records[0], NAME, "khác");
    fake_put(&fake, records[0]);
    fake_delete(&fake, records[1]);
    fake_put(&fake, records[1]);
    assert_finds("min", 1, (const uint32_t[]){2});
    assert_finds("khac", 1, (const uint32_t[]){0});
    assert_true(view_builder_catch_up(builder, &error));
    assert_finds("min", 1, (const uint32_t[]){2});
    assert_finds("khac", 1, (const uint32_t[]){0});
    fake_store(&fake, PARTNER, records[2]->id.data, NULL);
    assert_finds("min", 0, NULL);
}

static void types_can_be_told_apart(void **state)
{
    (void)state;
    struct error error;
    struct found found;
    for (uint32_t i = 0; i < 30; i++) {
        Hopnhat__Record *record = fake_record(&fake, i % 3 ? PARTNER : PROJECT, i, "da-nang");
        fake_set(&fake, record, NAME, "nước sạch");
        fake_put(&fake, record);
        if (i == 17)
            assert_true(view_builder_catch_up(builder, &error));
    }
    for (size_t limit = 1; limit < 35; limit += 3) {
        search("nuoc sach", 0, limit, &found);
        assert_int_equal(found.count, 30);
        for (size_t i = 1; i < 30; i++)
            assert_true(found.types[i - 1] < found.types[i] ||
                        (found.types[i - 1] == found.types[i] && found.numbers[i - 1] < found.numbers[i]));
        search("nuoc sach", PROJECT, limit, &found);
        assert_int_equal(found.count, 10);
        search("nu*", PARTNER, limit, &found);
        assert_int_equal(found.count, 20);
    }
}

static void searches_without_sense_are_errors(void **state)
{
    (void)state;
    static const char *const senseless[] = {"", "   ", "*", "- ; -", "a b c d e f g h i j k l m n o p q"};
    for (size_t i = 0; i < 5; i++) {
        struct search_query search = {.text = senseless[i], .limit = 10};
        struct search_result result;
        struct found found = {0};
        struct query query;
        struct error error;
        assert_true(query_begin(&query, querier, fake.catalog, &error));
        assert_false(query_search(&query, &search, note, &found, &result, &error));
        assert_int_equal(error.code, i == 4 ? ERROR_LIMIT : ERROR_INPUT);
        query_end(&query);
    }
}

static void long_words_are_cut_alike(void **state)
{
    (void)state;
    struct error error;
    char word[400] = "";
    for (size_t i = 0; i < 60; i++)
        snprintf(word + 6 * i, sizeof word - 6 * i, "ệpò");
    Hopnhat__Record *record = fake_record(&fake, PARTNER, 1, "da-nang");
    fake_set(&fake, record, NAME, word);
    fake_put(&fake, record);
    assert_true(view_builder_catch_up(builder, &error));
    assert_finds(word, 1, (const uint32_t[]){1});
}

static void words_are_split(void **state)
{
    (void)state;
    struct arena arena;
    struct words words = {0};
    struct error error;
    arena_init(&arena, 1024 * 1024);
    assert_true(words_add(&words, bytes_of_string("Đường số 9-A, «Huế»; 日本語! e\xCC\x81t\xC3\xA9"), &arena,
                          &error));
    static const char *const expected[] = {"9", "a", "duong", "ete", "hue", "so", "日", "本", "語"};
    words_sort(&words);
    assert_int_equal(words.count, 9);
    for (size_t i = 0; i < 9; i++)
        assert_true(bytes_equal(words.words[i], bytes_of_string(expected[i])));
    assert_true(words_add(&words, bytes_of_string("\xFF\xFE"), &arena, &error));
    assert_int_equal(words.count, 9);
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(words_are_found_however_written, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_gone_is_not_found, setup, teardown),
        cmocka_unit_test_setup_teardown(types_can_be_told_apart, setup, teardown),
        cmocka_unit_test_setup_teardown(searches_without_sense_are_errors, setup, teardown),
        cmocka_unit_test_setup_teardown(long_words_are_cut_alike, setup, teardown),
        cmocka_unit_test(words_are_split),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
