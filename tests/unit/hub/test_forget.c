/* What headquarters forgets or erases, and those who were not there: retired installations, rows of a feed
 * that are gone, values that were taken out of a record. */
#include "unit/hub/fixture.h"

#include "hub/erasure.h"
#include "hub/headquarters.h"
#include "hub/purge.h"
#include "hub/repair.h"
#include "model/edit.h"
#include "model/erasure.h"

enum { FIRST = 1, NAME_OP = 2 /* make_record's */, DAY_MS = 24 * 3600 * 1000 };

static void is_taken(const Hopnhat__Message *answer)
{
    assert_non_null(answer);
    assert_int_equal(answer->body_case, HOPNHAT__MESSAGE__BODY_ACK);
    assert_int_equal(answer->ack->n_refusals, 0);
}

static struct bytes partner(struct fixture *fixture, struct hand *hand, uint8_t number)
{
    fixture->wall_ms += 1000;
    return make_record(fixture, hand, PARTNER, number, "everyone", "an", "a partner");
}

/* Writes the first partner's name over what `seen` says. */
static void rename_first(struct fixture *fixture, struct hand *hand, struct entry_id seen, const char *name)
{
    struct new_op op = {.field = NAME, .value = bytes_of_string(name), .superseded = {&seen, 1}};
    struct new_edit edit = {.type = PARTNER, .record = {FIRST}, .ops = &op, .op_count = 1};
    fixture->wall_ms += 1000;
    is_taken(push(fixture, hand, make_change(fixture, hand, &edit, 1, fixture->wall_ms << 16)));
}

static void erase(struct fixture *fixture, uint32_t field)
{
    struct error error;
    const struct erasing erasing = {
        .type = PARTNER, .record = {FIRST}, .fields = &field, .field_count = 1, .reason = "case 1"};
    fixture->wall_ms += 1000;
    if (!erasure_write(fixture->hub, &erasing, fixture->wall_ms, &error))
        fail_msg("%s", error.text);
}

/* A whole pass of housekeeping; who has not been heard for a day is retired. */
static struct purge_pass housekeep(struct fixture *fixture)
{
    const struct purge_rules rules = {.purge_after_ms = DAY_MS, .retire_after_ms = DAY_MS};
    struct purge_pass pass = {0};
    struct error error;
    do {
        if (!purge_step(fixture->hub, &rules, fixture->wall_ms, 100, &pass, &error))
            fail_msg("%s", error.text);
    } while (pass.under_way);
    return pass;
}

/* Nobody is retired for the clock that the hub's machine came up with. */
static void a_clock_that_was_behind_retires_nobody(void **state)
{
    struct fixture *fixture = *state;
    const int64_t back_ms = 40 * (int64_t)DAY_MS;
    say_hello(fixture, &fixture->an);
    say_hello(fixture, &fixture->binh);
    hub_end_sessions(fixture->hub);
    set_clock(fixture, -back_ms);
    assert_int_equal(housekeep(fixture).retired, 0);
    set_clock(fixture, back_ms);
    assert_int_equal(housekeep(fixture).retired, 0);
    fixture->wall_ms += DAY_MS + 1;
    assert_true(housekeep(fixture).retired >= 2);
}

/* A link may be up all the time although nothing was heard for long: what the session knows counts no more.
 */
static void who_is_retired_has_no_session(void **state)
{
    struct fixture *fixture = *state;
    struct hand *an = &fixture->an;
    say_hello(fixture, an);
    is_taken(push(fixture, an, partner(fixture, an, FIRST)));
    fixture->wall_ms += DAY_MS + 1;
    assert_true(housekeep(fixture).retired >= 1);
    const Hopnhat__Message *answer = push(fixture, an, partner(fixture, an, 2));
    assert_int_equal(answer->body_case, HOPNHAT__MESSAGE__BODY_ERROR);
    assert_int_equal(answer->error->code, HOPNHAT__ERROR_CODE__ERROR_SAY_HELLO);
    answer = say_hello(fixture, an);
    assert_int_equal(answer->body_case, HOPNHAT__MESSAGE__BODY_WELCOME);
    assert_true(answer->welcome->reconcile);
    is_taken(push(fixture, an, partner(fixture, an, 2)));
}

