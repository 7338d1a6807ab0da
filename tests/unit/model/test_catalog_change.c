#include "model/catalog_change.h"

#include "model/catalog_yaml.h"

#include <stdio.h>
#include <stdlib.h>

#include "unit/lib/model.h"

/* The catalog in force; its lines are counted from 1. */
static const char OLD[] = "version: 4\n"
                          "name: old\n"
                          "types:\n"
                          "  - number: 16\n"
                          "    name: partner\n"
                          "    fields:\n"
                          "      - {number: 16, name: name}\n"
                          "      - {number: 17, name: phone}\n"
                          "      - number: 18\n"
                          "        name: status\n"
                          "        kind: enum\n"
                          "        choices: [{name: active}, {name: closed}]\n"
                          "      - {number: 19, name: visits, kind: integer, policy: sum}\n"
                          "      - {number: 20, name: friend, kind: reference, reference: partner}\n"
                          "      - {number: 21, name: telex, retired: true}\n"
                          "      - {number: 22, name: jubilee, kind: date, yearly: true}\n"
                          "      - {number: 23, name: seen, kind: time}\n"
                          "  - number: 17\n"
                          "    name: paper\n"
                          "    fields:\n"
                          "      - {number: 16, name: title}\n"
                          "  - number: 19\n"
                          "    name: letter\n"
                          "    retired: true\n"
                          "    fields:\n"
                          "      - {number: 16, name: title}\n";

struct fixture {
    struct arena arena;
    struct catalog *old;
    struct catalog_errors errors;
    const struct row *row; /* of the one record there is */
    char notes[2000];
};

static uint64_t count_uses(void *context, const struct catalog_use *use)
{
    struct fixture *fixture = context;
    assert_int_equal(type_definition(use->type)->number, 16);
    return fixture->row && use->holds(use, record_of(&fixture->arena, 16, fixture->row, 1), &fixture->arena);
}

static void take_note(void *context, const char *text)
{
    struct fixture *fixture = context;
    size_t used = strlen(fixture->notes);
    snprintf(fixture->notes + used, sizeof fixture->notes - used, "%s\n", text);
}

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    struct bytes packed;
    struct error error;
    assert_non_null(fixture);
    arena_init(&fixture->arena, 64 * 1024 * 1024);
    assert_true(catalog_from_yaml(bytes_of_string(OLD), "old", &fixture->arena, &packed, &fixture->errors));
    fixture->old = catalog_load(packed, &error);
    assert_non_null(fixture->old);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    catalog_free(fixture->old);
    arena_release(&fixture->arena);
    free(fixture);
    return 0;
}

/* The old catalog with the first `from` replaced by `to`, judged as a follower of itself. */
static bool judge(struct fixture *fixture, const char *from, const char *to, const char *version)
{
    struct bytes packed;
    const char *at = strstr(OLD, from), *rest = strchr(OLD, '\n');
    const struct catalog_before before = {
        .catalog = fixture->old, .count = count_uses, .context = fixture, .note = take_note};
    assert_non_null(at);
    fixture->notes[0] = '\0';
    char *text = arena_format(&fixture->arena, "version: %s%.*s%s%s", version, (int)(at - rest), rest, to,
                              at + strlen(from));
    assert_non_null(text);
    return catalog_from_yaml_after(&before, bytes_of_string(text), "new", &fixture->arena, &packed,
                                   &fixture->errors);
}

static void assert_refused(struct fixture *fixture, const char *from, const char *to, const char *says)
{
    assert_false(judge(fixture, from, to, "5"));
    assert_int_equal(fixture->errors.count, 1);
    if (!strstr(fixture->errors.list[0].text, says))
        fail_msg("\"%s\" does not say \"%s\"", fixture->errors.list[0].text, says);
}

static void test_nothing_changed_but_the_version(void **state)
{
    assert_true(judge(*state, "name: old", "name: new", "5"));
    assert_string_equal(((struct fixture *)*state)->notes, "");
}

static void test_the_version_rises(void **state)
{
    struct fixture *fixture = *state;
    assert_false(judge(fixture, "name: old", "name: new", "4"));
    assert_int_equal(fixture->errors.list[0].line, 1);
    assert_non_null(strstr(fixture->errors.list[0].text, "give it a higher one"));
    assert_false(judge(fixture, "name: old", "name: new", "3"));
}

