#include "unit/api/fake_records.h"

/* Requests on records, from the request to what is stored and answered. */

static const char *text_at(const json_t *json, const char *key)
{
    const char *text = json_string_value(json_object_get(json, key));
    return text ? text : "(none)";
}

static char *fields_of(struct fake *fake, const char *path)
{
    json_t *json = fake_call(fake, 200, "GET", path, NULL);
    char *text = json_dumps(json_object_get(json, "fields"), JSON_COMPACT);
    json_decref(json);
    return text;
}

static void assert_fields(struct fake *fake, const char *path, const char *wanted)
{
    char *text = fields_of(fake, path);
    assert_string_equal(text, wanted);
    free(text);
}

static void a_record_is_added_and_shown(void **state)
{
    struct fake *fake = *state;
    char *path = fake_add(
        fake, "{\"name\":\"Plan\",\"sectors\":[\"b\",\"a\"],\"amount\":\"$1,234.50\",\"members\":1200,"
              "\"local\":\"có\",\"notes\":\"first\"}");
    json_t *json = fake_call(fake, 200, "GET", path, NULL);
    assert_string_equal(text_at(json, "type"), "partner");
    assert_string_equal(text_at(json, "owner"), "da-nang");
    assert_string_equal(text_at(json, "group"), "everyone");
    assert_string_equal(text_at(json, "token"), "1.0000000000000011");
    assert_int_equal(json_array_size(json_object_get(json, "open")), 0);
    assert_null(json_object_get(json, "deleted"));
    assert_string_equal(fake->author, "lan");
    json_decref(json);
    char *fields = fields_of(fake, path);
    assert_non_null(
        strstr(fields, "\"amount\":\"1234.5\",\"members\":1200,\"notes\":[\"first\"],\"local\":true"));
    free(fields);
    free(path);
}

static void group_and_owner_may_be_given(void **state)
{
    struct fake *fake = *state;
    char *path = fake_add(fake, "{\"name\":\"Plan\",\"group\":\"cluster:3\",\"owner\":\"headquarters\"}");
    json_t *json = fake_call(fake, 200, "GET", path, NULL);
    assert_string_equal(text_at(json, "owner"), "headquarters");
    assert_string_equal(text_at(json, "group"), "cluster:3");
    json_decref(json);
    json_decref(fake_call(fake, 400, "PATCH", path, "{\"set\":{\"owner\":\"hue\"}}")); /* nobody knows it */
    free(path);
}

static void fields_are_set_added_and_removed(void **state)
{
    struct fake *fake = *state;
    char *path = fake_add(fake, "{\"name\":\"Plan\",\"sectors\":[\"a\",\"b\"]}");
    json_decref(fake_call(
        fake, 200, "PATCH", path,
        "{\"set\":{\"name\":\"Plan 2\"},\"add\":{\"sectors\":\"c\"},\"remove\":{\"sectors\":\"a\"}}"));
    assert_fields(fake, path, "{\"name\":\"Plan 2\",\"sectors\":[\"b\",\"c\"]}");
    json_decref(fake_call(fake, 200, "PATCH", path, "{\"set\":{\"sectors\":[]}}"));
    assert_fields(fake, path, "{\"name\":\"Plan 2\"}");
    free(path);
}

static void what_changes_nothing_is_not_written(void **state)
{
    struct fake *fake = *state;
    char *path = fake_add(fake, "{\"name\":\"Plan\"}");
    json_t *json = fake_call(fake, 200, "PATCH", path, "{\"set\":{\"name\":\"Plan\"}}");
    assert_true(json_is_false(json_object_get(json, "changed")));
    assert_int_equal(fake->rev, 1);
    json_decref(json);
    free(path);
}

