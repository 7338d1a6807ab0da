#include "net/http_request.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void escaping_is_for_any_text(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 1000);
    assert_string_equal(http_escape(&arena, "a-Z_0.~"), "a-Z_0.~");
    assert_string_equal(http_escape(&arena, "Đ &=?/+%"), "%C4%90%20%26%3D%3F%2F%2B%25");
    assert_string_equal(http_escape(&arena, ""), "");
    arena_release(&arena);
}

static void a_request_may_be_made_without_a_server(void **state)
{
    (void)state;
    static const char *const wrong[] = {"", "x", "/%", "/%4", "/%zz", "/%00", "/?a=%", "/?%00"};
    struct http_request request;
    struct arena arena;
    struct error error;
    arena_init(&arena, 100000);
    assert_true(http_request_make(&request, "PUT", "/records/a%20+b?where=n%3D%C4%90&&where=b+c&sort&=x",
                                  bytes_of_string("body"), &arena, &error));
    assert_string_equal(request.path, "/records/a +b");
    const char *values[1];
    assert_int_equal(http_request_query_all(&request, "where", values, 1), 2);
    assert_string_equal(values[0], "n=Đ");
    assert_string_equal(http_request_query(&request, "sort"), "");
    assert_string_equal(http_request_query(&request, ""), "x");
    assert_null(http_request_query(&request, "missing"));
    assert_null(http_request_header(&request, "Host"));
    assert_true(request.local);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_false(http_request_make(&request, "GET", wrong[i], (struct bytes){0}, &arena, &error));
        assert_int_equal(error.code, ERROR_INPUT);
    }
    char many[400] = "/?";
    for (int i = 0; i <= HTTP_PARAMETERS; i++)
        memcpy(many + 2 + (size_t)4 * (size_t)i, "a=b&", 5);
    assert_false(http_request_make(&request, "GET", many, (struct bytes){0}, &arena, &error));
    assert_int_equal(error.code, ERROR_LIMIT);
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(escaping_is_for_any_text),
        cmocka_unit_test(a_request_may_be_made_without_a_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
