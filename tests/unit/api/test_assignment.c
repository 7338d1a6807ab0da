#include "api/assignment.h"

#include "unit/api/fake_records.h"

/* The body that these words make, as compact JSON; the caller's. */
static char *body_of(const char *const *words, size_t count)
{
    struct error error = {0};
    json_t *body = json_object();
    for (size_t i = 0; i < count; i++)
        if (!assignment_put(body, words[i], &error))
            fail_msg("%s: %s", words[i], error.text);
    char *text = json_dumps(body, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(body);
    return text;
}

static void words_become_a_body(void **state)
{
    (void)state;
    static const char *const words[] = {"name=Room to Read", "sectors+=a",  "sectors+=b", "members-=3",
                                        "note=x=y+=z",       "Địa chỉ=Huế", "empty="};
    char *text = body_of(words, sizeof words / sizeof *words);
    assert_string_equal(text, "{\"add\":{\"sectors\":[\"a\",\"b\"]},\"remove\":{\"members\":\"3\"},"
                              "\"set\":{\"empty\":\"\",\"name\":\"Room to Read\",\"note\":\"x=y+=z\","
                              "\"Địa chỉ\":\"Huế\"}}");
    free(text);
}

static void words_without_a_form_are_wrong_usage(void **state)
{
    (void)state;
    static const char *const wrong[] = {"", "name", "=x", "+=x", "-=", "name=\xff", "\xc3=x"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct error error = {0};
        json_t *body = json_object();
        assert_false(assignment_put(body, wrong[i], &error));
        assert_int_equal(error.code, ERROR_USAGE);
        json_decref(body);
    }
}

static bool read_text(struct fake *fake, const char *text, struct assignment_list *list, struct error *error)
{
    json_t *body = json_loads(text, 0, NULL);
    assert_non_null(body);
    bool done = assignment_read(fake_type(fake), body, &fake->arena, list, error);
    json_decref(body);
    return done;
}

static void a_body_is_read(void **state)
{
    struct fake *fake = *state;
    struct assignment_list list;
    struct error error = {0};
    assert_true(read_text(fake,
                          "{\"set\":{\"Tên\":\" Plan \",\"local\":true,\"members\":7,\"status\":null},"
                          "\"add\":{\"sectors\":[\"a\",\"b\"]}}",
                          &list, &error));
    assert_int_equal(list.count, 5);
    assert_int_equal(list.items[0].definition->number, 16);
    assert_memory_equal(list.items[0].values[0].data, "Plan", 4);
    assert_int_equal(list.items[3].count, 0);
    assert_int_equal(list.items[4].kind, ASSIGN_ADD);
    assert_int_equal(list.items[4].count, 2);
    assert_ptr_equal(assignment_of_field(&list, 18), &list.items[4]);
    assert_null(assignment_of_field(&list, 19));
}

static void errors_name_the_field(void **state)
{
    struct fake *fake = *state;
    static const char *const wrong[][2] = {
        {"{\"set\":{\"bogus\":\"1\"}}", "bogus: partner has no such field; it has: name, status"},
        {"{\"set\":{\"deleted\":\"1\"}}", "deleted"},
        {"{\"set\":{\"amount\":1.5}}", "amount: give a string"},
        {"{\"set\":{\"amount\":\"many\"}}", "amount"},
        {"{\"set\":{\"name\":{}}}", "name: give a string"},
        {"{\"set\":{\"sectors\":[[]]}}", "sectors: give a string"},
        {"{\"set\":[]}", "set: give an object"},
        {"{\"add\":{\"sectors\":\"\"}}", "sectors: there is nothing to add"},
        {"{\"remove\":{\"sectors\":null}}", "sectors: there is nothing to remove"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct assignment_list list;
        struct error error = {0};
        assert_false(read_text(fake, wrong[i][0], &list, &error));
        assert_int_equal(error.code, ERROR_INPUT);
        if (!strstr(error.text, wrong[i][1]))
            fail_msg("\"%s\" does not say \"%s\"", error.text, wrong[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_become_a_body),
        cmocka_unit_test(words_without_a_form_are_wrong_usage),
        cmocka_unit_test_setup_teardown(a_body_is_read, fake_setup, fake_teardown),
        cmocka_unit_test_setup_teardown(errors_name_the_field, fake_setup, fake_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