static void wrong_requests_change_nothing(void **state)
{
    struct fake *fake = *state;
    char *path = fake_add(fake, "{\"name\":\"Plan\"}");
    const char *records = "/v1/records/partner";
    fake_refused(fake, 404, "GET", "/v1/records/nothing", NULL, "nothing: there is no such record type");
    fake_refused(fake, 400, "GET", "/v1/records/partner/17", NULL, "id: \"17\"");
    fake_refused(fake, 404, "GET", "/v1/records/partner/01234567-89ab-7fff-bf01-020304050607", NULL,
                 "there is no");
    fake_refused(fake, 404, "GET", "/v2", NULL, "no such path");
    fake_refused(fake, 404, "GET", "/v1/records/partner/x/y", NULL, "no such path");
    fake_refused(fake, 405, "PUT", records, NULL, "method");
    fake_refused(fake, 400, "POST", records, "[1]", "no JSON object");
    fake_refused(fake, 400, "POST", records, "{\"set\":", "no JSON");
    fake_refused(fake, 400, "POST", records, "{\"set\":{\"name\":\"a\"},\"sett\":{}}", "sett");
    fake_refused(fake, 400, "POST", records, "{\"set\":{\"name\":\"a\"},\"author\":3}", "author");
    fake_refused(fake, 400, "POST", records, "{\"set\":{\"status\":\"maybe\"}}", "status");
    fake_refused(fake, 400, "PATCH", path, "{}", "nothing to set");
    fake_refused(fake, 400, "PATCH", path, "{\"set\":{\"name\":\"a\"},\"token\":\"x\"}", "token");
    fake_refused(fake, 400, "PATCH", path, "{\"add\":{\"name\":\"a\"}}", "name holds one value");
    fake_refused(fake, 403, "POST", "/v1/records/office", "{\"set\":{\"code\":\"x\"}}", "office");
    fake_refused(fake, 403, "POST", "/v1/records/catalog", "{}", "catalog");
    fake_refused(fake, 400, "GET", "/v1/records/partner?limit=x", NULL, "limit");
    fake_refused(fake, 400, "GET", "/v1/records/partner?after=x", NULL, "after");
    fake_refused(fake, 400, "GET", "/v1/records/partner?where=name", NULL, "where");
    fake_refused(fake, 400, "GET", "/v1/records/partner?where=bogus=1", NULL, "where: bogus");
    free(path);
}

static void who_is_nobody_gets_nothing(void **state)
{
    struct fake *fake = *state;
    struct http_request request = {.method = "POST", .path = "/v1/records/partner"};
    struct http_response response = {.status = 200};
    request.body = bytes_of_string("{\"set\":{\"name\":\"x\"}}");
    api_handle(&fake->service, &request, 1, &response);
    assert_int_equal(response.status, 401);
    request.method = "GET";
    api_handle(&fake->service, &request, 1, &response);
    assert_int_equal(response.status, 401);
    assert_int_equal(fake->count, 0);
    free(response.body);
}

static size_t count_listed(struct fake *fake, const char *query)
{
    char *path = NULL;
    assert_true(asprintf(&path, "/v1/records/partner?%s", query) > 0);
    json_t *json = fake_call(fake, 200, "GET", path, NULL);
    size_t count = json_array_size(json_object_get(json, "records"));
    json_decref(json);
    free(path);
    return count;
}

static void lists_are_filtered(void **state)
{
    struct fake *fake = *state;
    char *first = fake_add(fake, "{\"name\":\"Plan\",\"status\":\"active\",\"sectors\":[\"a\",\"b\"]}");
    char *second =
        fake_add(fake, "{\"name\":\"Oxfam\",\"status\":\"ended\",\"sectors\":[\"b\"],\"members\":7}");
    assert_int_equal(count_listed(fake, ""), 2);
    assert_int_equal(count_listed(fake, "where=status=active"), 1);
    assert_int_equal(count_listed(fake, "where=sectors=b"), 2);
    assert_int_equal(count_listed(fake, "where=sectors=b&where=status=ended"), 1);
    assert_int_equal(count_listed(fake, "where=members=7"), 1);
    assert_int_equal(count_listed(fake, "where=members="), 1);
    assert_int_equal(count_listed(fake, "where=group=everyone&where=owner=da-nang"), 2);
    json_decref(fake_call(fake, 200, "DELETE", first, NULL));
    assert_int_equal(count_listed(fake, ""), 1);
    assert_int_equal(count_listed(fake, "deleted=yes"), 2);
    free(first);
    free(second);
}

