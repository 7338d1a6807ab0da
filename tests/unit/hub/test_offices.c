/* Offices as headquarters' commands write them. */
#include "hub/service.h"
#include "unit/hub/fixture.h"

/* A PATCH of the office, as `office set` makes it. */
static void set_name(struct fixture *fixture, const char *code, const char *name)
{
    struct hub_service service;
    struct error error;
    struct http_request request = {.method = "PATCH", .path = "/v1/offices", .local = true};
    struct api_call call = {.request = &request, .wall_ms = fixture->wall_ms, .arena = &fixture->arena};
    hub_service_start(&service, fixture->hub);
    call.records = &service.records;
    call.parts[0] = code;
    call.body = json_pack("{s:s}", "name", name);
    json_t *answer = handle_office_set(&call, &error);
    if (!answer)
        fail_msg("%s", error.text);
    json_decref(answer);
    json_decref(call.body);
    hub_service_end(&service);
}

/* An older hub let an office hide its own record, and give it away. */
static void a_record_comes_back_to_where_it_belongs(void **state)
{
    struct fixture *fixture = *state;
    struct error error;
    struct new_op ops[] = {
        {.field = HOPNHAT__SYSTEM_FIELD__SYSTEM_GROUP, .value = bytes_of_string("office:an")},
        {.field = HOPNHAT__SYSTEM_FIELD__SYSTEM_OWNER, .value = bytes_of_string("binh")},
    };
    struct new_edit edit = {.type = HOPNHAT__BUILT_IN_TYPE__TYPE_OFFICE, .ops = ops, .op_count = 2};
    struct transaction snapshot;
    office_record_id("an", edit.record);
    if (!headquarters_write(fixture->hub, &edit, 1, NULL, fixture->wall_ms + 1, &error))
        fail_msg("%s", error.text);
    fixture->wall_ms += 1000;
    set_name(fixture, "an", "An");
    assert_true(transaction_begin(&snapshot, fixture->hub->environment, false, &error));
    const Hopnhat__Record *record = hub_record(&snapshot, edit.type, edit.record, &fixture->arena);
    assert_true(bytes_equal(fold_group(record), bytes_of_string(GROUP_EVERYONE)));
    assert_true(bytes_equal(fold_owner(record), bytes_of_string("an")));
    transaction_abort(&snapshot);
    const uint64_t rev = fixture->hub->rev;
    set_name(fixture, "an", "An"); /* nothing is left to write */
    assert_int_equal(fixture->hub->rev, rev);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_record_comes_back_to_where_it_belongs, fixture_start, fixture_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
