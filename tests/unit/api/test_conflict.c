#include "unit/api/fake_records.h"

static json_t *conflicts(struct fake *fake, const char *query)
{
    char *path = NULL;
    assert_true(asprintf(&path, "/v1/conflicts%s", query) > 0);
    json_t *json = fake_call(fake, 200, "GET", path, NULL);
    free(path);
    return json;
}

static const json_t *value_at(const json_t *conflict, size_t place)
{
    return json_array_get(json_object_get(conflict, "values"), place);
}

static char *field_of(struct fake *fake, const char *path, const char *field)
{
    json_t *json = fake_call(fake, 200, "GET", path, NULL);
    char *text = json_dumps(json_object_get(json_object_get(json, "fields"), field), JSON_ENCODE_ANY);
    json_decref(json);
    return text;
}

static void assert_field(struct fake *fake, const char *path, const char *field, const char *wanted)
{
    char *text = field_of(fake, path, field);
    assert_string_equal(text, wanted);
    free(text);
}

static void resolve(struct fake *fake, const char *path, int status, const char *body)
{
    char *whole = NULL;
    assert_true(asprintf(&whole, "%s/resolve", path) > 0);
    json_decref(fake_call(fake, status, "POST", whole, body));
    free(whole);
}

static void a_conflict_shows_its_values_in_order(void **state)
{
    struct fake *fake = *state;
    char *path = fake_add(fake, "{\"name\":\"Plan\",\"status\":\"active\"}");
    fake_concurrent(fake, path, 17, "ended");
    json_t *json = conflicts(fake, "");
    const json_t *list = json_object_get(json, "conflicts"), *one = json_array_get(list, 0);
    assert_int_equal(json_array_size(list), 1);
    assert_string_equal(json_string_value(json_object_get(one, "title")), "Plan");
    assert_string_equal(json_string_value(json_object_get(one, "field")), "status");
    assert_string_equal(json_string_value(json_object_get(one, "policy")), "REVIEW");
    assert_int_equal(json_array_size(json_object_get(one, "values")), 2);
    assert_string_equal(json_string_value(json_object_get(value_at(one, 0), "value")), "active");
    assert_string_equal(json_string_value(json_object_get(value_at(one, 0), "office")), "here");
    assert_true(json_is_false(json_object_get(value_at(one, 0), "chosen")));
    assert_string_equal(json_string_value(json_object_get(value_at(one, 1), "value")), "ended");
    assert_int_equal(json_integer_value(json_object_get(value_at(one, 1), "take")), 2);
    assert_true(json_is_true(json_object_get(value_at(one, 1), "chosen")));
    json_decref(json);
    free(path);
}

static void one_of_the_values_is_taken(void **state)
{
    struct fake *fake = *state;
    char *path = fake_add(fake, "{\"name\":\"Plan\",\"status\":\"active\"}");
    fake_concurrent(fake, path, 17, "ended");
    resolve(fake, path, 200, "{\"field\":\"status\",\"take\":1,\"author\":\"lan\"}");
    assert_field(fake, path, "status", "\"active\"");
    json_t *json = conflicts(fake, "");
    assert_int_equal(json_array_size(json_object_get(json, "conflicts")), 0);
    json_decref(json);
    resolve(fake, path, 400, "{\"field\":\"status\",\"take\":1}");
    free(path);
}

static void another_value_is_given(void **state)
{
    struct fake *fake = *state;
    char *path = fake_add(fake, "{\"name\":\"Plan\",\"amount\":\"1\"}");
    fake_concurrent(fake, path, 19, "2");
    resolve(fake, path, 200, "{\"field\":\"amount\",\"value\":\"1.234,5\"}");
    assert_field(fake, path, "amount", "\"1234.5\"");
    free(path);
}

static void wrong_settlements_change_nothing(void **state)
{
    struct fake *fake = *state;
    char *path = fake_add(fake, "{\"name\":\"Plan\",\"status\":\"active\"}"), *whole = NULL;
    fake_concurrent(fake, path, 17, "ended");
    assert_true(asprintf(&whole, "%s/resolve", path) > 0);
    fake_refused(fake, 400, "POST", whole, "{}", "field");
    fake_refused(fake, 400, "POST", whole, "{\"field\":\"bogus\",\"take\":1}", "bogus");
    fake_refused(fake, 400, "POST", whole, "{\"field\":\"name\",\"take\":1}", "name is not in open conflict");
    fake_refused(fake, 400, "POST", whole, "{\"field\":\"status\"}", "take and value");
    fake_refused(fake, 400, "POST", whole, "{\"field\":\"status\",\"take\":1,\"value\":\"ended\"}",
                 "take and value");
    fake_refused(fake, 400, "POST", whole, "{\"field\":\"status\",\"take\":0}", "from 1 to 2");
    fake_refused(fake, 400, "POST", whole, "{\"field\":\"status\",\"take\":3}", "from 1 to 2");
    fake_refused(fake, 400, "POST", whole, "{\"field\":\"status\",\"take\":\"1\"}", "from 1 to 2");
    fake_refused(fake, 400, "POST", whole, "{\"field\":\"status\",\"value\":\"perhaps\"}", "status");
    free(whole);
    free(path);
}