static void lists_come_in_pages(void **state)
{
    struct fake *fake = *state;
    size_t seen = 0, pages = 0;
    char query[128] = "limit=3";
    for (int i = 0; i < 10; i++)
        free(fake_add(fake, "{\"name\":\"Plan\"}"));
    for (bool more = true; more; pages++) {
        char *path = NULL;
        assert_true(asprintf(&path, "/v1/records/partner?%s", query) > 0);
        json_t *json = fake_call(fake, 200, "GET", path, NULL);
        seen += json_array_size(json_object_get(json, "records"));
        more = json_object_get(json, "next") != NULL;
        snprintf(query, sizeof query, "limit=3&after=%s", text_at(json, "next"));
        json_decref(json);
        free(path);
    }
    assert_int_equal(seen, 10);
    assert_int_equal(pages, 4);
}

static void deletion_and_return(void **state)
{
    struct fake *fake = *state;
    char *path = fake_add(fake, "{\"name\":\"Plan\"}");
    json_decref(fake_call(fake, 200, "DELETE", path, "{\"author\":\"lan\"}"));
    json_t *json = fake_call(fake, 200, "GET", path, NULL);
    assert_true(json_is_true(json_object_get(json, "deleted")));
    json_decref(json);
    json = fake_call(fake, 200, "DELETE", path, NULL);
    assert_true(json_is_false(json_object_get(json, "changed")));
    json_decref(json);
    json_decref(fake_call(fake, 200, "PATCH", path, "{\"set\":{\"name\":\"Plan 2\"}}"));
    json = fake_call(fake, 200, "GET", path, NULL);
    assert_null(json_object_get(json, "deleted"));
    json_decref(json);
    free(path);
}

static void an_edit_with_a_token_supersedes_what_was_shown_only(void **state)
{
    struct fake *fake = *state;
    char *path = fake_add(fake, "{\"name\":\"Plan\",\"status\":\"active\"}");
    fake_concurrent(fake, path, 17, "ended");
    json_decref(
        fake_call(fake, 200, "PATCH", path, "{\"set\":{\"status\":\"\"},\"token\":\"1.0000000000000011\"}"));
    json_t *json = fake_call(fake, 200, "GET", path, NULL);
    assert_string_equal(json_string_value(json_array_get(json_object_get(json, "open"), 0)), "status");
    json_decref(json);
    json_decref(fake_call(fake, 200, "PATCH", path, "{\"set\":{\"status\":\"ended\"}}"));
    json = fake_call(fake, 200, "GET", path, NULL);
    assert_int_equal(json_array_size(json_object_get(json, "open")), 0);
    json_decref(json);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_record_is_added_and_shown, fake_setup, fake_teardown),
        cmocka_unit_test_setup_teardown(group_and_owner_may_be_given, fake_setup, fake_teardown),
        cmocka_unit_test_setup_teardown(fields_are_set_added_and_removed, fake_setup, fake_teardown),
        cmocka_unit_test_setup_teardown(what_changes_nothing_is_not_written, fake_setup, fake_teardown),
        cmocka_unit_test_setup_teardown(wrong_requests_change_nothing, fake_setup, fake_teardown),
        cmocka_unit_test_setup_teardown(who_is_nobody_gets_nothing, fake_setup, fake_teardown),
        cmocka_unit_test_setup_teardown(lists_are_filtered, fake_setup, fake_teardown),
        cmocka_unit_test_setup_teardown(lists_come_in_pages, fake_setup, fake_teardown),
        cmocka_unit_test_setup_teardown(deletion_and_return, fake_setup, fake_teardown),
        cmocka_unit_test_setup_teardown(an_edit_with_a_token_supersedes_what_was_shown_only, fake_setup,
                                        fake_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