static void test_what_is_gone(void **state)
{
    assert_refused(*state, "      - {number: 17, name: phone}\n", "",
                   "new:6: partner.phone (number 17) is gone");
    assert_refused(*state,
                   "  - number: 17\n    name: paper\n    fields:\n      - {number: 16, name: title}\n", "",
                   "new:3: the type paper (number 17) is gone");
}

static void test_numbers_that_mean_something_else(void **state)
{
    struct fixture *fixture = *state;
    assert_false(judge(fixture, "{number: 16, name: name}\n      - {number: 17, name: phone}",
                       "{number: 16, name: phone}\n      - {number: 17, name: name}", "5"));
    assert_int_equal(fixture->errors.count, 2);
    assert_int_equal(fixture->errors.list[0].line, 7);
    assert_refused(fixture, "{number: 17, name: phone}",
                   "{number: 17, name: fax}\n      - {number: 30, name: phone}",
                   "number 17 of partner is that of phone");
    assert_refused(
        fixture, "number: 17\n    name: paper",
        "number: 18\n    name: paper\n    fields: [{number: 16, name: a}]\n  - number: 17\n    name: other",
        "number 17 is that of the type paper");
}

/* Another name is another thing, unless the catalog says that people go on finding it by the old one. */
static void test_another_name_needs_the_old_one_as_an_alias(void **state)
{
    struct fixture *fixture = *state;
    assert_refused(fixture, "name: phone}", "name: bank_account}",
                   "new:8: number 17 of partner is that of phone, and records would show what is in phone as "
                   "bank_account; if that is the same under another name, write phone among its aliases; if "
                   "not, give bank_account a number of its own and keep phone with `retired: true`");
    assert_refused(fixture, "name: phone}", "name: telephone, aliases: [phones, pho, Telefon]}",
                   "write phone among its aliases");
    assert_true(judge(fixture, "name: phone}", "name: telephone, aliases: [Telefon, phone]}", "5"));
    assert_string_equal(fixture->notes, "partner.phone is called telephone now\n");
    assert_refused(fixture, "name: paper", "name: document",
                   "new:18: number 17 is that of the type paper, and its records would be shown as document; "
                   "if that is the same under another name, write paper among its aliases");
    assert_true(judge(fixture, "name: paper", "name: document\n    aliases: [paper]", "5"));
    assert_string_equal(fixture->notes, "the type paper is called document now\n");
    /* which is said once: the version after that need not know the name of before */
    assert_true(judge(fixture, "name: phone}", "name: phone, aliases: [telephone]}", "5"));
    assert_string_equal(fixture->notes, "");
}

static void test_what_is_retired_is_not_used_again(void **state)
{
    struct fixture *fixture = *state;
    assert_refused(fixture, "name: telex, retired: true", "name: email",
                   "new:15: number 21 of partner is that of telex, which is retired");
    assert_refused(fixture, "name: telex, retired: true", "name: email, retired: true", "is not used again");
    assert_refused(fixture, "name: telex, retired: true", "name: telex, kind: integer",
                   "was a field of the kind TEXT");
    assert_refused(fixture, "name: telex, retired: true}",
                   "name: old_telex, retired: true}\n      - {number: 30, name: telex}",
                   "give old_telex a number of its own and leave telex as it was");
    assert_refused(fixture, "name: letter\n    retired: true", "name: email",
                   "number 19 is that of the type letter, which is retired");
    assert_true(
        judge(fixture, "name: telex, retired: true", "name: telex, vi: Telex", "5")); /* in use again */
    assert_true(judge(fixture, "name: letter\n    retired: true", "name: letter", "5"));
}

static void test_kinds_and_references(void **state)
{
    assert_refused(*state, "name: phone}", "name: phone, kind: integer}",
                   "new:8: partner.phone was a field of the kind TEXT");
    assert_refused(*state, "reference: partner}", "reference: paper}", "partner.friend referred to partner");
}

static void test_a_renamed_target_is_the_same(void **state)
{
    struct fixture *fixture = *state;
    char text[sizeof OLD + 100];
    struct bytes packed;
    const struct catalog_before before = {.catalog = fixture->old};
    const char *end = strstr(OLD, "    name: partner") + strlen("    name: partner");
    snprintf(text, sizeof text, "version: 5%.*s\n    aliases: [partner]%s", (int)(end - strchr(OLD, '\n')),
             strchr(OLD, '\n'), end);
    memcpy(strstr(text, "name: partner"), "name: company", strlen("name: company"));
    memcpy(strstr(text, "reference: partner"), "reference: company", strlen("reference: company"));
    assert_true(catalog_from_yaml_after(&before, bytes_of_string(text), "new", &fixture->arena, &packed,
                                        &fixture->errors));
}