/* With a token the numbers are those that were shown, and what came later stays beside. */
static void a_token_keeps_the_numbers(void **state)
{
    struct fake *fake = *state;
    char *path = fake_add(fake, "{\"name\":\"Plan\",\"amount\":\"1\"}");
    fake_concurrent(fake, path, 19, "2");
    fake_concurrent(fake, path, 19, "3");
    resolve(fake, path, 400, "{\"field\":\"amount\",\"take\":3,\"token\":\"2.0000000000000011\"}");
    resolve(fake, path, 200, "{\"field\":\"amount\",\"take\":2,\"token\":\"2.0000000000000011\"}");
    json_t *json = conflicts(fake, "");
    const json_t *one = json_array_get(json_object_get(json, "conflicts"), 0);
    assert_int_equal(json_array_size(json_object_get(one, "values")), 2);
    assert_string_equal(json_string_value(json_object_get(value_at(one, 0), "value")), "3");
    json_decref(json);
    free(path);
}

/* Two periods were written side by side: taking one field's value takes what was written with it. */
static void a_unit_is_taken_whole(void **state)
{
    struct fake *fake = *state;
    char *path = fake_add(fake, "{\"name\":\"Plan\",\"starts\":\"2024-01-01\",\"ends\":\"2024-12-31\"}");
    struct record_id id;
    struct new_op ops[] = {
        {.field = 23, .kind = HOPNHAT__OP_KIND__PUT, .value = bytes_of_string("2025-01-01")},
        {.field = 24, .kind = HOPNHAT__OP_KIND__PUT, .value = bytes_of_string("2025-12-31")},
    };
    struct new_edit edit = {.type = 16, .ops = ops, .op_count = 2};
    assert_true(record_id_parse(strrchr(path, '/') + 1, &id));
    memcpy(edit.record, id.bytes, RECORD_ID_BYTES);
    fake_apply(fake, &edit, 0x22, "minh");
    assert_field(fake, path, "ends", "\"2025-12-31\"");
    resolve(fake, path, 200, "{\"field\":\"starts\",\"take\":1}");
    assert_field(fake, path, "starts", "\"2024-01-01\"");
    assert_field(fake, path, "ends", "\"2024-12-31\"");
    json_t *json = conflicts(fake, "");
    assert_int_equal(json_array_size(json_object_get(json, "conflicts")), 0);
    json_decref(json);
    free(path);
}

static void conflicts_come_in_pages(void **state)
{
    struct fake *fake = *state;
    char query[128] = "?limit=2";
    size_t seen = 0;
    for (int i = 0; i < 3; i++) {
        char *path = fake_add(fake, "{\"name\":\"Plan\",\"status\":\"active\",\"amount\":\"1\"}");
        fake_concurrent(fake, path, 17, "ended");
        fake_concurrent(fake, path, 19, "2");
        free(path);
    }
    for (bool more = true; more;) {
        json_t *json = conflicts(fake, query);
        const char *next = json_string_value(json_object_get(json, "next"));
        seen += json_array_size(json_object_get(json, "conflicts"));
        more = next != NULL;
        snprintf(query, sizeof query, "?limit=2&after=%s", next ? next : "");
        json_decref(json);
    }
    assert_int_equal(seen, 6);
    fake_refused(fake, 400, "GET", "/v1/conflicts?after=zz", NULL, "after");
}

static void conflicts_of_an_office_that_is_not_there_are_refused(void **state)
{
    struct fake *fake = *state;
    fake_refused(fake, 404, "GET", "/v1/conflicts?office=nope", NULL, "there is no office nope");
    json_decref(conflicts(fake, "?office=headquarters"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_conflict_shows_its_values_in_order, fake_setup, fake_teardown),
        cmocka_unit_test_setup_teardown(one_of_the_values_is_taken, fake_setup, fake_teardown),
        cmocka_unit_test_setup_teardown(another_value_is_given, fake_setup, fake_teardown),
        cmocka_unit_test_setup_teardown(wrong_settlements_change_nothing, fake_setup, fake_teardown),
        cmocka_unit_test_setup_teardown(a_token_keeps_the_numbers, fake_setup, fake_teardown),
        cmocka_unit_test_setup_teardown(a_unit_is_taken_whole, fake_setup, fake_teardown),
        cmocka_unit_test_setup_teardown(conflicts_come_in_pages, fake_setup, fake_teardown),
        cmocka_unit_test_setup_teardown(conflicts_of_an_office_that_is_not_there_are_refused, fake_setup,
                                        fake_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