/* Whether one that stands at the start of everyone's feed is told to compare what it holds. */
static bool has_to_compare(struct fixture *fixture, struct hand *hand, uint64_t ahead, uint64_t position)
{
    static char group[] = "everyone";
    uint64_t numbers[] = {ahead, 0};
    Hopnhat__Message message = HOPNHAT__MESSAGE__INIT;
    Hopnhat__Hello hello = HOPNHAT__HELLO__INIT;
    Hopnhat__LogHead log = HOPNHAT__LOG_HEAD__INIT, *logs[] = {&log};
    Hopnhat__Cursor cursor = HOPNHAT__CURSOR__INIT, *cursors[] = {&cursor};
    log.replica = hand->replica;
    cursor.group = group;
    cursor.base_rev = cursor.position = position;
    hello.protocol = PROTOCOL_VERSION;
    hello.has_epoch = true;
    hello.epoch = fixture->hub->epoch;
    hello.n_logs = hello.n_cursors = 1;
    hello.logs = logs;
    hello.cursors = cursors;
    hello.n_ahead = 2;
    hello.ahead = numbers;
    message.body_case = HOPNHAT__MESSAGE__BODY_HELLO;
    message.hello = &hello;
    const Hopnhat__Message *answer = say(fixture, hand, &message);
    assert_int_equal(answer->body_case, HOPNHAT__MESSAGE__BODY_WELCOME);
    return answer->welcome->reconcile;
}

/* A record that came ahead of its turn is held by one whose cursor stands at the start: that it left is not
 * in the feed any more. */
static void what_came_ahead_may_have_left_since(void **state)
{
    struct fixture *fixture = *state;
    struct hand *an = &fixture->an, late = {0};
    struct error error;
    struct new_op op = {.field = HOPNHAT__SYSTEM_FIELD__SYSTEM_GROUP, .value = bytes_of_string("office:an")};
    struct new_edit edit = {.type = PARTNER, .record = {FIRST}, .ops = &op, .op_count = 1};
    struct entry_id seen = {{an->replica, 1}, 0};
    op.superseded = (struct entry_list){&seen, 1};
    say_hello(fixture, an);
    is_taken(push(fixture, an, partner(fixture, an, FIRST)));
    const uint64_t came = fixture->hub->rev;
    assert_true(headquarters_write(fixture->hub, &edit, 1, NULL, fixture->wall_ms, &error));
    fixture->wall_ms += DAY_MS + 1; /* nobody is waited for */
    assert_int_equal(housekeep(fixture).forgotten, 1);
    install(fixture, &late, "binh", 3);
    assert_false(has_to_compare(fixture, &late, 0, 0)); /* it reads all from the start */
    assert_true(has_to_compare(fixture, &late, came, 0));
    assert_true(has_to_compare(fixture, &late, 0, came));
    assert_false(has_to_compare(fixture, &late, came, fixture->hub->rev));
}

/* The second version of the fixture's catalog: partners that are deleted stay so whatever comes beside it. */
static void let_deletions_win(struct fixture *fixture)
{
    static struct catalog_errors errors;
    static const char type[] = "    name: partner\n";
    const char *at = strstr(CATALOG, type) + strlen(type), *first = strchr(CATALOG, '\n');
    char *text = arena_format(&fixture->arena, "version: 2%.*s    deletion: delete_wins\n%s",
                              (int)(at - first), first, at);
    struct bytes packed;
    struct error error;
    if (!catalog_from_yaml(bytes_of_string(text), "test", &fixture->arena, &packed, &errors) ||
        !headquarters_apply_catalog(fixture->hub, packed, NULL, fixture->wall_ms, &error))
        fail_msg("the catalog is not taken");
}

/* An edit had brought it back long ago: it is kept for as long as what is deleted now. */
static void what_a_catalog_deletes_is_kept_for_a_while(void **state)
{
    struct fixture *fixture = *state;
    struct hand *an = &fixture->an;
    struct new_edit edit;
    struct error error;
    say_hello(fixture, an);
    is_taken(push(fixture, an, partner(fixture, an, FIRST)));
    const struct entry_id seen = {{an->replica, an->seq}, NAME_OP};
    const Hopnhat__Record *record = hub_has(fixture, PARTNER, FIRST);
    assert_true(edit_make_deletion(record, &fixture->arena, &edit, &error));
    assert_true(headquarters_write(fixture->hub, &edit, 1, NULL, fixture->wall_ms, &error));
    rename_first(fixture, an, seen, "back");
    fixture->wall_ms += DAY_MS + 1; /* nobody is waited for */
    assert_int_equal(housekeep(fixture).purged, 0);
    let_deletions_win(fixture);
    assert_int_equal(housekeep(fixture).purged, 0);
    fixture->wall_ms += DAY_MS + 1;
    assert_int_equal(housekeep(fixture).purged, 1);
}