static void test_policies(void **state)
{
    struct fixture *fixture = *state;
    assert_refused(fixture, "kind: integer, policy: sum", "kind: integer", "was read by SUM");
    assert_true(judge(fixture, "name: phone}", "name: phone, policy: review}", "5"));
    assert_non_null(strstr(fixture->notes, "partner.phone is read by REVIEW, no more by LATEST"));
    assert_true(judge(fixture, "name: phone}", "name: phone, policy: union}", "5"));
    assert_refused(fixture, "name: phone}", "name: phone, kind: integer, policy: sum}", "kind");
}

static void test_choices_in_use(void **state)
{
    struct fixture *fixture = *state;
    const struct row closed = {18, 1, 1, 1, "closed", 0, 0}, other = {18, 1, 1, 1, "closed_once", 0, 0};
    fixture->row = &closed;
    assert_refused(fixture, "choices: [{name: active}, {name: closed}]", "choices: [{name: active}]",
                   "new:12: partner.status: the choice closed is gone, and 1 records hold it");
    fixture->row = &other;
    assert_true(
        judge(fixture, "choices: [{name: active}, {name: closed}]", "choices: [{name: active}]", "5"));
    assert_non_null(strstr(fixture->notes, "closed is gone; no record holds it"));
    fixture->row = &closed;
    assert_true(judge(fixture, "{name: closed}", "{name: closed, retired: true}", "5"));
    assert_true(judge(fixture, "{name: closed}", "{name: closed}, {name: new}", "5"));
}

static void test_days_of_every_year_in_use(void **state)
{
    struct fixture *fixture = *state;
    const struct row yearly = {22, 1, 1, 1, "--05-06", 0, 0}, full = {22, 1, 1, 1, "1950-05-06", 0, 0};
    fixture->row = &yearly;
    assert_refused(fixture, "kind: date, yearly: true}", "kind: date}",
                   "partner.jubilee is yearly no more, and 1 records hold a day without a year");
    fixture->row = &full;
    assert_true(judge(fixture, "kind: date, yearly: true}", "kind: date}", "5"));
}

static void test_times_keep_their_zone(void **state)
{
    struct fixture *fixture = *state;
    const struct row seen = {23, 1, 1, 1, "2026-01-01T10:00", 0, 0}, cleared = {23, 1, 1, 1, NULL, 0, 0};
    fixture->row = &seen;
    assert_refused(fixture, "name: old", "name: old\ntime_zone: UTC",
                   "the time zone was \"Asia/Ho_Chi_Minh\", and 1 records hold times of it in partner.seen");
    assert_true(judge(fixture, "name: old", "name: old\ntime_zone: Asia/Ho_Chi_Minh", "5"));
    fixture->row = &cleared;
    assert_true(judge(fixture, "name: old", "name: old\ntime_zone: UTC", "5"));
}

static void test_a_deletion_that_wins_is_noted(void **state)
{
    struct fixture *fixture = *state;
    assert_true(judge(fixture, "name: partner\n", "name: partner\n    deletion: delete_wins\n", "5"));
    assert_non_null(strstr(fixture->notes, "partner is read by delete_wins: 0 records"));
}

static void test_what_is_added_and_retired(void **state)
{
    assert_true(judge(*state, "name: phone}", "name: phone, retired: true}", "5"));
    assert_true(judge(*state, "{number: 16, name: title}",
                      "{number: 16, name: title}\n  - number: 40\n    name: x\n"
                      "    fields: [{number: 16, name: y}]",
                      "5"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_nothing_changed_but_the_version, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_version_rises, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_gone, setup, teardown),
        cmocka_unit_test_setup_teardown(test_numbers_that_mean_something_else, setup, teardown),
        cmocka_unit_test_setup_teardown(test_another_name_needs_the_old_one_as_an_alias, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_retired_is_not_used_again, setup, teardown),
        cmocka_unit_test_setup_teardown(test_kinds_and_references, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_renamed_target_is_the_same, setup, teardown),
        cmocka_unit_test_setup_teardown(test_policies, setup, teardown),
        cmocka_unit_test_setup_teardown(test_days_of_every_year_in_use, setup, teardown),
        cmocka_unit_test_setup_teardown(test_times_keep_their_zone, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_deletion_that_wins_is_noted, setup, teardown),
        cmocka_unit_test_setup_teardown(test_choices_in_use, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_added_and_retired, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
