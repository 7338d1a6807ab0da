#include "unit/api/fake_records.h"

/* Lists, searches and reports, from the request to the answer. */

static void add_partners(struct fake *fake)
{
    static const char *const partners[] = {
        "{\"name\":\"Đà Nẵng xanh\",\"status\":\"active\",\"sectors\":[\"y tế\",\"mìn\"],\"amount\":\"0.1\"}",
        "{\"name\":\"Dương\",\"status\":\"ended\",\"sectors\":[\"mìn\"],\"amount\":\"0.2\"}",
        "{\"name\":\"Ăn\",\"status\":\"active\",\"starts\":\"2024-05-01\",\"ends\":\"2024-06-01\"}",
        "{\"name\":\"An\",\"notes\":[\"gặp ở Quảng Trị\"]}",
        "{\"name\":\"Quảng Trị\",\"amount\":\"999999999999999999\"}",
    };
    for (size_t i = 0; i < sizeof partners / sizeof *partners; i++)
        free(fake_add(fake, partners[i]));
}

/* The names of the records of all pages, with commas. */
static char *names_of(struct fake *fake, const char *path)
{
    char names[1000] = "", whole[700];
    const char *next = "";
    json_t *json = NULL;
    size_t used = 0;
    do {
        snprintf(whole, sizeof whole, "%s%s%s", path, *next ? "&after=" : "", next);
        json_decref(json);
        json = fake_call(fake, 200, "GET", whole, NULL);
        const json_t *records = json_object_get(json, "records");
        for (size_t i = 0; i < json_array_size(records); i++) {
            const json_t *fields = json_object_get(json_array_get(records, i), "fields");
            used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", used ? "," : "",
                                     json_string_value(json_object_get(fields, "name")));
        }
        next = json_string_value(json_object_get(json, "next"));
    } while (next);
    json_decref(json);
    return strdup(names);
}

static void assert_names(struct fake *fake, const char *path, const char *wanted)
{
    char *names = names_of(fake, path);
    assert_string_equal(names, wanted);
    free(names);
}

static void lists_are_sorted_page_by_page(void **state)
{
    struct fake *fake = *state;
    add_partners(fake);
    assert_names(fake, "/v1/records/partner?sort=name", "An,Ăn,Dương,Đà Nẵng xanh,Quảng Trị");
    assert_names(fake, "/v1/records/partner?sort=name&limit=1", "An,Ăn,Dương,Đà Nẵng xanh,Quảng Trị");
    assert_names(fake, "/v1/records/partner?sort=-name&limit=2", "Quảng Trị,Đà Nẵng xanh,Dương,Ăn,An");
    assert_names(fake, "/v1/records/partner?sort=T%C3%AAn&where=status=active", "Ăn,Đà Nẵng xanh");
    assert_names(fake, "/v1/records/partner?sort=-amount&limit=2&where=sectors=m%C3%ACn",
                 "Dương,Đà Nẵng xanh");
    assert_names(fake, "/v1/records/partner?where=starts:year=2024", "Ăn");
    assert_names(fake, "/v1/records/partner?where=owner=da-nang&where=status=ended", "Dương");
}

static void words_are_searched(void **state)
{
    struct fake *fake = *state;
    add_partners(fake);
    char *names = names_of(fake, "/v1/search?words=quang%20tri&limit=1");
    assert_true(strcmp(names, "An,Quảng Trị") == 0 || strcmp(names, "Quảng Trị,An") == 0);
    free(names);
    assert_names(fake, "/v1/search?words=XANH&type=partner", "Đà Nẵng xanh");
    assert_names(fake, "/v1/search?words=da%20nan*", "Đà Nẵng xanh");
    assert_names(fake, "/v1/search?words=kh%C3%B4ng", "");
}

static void assert_report(struct fake *fake, const char *path, const char *wanted)
{
    json_t *json = fake_call(fake, 200, "GET", path, NULL);
    char *text = json_dumps(json, JSON_COMPACT);
    assert_string_equal(text, wanted);
    free(text);
    json_decref(json);
}

static void figures_are_exact(void **state)
{
    struct fake *fake = *state;
    add_partners(fake);
    assert_report(fake, "/v1/report/partner", "{\"group_by\":[],\"rows\":[],\"total\":{\"count\":5}}");
    assert_report(fake, "/v1/report/partner?group-by=status&sum=amount",
                  "{\"group_by\":[\"status\"],\"rows\":["
                  "{\"group\":{\"status\":null},\"count\":2,\"sum\":\"999999999999999999\"},"
                  "{\"group\":{\"status\":\"active\"},\"count\":2,\"sum\":\"0.1\"},"
                  "{\"group\":{\"status\":\"ended\"},\"count\":1,\"sum\":\"0.2\"}],"
                  "\"total\":{\"count\":5,\"sum\":\"999999999999999999.3\"}}");
    assert_report(fake, "/v1/report/partner?group-by=starts:quarter,office&where=status=active",
                  "{\"group_by\":[\"starts:quarter\",\"office\"],\"rows\":["
                  "{\"group\":{\"starts:quarter\":null,\"office\":\"da-nang\"},\"count\":1},"
                  "{\"group\":{\"starts:quarter\":\"2024-Q2\",\"office\":\"da-nang\"},\"count\":1}],"
                  "\"total\":{\"count\":2}}");
}

static void wrong_questions_are_refused(void **state)
{
    struct fake *fake = *state;
    fake_refused(fake, 400, "GET", "/v1/records/partner?sort=nothing", NULL, "sort: nothing");
    fake_refused(fake, 400, "GET", "/v1/records/partner?sort=name&after=zz", NULL, "after");
    fake_refused(fake, 400, "GET", "/v1/records/partner?after=zz", NULL, "after");
    fake_refused(fake, 400, "GET", "/v1/records/partner?limit=0", NULL, "limit");
    fake_refused(fake, 400, "GET", "/v1/records/partner?where=nothing=1", NULL, "where: nothing");
    fake_refused(fake, 400, "GET", "/v1/search", NULL, "words");
    fake_refused(fake, 400, "GET", "/v1/search?words=%21", NULL, "no words");
    fake_refused(fake, 404, "GET", "/v1/search?words=a&type=nothing", NULL, "no such record type");
    fake_refused(fake, 400, "GET", "/v1/search?words=a&after=1.2", NULL, "after");
    fake_refused(fake, 404, "GET", "/v1/report/nothing", NULL, "no such record type");
    fake_refused(fake, 400, "GET", "/v1/report/partner?group-by=status,nothing", NULL, "group-by: nothing");
    fake_refused(fake, 400, "GET", "/v1/report/partner?group-by=name:year", NULL, "no date");
    fake_refused(fake, 400, "GET", "/v1/report/partner?sum=name", NULL, "no number");
    fake_refused(fake, 413, "GET", "/v1/report/partner?group-by=name,name,name,name,name,name,name,name,name",
                 NULL, "at most 8");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lists_are_sorted_page_by_page, fake_setup, fake_teardown),
        cmocka_unit_test_setup_teardown(words_are_searched, fake_setup, fake_teardown),
        cmocka_unit_test_setup_teardown(figures_are_exact, fake_setup, fake_teardown),
        cmocka_unit_test_setup_teardown(wrong_questions_are_refused, fake_setup, fake_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