/* A hub that comes back from a backup may have lost the erasure before, and get this one back from custody.
 */
static void each_erasure_says_whole_what_it_is_of(void **state)
{
    static const uint32_t needed[] = {ERASURE_FIELDS, ERASURE_REASON, ERASURE_TARGET,
                                      HOPNHAT__SYSTEM_FIELD__SYSTEM_GROUP,
                                      HOPNHAT__SYSTEM_FIELD__SYSTEM_OWNER};
    struct fixture *fixture = *state;
    struct hub *hub = fixture->hub;
    say_hello(fixture, &fixture->an);
    is_taken(push(fixture, &fixture->an, partner(fixture, &fixture->an, FIRST)));
    for (uint32_t field = NAME; field <= NAME + 1; field++) {
        struct transaction snapshot;
        struct error error;
        struct bytes row;
        struct change change;
        struct key key;
        erase(fixture, field);
        const struct dot dot = {hub->own_replica, registry_replica(hub, hub->own_replica)->watermark};
        key_dot(&key, dot.replica, dot.seq);
        assert_true(transaction_begin(&snapshot, hub->environment, false, &error));
        assert_true(transaction_get(&snapshot, HUB_LOG, key_bytes(&key), &row));
        const Hopnhat__LogRow *logged =
            hopnhat__log_row__unpack(&fixture->arena.protobuf, row.size, row.data);
        assert_true(change_unpack(&change, dot, bytes_of(logged->logged.data, logged->logged.len),
                                  &fixture->arena, &error));
        transaction_abort(&snapshot);
        for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
            bool there = false;
            for (size_t j = 0; j < change.body->edits[0]->n_ops; j++)
                there = there || change.body->edits[0]->ops[j]->field == needed[i];
            if (!there)
                fail_msg("the erasure of field %u does not say field %u", field, needed[i]);
        }
    }
}

/* Reads the feed up to the head, having taken the part before (0: this is the first). */
static const Hopnhat__Feed *pull(struct fixture *fixture, struct hand *hand, uint32_t *applied)
{
    Hopnhat__Message message = HOPNHAT__MESSAGE__INIT;
    Hopnhat__Pull pull = HOPNHAT__PULL__INIT;
    pull.has_applied = *applied != 0;
    pull.applied = hand->request + 1 - *applied;
    pull.has_credit_bytes = pull.has_wait_ms = true;
    pull.credit_bytes = 1 << 20;
    message.body_case = HOPNHAT__MESSAGE__BODY_PULL;
    message.pull = &pull;
    const Hopnhat__Message *answer = say(fixture, hand, &message);
    assert_int_equal(answer->body_case, HOPNHAT__MESSAGE__BODY_FEED);
    *applied = answer->request;
    return answer->feed;
}

static const Hopnhat__Record *first_in(const Hopnhat__Feed *feed)
{
    for (size_t i = 0; i < feed->n_items; i++)
        if (feed->items[i]->record->type == PARTNER)
            return feed->items[i]->record;
    return NULL;
}

/* An own change is told by its number alone, but not where something else altered the record before it. */
static void an_own_change_after_an_erasure_is_told_whole(void **state)
{
    struct fixture *fixture = *state;
    struct hand *an = &fixture->an;
    struct transaction snapshot;
    struct error error;
    const uint8_t id[RECORD_ID_BYTES] = {FIRST};
    uint32_t applied = 0;
    say_hello(fixture, an);
    is_taken(push(fixture, an, partner(fixture, an, FIRST)));
    pull(fixture, an, &applied);
    rename_first(fixture, an, (struct entry_id){{an->replica, 1}, NAME_OP}, "another name");
    const Hopnhat__Feed *feed = pull(fixture, an, &applied);
    assert_null(first_in(feed));
    assert_true(feed->n_own > 0);
    erase(fixture, NAME);
    assert_true(transaction_begin(&snapshot, fixture->hub->environment, false, &error));
    const Hopnhat__Record *erasure = hub_erasure(fixture->hub, &snapshot, PARTNER, id, &fixture->arena);
    transaction_abort(&snapshot);
    rename_first(fixture, an, entry_id_of(record_field(erasure, ERASURE_FIELDS)->entries[0]), "told");
    feed = pull(fixture, an, &applied);
    assert_non_null(first_in(feed));
    assert_int_equal(feed->n_own, 0);
    assert_int_equal(record_field(first_in(feed), NAME)->n_entries, 1);
}

/* Turns a bit of the first partner's row round in the closed store. */
static void damage(struct fixture *fixture, const char *path)
{
    const Hopnhat__Record *record = hub_has(fixture, PARTNER, FIRST);
    size_t size = hopnhat__record__get_packed_size(record), read;
    uint8_t *row = arena_alloc(&fixture->arena, size), *file = arena_alloc(&fixture->arena, 64 << 20);
    hopnhat__record__pack(record, row);
    hub_close(fixture->hub);
    FILE *store = fopen(path, "r+b");
    assert_non_null(store);
    assert_true((read = fread(file, 1, 64 << 20, store)) > size);
    for (uint8_t *at = file; (at = memmem(at, read - (size_t)(at - file), row, size)); at++) {
        at[size - 1] ^= 1;
        assert_int_equal(fseek(store, (long)(at - file), SEEK_SET), 0);
        assert_int_equal(fwrite(at, 1, size, store), size);
    }
    assert_int_equal(fclose(store), 0);
}

static void tell(void *context, const char *text)
{
    assert_int_equal(strncmp(text, "1 ", 2), 0);
    ++*(unsigned *)context;
}

/* The erasure gave the record a later rev than its last change did. */
static void a_record_that_was_erased_from_is_merged_again(void **state)
{
    struct fixture *fixture = *state;
    char store[100], fresh[100], from[120], to[120];
    struct error error;
    unsigned told = 0;
    snprintf(store, sizeof store, "%s/store", fixture->directory);
    snprintf(fresh, sizeof fresh, "%s/fresh", fixture->directory);
    snprintf(from, sizeof from, "%s/store/data.mdb", fresh);
    snprintf(to, sizeof to, "%s/data.mdb", store);
    say_hello(fixture, &fixture->an);
    is_taken(push(fixture, &fixture->an, partner(fixture, &fixture->an, FIRST)));
    erase(fixture, NAME);
    const Hopnhat__Record *before = hub_has(fixture, PARTNER, FIRST);
    assert_true(before->rev > before->last_seq && before->altered == before->rev);
    hub_end_sessions(fixture->hub);
    damage(fixture, to);
    assert_int_equal(mkdir(fresh, 0700), 0);
    if (!hub_repair(store, fresh, tell, &told, &error))
        fail_msg("%s", error.text);
    assert_int_equal(told, 2); /* what was lost, and that it is there again */
    assert_int_equal(rename(from, to), 0);
    fixture->hub = hub_open(fixture->directory, &fixture->options, &error);
    assert_non_null(fixture->hub);
    const Hopnhat__Record *after = hub_has(fixture, PARTNER, FIRST);
    assert_non_null(after);
    assert_int_equal(after->rev, before->rev);
    const struct digest one = digest_record(before), other = digest_record(after);
    assert_true(digest_equal(&one, &other));
    assert_null(hub_name(fixture, PARTNER, FIRST));
}

int main(void)
{
    alarm(300);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_clock_that_was_behind_retires_nobody, fixture_start, fixture_end),
        cmocka_unit_test_setup_teardown(who_is_retired_has_no_session, fixture_start, fixture_end),
        cmocka_unit_test_setup_teardown(what_came_ahead_may_have_left_since, fixture_start, fixture_end),
        cmocka_unit_test_setup_teardown(what_a_catalog_deletes_is_kept_for_a_while, fixture_start,
                                        fixture_end),
        cmocka_unit_test_setup_teardown(each_erasure_says_whole_what_it_is_of, fixture_start, fixture_end),
        cmocka_unit_test_setup_teardown(an_own_change_after_an_erasure_is_told_whole, fixture_start,
                                        fixture_end),
        cmocka_unit_test_setup_teardown(a_record_that_was_erased_from_is_merged_again, fixture_start,
                                        fixture_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
