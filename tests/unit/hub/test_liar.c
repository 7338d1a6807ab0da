/* An installation that has joined and lies: about seqs, numbers, signatures, times, rights and sessions, or
 * sends anything at all. What it says is refused and counted, and another office goes on as if it were not
 * there. */
#include "base/log.h"
#include "unit/hub/fixture.h"

#define TEN_YEARS ((uint64_t)(10 * YEAR_MS) << 16)

static void is_error(const Hopnhat__Message *answer, Hopnhat__ErrorCode code)
{
    assert_non_null(answer);
    assert_int_equal(answer->body_case, HOPNHAT__MESSAGE__BODY_ERROR);
    assert_int_equal(answer->error->code, code);
}

static void is_taken(const Hopnhat__Message *answer)
{
    assert_non_null(answer);
    assert_int_equal(answer->body_case, HOPNHAT__MESSAGE__BODY_ACK);
    assert_int_equal(answer->ack->n_refusals, 0);
}

static void is_refused(const Hopnhat__Message *answer, Hopnhat__RefusalReason reason)
{
    assert_non_null(answer);
    assert_int_equal(answer->body_case, HOPNHAT__MESSAGE__BODY_ACK);
    assert_int_equal(answer->ack->n_refusals, 1);
    assert_int_equal(answer->ack->refusals[0]->reason, reason);
}

static void begin(struct fixture *fixture)
{
    assert_int_equal(say_hello(fixture, &fixture->an)->body_case, HOPNHAT__MESSAGE__BODY_WELCOME);
    assert_int_equal(say_hello(fixture, &fixture->binh)->body_case, HOPNHAT__MESSAGE__BODY_WELCOME);
}

/* binh does its work, and the store is sound. */
static void others_are_unharmed(struct fixture *fixture)
{
    struct hand *binh = &fixture->binh;
    is_taken(push(fixture, binh, make_record(fixture, binh, PARTNER, 200, "everyone", "binh", "binh's own")));
    const Hopnhat__Entry *entry = hub_name(fixture, PARTNER, 200);
    assert_non_null(entry);
    assert_true(bytes_equal(entry_value(entry), bytes_of_string("binh's own")));
}

static struct bytes partner(struct fixture *fixture, uint8_t number)
{
    return make_record(fixture, &fixture->an, PARTNER, number, "everyone", "an", "a partner");
}

static void about_seqs(void **state)
{
    struct fixture *fixture = *state;
    struct hand *an = &fixture->an;
    begin(fixture);
    struct bytes first = partner(fixture, 1);
    is_taken(push(fixture, an, first));
    const uint64_t rev = fixture->hub->rev;
    an->seq = 5; /* changes before are missing */
    is_error(push(fixture, an, partner(fixture, 2)), HOPNHAT__ERROR_CODE__ERROR_SAY_HELLO);
    an->seq = UINT64_MAX; /* the next is number 0 */
    is_error(push(fixture, an, partner(fixture, 2)), HOPNHAT__ERROR_CODE__ERROR_MALFORMED);
    an->seq = UINT64_MAX - 1;
    is_error(push(fixture, an, partner(fixture, 2)), HOPNHAT__ERROR_CODE__ERROR_SAY_HELLO);
    an->seq = 0; /* another change under a number that is taken: it stays what it was */
    chain_start(an->replica, an->link);
    const struct bytes other = partner(fixture, 3);
    is_error(push(fixture, an, other), HOPNHAT__ERROR_CODE__ERROR_SAY_HELLO);
    assert_null(hub_has(fixture, PARTNER, 3));
    assert_int_equal(fixture->hub->rev, rev);
    /* and what would follow it does not chain to what the hub has */
    uint8_t link[LINK_BYTES];
    next_link(an, other, link);
    memcpy(an->link, link, sizeof link);
    an->seq = 1;
    is_error(push(fixture, an, partner(fixture, 4)), HOPNHAT__ERROR_CODE__ERROR_MALFORMED);
    assert_null(hub_has(fixture, PARTNER, 4));
    others_are_unharmed(fixture);
}

/* Nothing was ever lost here: what it says to have trimmed it has made up. */
static void about_what_is_lost(void **state)
{
    struct fixture *fixture = *state;
    struct hand *an = &fixture->an;
    begin(fixture);
    is_taken(push(fixture, an, partner(fixture, 1)));
    const uint64_t malformed = fixture->hub->malformed;
    an->seq = an->trimmed = 5;
    is_error(say_hello(fixture, an), HOPNHAT__ERROR_CODE__ERROR_MALFORMED);
    an->replica = 0x9999; /* nor of a log that is new */
    is_error(say_hello(fixture, an), HOPNHAT__ERROR_CODE__ERROR_MALFORMED);
    an->replica = 0x1001;
    assert_int_equal(fixture->hub->malformed, malformed + 2);
    assert_null(registry_replica(fixture->hub, 0x9999));
    assert_int_equal(registry_replica(fixture->hub, an->replica)->watermark, 1);
    assert_int_equal(registry_replica(fixture->hub, an->replica)->gaps.count, 0);
    an->seq = an->trimmed = 1;
    begin(fixture);
    is_taken(push(fixture, an, partner(fixture, 2)));
    others_are_unharmed(fixture);
}

static void about_whose_log_it_is(void **state)
{
    struct fixture *fixture = *state;
    struct hand *an = &fixture->an, *binh = &fixture->binh;
    begin(fixture);
    uint64_t own = an->replica;
    an->replica = binh->replica;
    is_error(say_hello(fixture, an), HOPNHAT__ERROR_CODE__ERROR_NOT_ALLOWED);
    an->replica = fixture->hub->own_replica;
    is_error(say_hello(fixture, an), HOPNHAT__ERROR_CODE__ERROR_NOT_ALLOWED);
    an->replica = 0;
    is_error(say_hello(fixture, an), HOPNHAT__ERROR_CODE__ERROR_NOT_ALLOWED);
    an->replica = own;
    begin(fixture);
    /* binh's signing key under an's number, and an's under a chain that is not its own */
    uint64_t malformed = fixture->hub->malformed;
    is_error(push_signed(fixture, an, partner(fixture, 1), &binh->signing_keys),
             HOPNHAT__ERROR_CODE__ERROR_MALFORMED);
    an->link[0] ^= 1;
    is_error(push(fixture, an, partner(fixture, 1)), HOPNHAT__ERROR_CODE__ERROR_MALFORMED);
    assert_int_equal(fixture->hub->malformed, malformed + 2);
    assert_null(hub_has(fixture, PARTNER, 1));
    others_are_unharmed(fixture);
}

static void about_sessions(void **state)
{
    struct fixture *fixture = *state;
    struct hand *an = &fixture->an, *binh = &fixture->binh;
    begin(fixture);
    an->peer.connection = binh->peer.connection; /* the session belongs to a connection */
    is_error(push(fixture, an, partner(fixture, 1)), HOPNHAT__ERROR_CODE__ERROR_SAY_HELLO);
    an->peer.connection = 77;
    is_error(push(fixture, an, partner(fixture, 1)), HOPNHAT__ERROR_CODE__ERROR_SAY_HELLO);
    assert_null(hub_has(fixture, PARTNER, 1));
    others_are_unharmed(fixture);
}

/* The admitted time lies between the last contact and the receipt, whatever is claimed. */
static void about_times(void **state)
{
    struct fixture *fixture = *state;
    struct hand *an = &fixture->an;
    struct new_op op = {.field = NAME, .value = bytes_of_string("from the future")};
    struct new_edit edit = {.type = PARTNER, .record = {1}, .ops = &op, .op_count = 1};
    begin(fixture);
    is_taken(push(fixture, an, partner(fixture, 1)));
    const uint64_t claims[] = {UINT64_MAX, (fixture->wall_ms << 16) + TEN_YEARS, 0, 1};
    for (size_t i = 0; i < sizeof claims / sizeof *claims; i++) {
        const uint64_t before = fixture->wall_ms << 16;
        fixture->wall_ms += 1000;
        is_taken(push(fixture, an, make_change(fixture, an, &edit, 1, claims[i])));
        uint64_t latest = 0;
        const Hopnhat__Field *field = record_field(hub_has(fixture, PARTNER, 1), NAME);
        for (size_t j = 0; j < field->n_entries; j++)
            if (field->entries[j]->seq == an->seq)
                latest = field->entries[j]->time;
        assert_true(latest >= before && latest <= (fixture->wall_ms + 1) << 16);
    }
    others_are_unharmed(fixture);
}

static void about_rights(void **state)
{
    struct fixture *fixture = *state;
    struct hand *an = &fixture->an, *binh = &fixture->binh;
    struct new_op rating = {.field = 17, .value = bytes_of_string("5")};
    struct new_op group = {.field = HOPNHAT__SYSTEM_FIELD__SYSTEM_GROUP,
                           .value = bytes_of_string("office:binh")};
    struct new_op name = {.field = NAME, .value = bytes_of_string("Mine")};
    struct new_op office_name = {.field = OFFICE_NAME, .value = bytes_of_string("Headquarters")};
    struct new_op version = {.field = CATALOG_VERSION, .value = bytes_of_string("7")};
    begin(fixture);
    is_taken(push(fixture, an, partner(fixture, 1)));
    is_taken(push(fixture, binh, make_record(fixture, binh, STAFF, 2, "office:binh", "binh", "Bình")));
    uint64_t quarantined = fixture->hub->quarantined;
    struct new_edit edits[] = {
        {.type = PARTNER, .record = {1}, .ops = &rating, .op_count = 1}, /* headquarters' field */
        {.type = PARTNER, .record = {1}, .ops = &group, .op_count = 1},  /* a group that it is not in */
        {.type = STAFF, .record = {2}, .ops = &name, .op_count = 1},     /* another's record */
        {.type = HOPNHAT__BUILT_IN_TYPE__TYPE_OFFICE, .ops = &office_name, .op_count = 1},
        {.type = HOPNHAT__BUILT_IN_TYPE__TYPE_CATALOG, .record = {9}, .ops = &version, .op_count = 1},
    };
    office_record_id("an", edits[3].record);
    struct new_op bare[] = {
        {.field = HOPNHAT__SYSTEM_FIELD__SYSTEM_GROUP, .value = bytes_of_string("everyone")},
        {.field = HOPNHAT__SYSTEM_FIELD__SYSTEM_OWNER, .value = bytes_of_string("an")},
    };
    struct new_edit nothing_but_new = {.type = CIRCULAR, .record = {7}, .ops = bare, .op_count = 2};
    is_refused(push(fixture, an, make_change(fixture, an, &nothing_but_new, 1, fixture->wall_ms << 16)),
               HOPNHAT__REFUSAL_REASON__REFUSED_RIGHTS);
    const size_t count = sizeof edits / sizeof *edits;
    for (size_t i = 0; i < count; i++)
        is_refused(push(fixture, an, make_change(fixture, an, &edits[i], 1, fixture->wall_ms << 16)),
                   HOPNHAT__REFUSAL_REASON__REFUSED_RIGHTS);
    is_refused(push(fixture, an, make_record(fixture, an, CIRCULAR, 3, "everyone", "an", "A directive")),
               HOPNHAT__REFUSAL_REASON__REFUSED_RIGHTS);
    is_refused(push(fixture, an, make_record(fixture, an, STAFF, 4, "office:an", "binh", "Owned by binh")),
               HOPNHAT__REFUSAL_REASON__REFUSED_RIGHTS);
    is_refused(push(fixture, an, make_record(fixture, an, STAFF, 5, "office:binh", "an", "Planted")),
               HOPNHAT__REFUSAL_REASON__REFUSED_RIGHTS);
    assert_int_equal(fixture->hub->quarantined, quarantined + count + 4);
    assert_true(bytes_equal(entry_value(hub_name(fixture, STAFF, 2)), bytes_of_string("Bình")));
    others_are_unharmed(fixture);
}

/* An office owns its own record, which is headquarters' all the same. */
static void about_its_own_office(void **state)
{
    struct fixture *fixture = *state;
    struct hand *an = &fixture->an;
    struct new_op ops[] = {
        {.field = HOPNHAT__SYSTEM_FIELD__SYSTEM_GROUP, .value = bytes_of_string("office:an")},
        {.field = HOPNHAT__SYSTEM_FIELD__SYSTEM_OWNER, .value = bytes_of_string("binh")},
    };
    struct new_edit edit = {.type = HOPNHAT__BUILT_IN_TYPE__TYPE_OFFICE, .op_count = 1};
    office_record_id("an", edit.record);
    begin(fixture);
    for (size_t i = 0; i < 2; i++) {
        edit.ops = &ops[i];
        is_refused(push(fixture, an, make_change(fixture, an, &edit, 1, fixture->wall_ms << 16)),
                   HOPNHAT__REFUSAL_REASON__REFUSED_RIGHTS);
    }
    others_are_unharmed(fixture);
}

/* A hub that came back from a backup has lost records that every office of their groups still holds: whoever
 * says first that they are his does not have them by that. */
static void about_records_that_are_not_there(void **state)
{
    struct fixture *fixture = *state;
    struct hand *an = &fixture->an, *binh = &fixture->binh;
    struct new_op own[] = {
        {.field = HOPNHAT__SYSTEM_FIELD__SYSTEM_OWNER, .value = bytes_of_string("an")},
        {.field = NAME, .value = bytes_of_string("Planted")},
    };
    static const uint32_t types[] = {PARTNER,
                                     STAFF,
                                     CIRCULAR,
                                     HOPNHAT__BUILT_IN_TYPE__TYPE_OFFICE,
                                     HOPNHAT__BUILT_IN_TYPE__TYPE_CATALOG,
                                     HOPNHAT__BUILT_IN_TYPE__TYPE_ERASURE};
    begin(fixture);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        struct new_edit edit = {.type = types[i], .record = {50}, .ops = own, .op_count = 1 + (i == 1)};
        is_refused(push(fixture, an, make_change(fixture, an, &edit, 1, fixture->wall_ms << 16)),
                   HOPNHAT__REFUSAL_REASON__REFUSED_RIGHTS);
        assert_null(hub_has(fixture, types[i], 50));
    }
    assert_false(fixture->hub->erasures);
    struct new_edit early = {.type = PARTNER, .record = {50}, .ops = own + 1, .op_count = 1};
    is_taken(push(fixture, an, make_change(fixture, an, &early, 1, fixture->wall_ms << 16)));
    is_taken(push(fixture, binh, make_record(fixture, binh, PARTNER, 50, "everyone", "binh", "B")));
    assert_true(bytes_equal(fold_owner(hub_has(fixture, PARTNER, 50)), bytes_of_string("binh")));
    others_are_unharmed(fixture);
}

/* What a change names as seen: its own future, or replicas that it does not list. */
static void about_dots(void **state)
{
    struct fixture *fixture = *state;
    struct hand *an = &fixture->an;
    struct entry_id future = {{an->replica, 900}, 0};
    struct new_op op = {.field = NAME, .value = bytes_of_string("x"), .superseded = {&future, 1}};
    struct new_edit edit = {.type = PARTNER, .record = {1}, .ops = &op, .op_count = 1};
    begin(fixture);
    is_taken(push(fixture, an, partner(fixture, 1)));
    is_refused(push(fixture, an, make_change(fixture, an, &edit, 1, fixture->wall_ms << 16)),
               HOPNHAT__REFUSAL_REASON__REFUSED_MALFORMED);
    /* the log goes on: one bad change holds nothing up */
    is_taken(push(fixture, an, partner(fixture, 2)));
    others_are_unharmed(fixture);
}

static void about_what_it_may_read(void **state)
{
    struct fixture *fixture = *state;
    struct hand *an = &fixture->an, *binh = &fixture->binh;
    char group[] = "office:binh";
    uint8_t id[RECORD_ID_BYTES] = {2}, digests[8] = {0};
    Hopnhat__Message message = HOPNHAT__MESSAGE__INIT;
    Hopnhat__Reconcile reconcile = HOPNHAT__RECONCILE__INIT;
    Hopnhat__History history = HOPNHAT__HISTORY__INIT;
    Hopnhat__Compare compare = HOPNHAT__COMPARE__INIT;
    Hopnhat__Pull pull = HOPNHAT__PULL__INIT;
    uint64_t seq = 1;
    begin(fixture);
    is_taken(push(fixture, binh, make_record(fixture, binh, STAFF, 2, group, "binh", "Bình")));
    reconcile.group = group;
    reconcile.buckets = 1;
    reconcile.digests = (ProtobufCBinaryData){8, digests};
    reconcile.credit_bytes = 100000;
    message.body_case = HOPNHAT__MESSAGE__BODY_RECONCILE;
    message.reconcile = &reconcile;
    is_error(say(fixture, an, &message), HOPNHAT__ERROR_CODE__ERROR_NOT_ALLOWED);
    history.type = STAFF;
    history.record = (ProtobufCBinaryData){sizeof id, id};
    message.body_case = HOPNHAT__MESSAGE__BODY_HISTORY;
    message.history = &history;
    const Hopnhat__Message *answer = say(fixture, an, &message);
    assert_true(answer->body_case == HOPNHAT__MESSAGE__BODY_ERROR || answer->history_answer->n_entries == 0);
    compare.replica = binh->replica;
    compare.seqs = &seq;
    compare.n_seqs = 1;
    message.body_case = HOPNHAT__MESSAGE__BODY_COMPARE;
    message.compare = &compare;
    answer = say(fixture, an, &message);
    assert_true(answer->body_case == HOPNHAT__MESSAGE__BODY_ERROR || answer->compared->links[0].len == 0);
    pull.credit_bytes = 500000;
    message.body_case = HOPNHAT__MESSAGE__BODY_PULL;
    message.pull = &pull;
    answer = say(fixture, an, &message);
    assert_int_equal(answer->body_case, HOPNHAT__MESSAGE__BODY_FEED);
    for (size_t i = 0; i < answer->feed->n_items; i++)
        assert_true(answer->feed->items[i]->record->type != STAFF);
    others_are_unharmed(fixture);
}

/* More of everything than a message may have; an answer would cost the hub as much. */
static void about_how_much_it_has(void **state)
{
    struct fixture *fixture = *state;
    struct hand *an = &fixture->an;
    Hopnhat__Message message = HOPNHAT__MESSAGE__INIT;
    Hopnhat__Hello hello = HOPNHAT__HELLO__INIT;
    Hopnhat__Compare compare = HOPNHAT__COMPARE__INIT;
    Hopnhat__Push body = HOPNHAT__PUSH__INIT;
    static Hopnhat__LogHead logs[LIMIT_LOGS_PER_AGENT + 1], *named[LIMIT_LOGS_PER_AGENT + 1];
    static uint64_t seqs[LIMIT_CHAIN_QUERIES + 1];
    static ProtobufCBinaryData changes[LIMIT_PUSH_CHANGES + 1];
    begin(fixture);
    for (size_t i = 0; i <= LIMIT_LOGS_PER_AGENT; i++) {
        hopnhat__log_head__init(&logs[i]);
        logs[i].replica = an->replica + 1000 * i;
        named[i] = &logs[i];
    }
    hello.protocol = PROTOCOL_VERSION;
    hello.logs = named;
    message.body_case = HOPNHAT__MESSAGE__BODY_HELLO;
    message.hello = &hello;
    hello.n_logs = LIMIT_LOGS_PER_AGENT + 1;
    is_error(say(fixture, an, &message), HOPNHAT__ERROR_CODE__ERROR_MALFORMED);
    hello.n_logs = 2; /* one of them twice */
    logs[1].replica = an->replica;
    is_error(say(fixture, an, &message), HOPNHAT__ERROR_CODE__ERROR_MALFORMED);
    compare.replica = an->replica;
    compare.seqs = seqs;
    compare.n_seqs = LIMIT_CHAIN_QUERIES + 1;
    message.body_case = HOPNHAT__MESSAGE__BODY_COMPARE;
    message.compare = &compare;
    is_error(say(fixture, an, &message), HOPNHAT__ERROR_CODE__ERROR_NOT_ALLOWED);
    for (size_t i = 0; i <= LIMIT_PUSH_CHANGES; i++) {
        struct bytes stored = partner(fixture, 1);
        changes[i] = (ProtobufCBinaryData){stored.size, (uint8_t *)(uintptr_t)stored.data};
    }
    body.first = 1;
    body.changes = changes;
    body.n_changes = LIMIT_PUSH_CHANGES + 1;
    message.body_case = HOPNHAT__MESSAGE__BODY_PUSH;
    message.push = &body;
    const Hopnhat__Message *answer = say(fixture, an, &message);
    is_error(answer, HOPNHAT__ERROR_CODE__ERROR_MALFORMED);
    assert_string_equal(answer->error->text, "a Push that is not well formed"); /* before it was unpacked */
    others_are_unharmed(fixture);
}

/* What comes of a log after it was revoked waits for a person, and is not merged. */
static void about_a_log_that_was_revoked(void **state)
{
    struct fixture *fixture = *state;
    struct hand *an = &fixture->an;
    begin(fixture);
    is_taken(push(fixture, an, partner(fixture, 1)));
    const uint64_t quarantined = fixture->hub->quarantined;
    registry_replica(fixture->hub, an->replica)->revoked = true;
    is_refused(push(fixture, an, partner(fixture, 2)), HOPNHAT__REFUSAL_REASON__REFUSED_REVOKED);
    assert_int_equal(fixture->hub->quarantined, quarantined + 1);
    assert_null(hub_has(fixture, PARTNER, 2));
    registry_installation(fixture->hub, an->peer.key)->revoked = true; /* and in a session there is no more */
    is_error(push(fixture, an, partner(fixture, 3)), HOPNHAT__ERROR_CODE__ERROR_NOT_ALLOWED);
    is_error(say_hello(fixture, an), HOPNHAT__ERROR_CODE__ERROR_NOT_ALLOWED);
    assert_false(hub_admits(fixture->hub, an->peer.key, NULL, fixture->wall_ms));
    others_are_unharmed(fixture);
}

/* Messages with some of their bits turned. They are an's own, so its log may take harm: nothing else may. */
static void anything_at_all(void **state)
{
    struct fixture *fixture = *state;
    struct hand *an = &fixture->an;
    const struct hub_outlet outlet = {fixture, keep_answer};
    uint64_t random = 1;
    begin(fixture);
    is_taken(push(fixture, &fixture->binh,
                  make_record(fixture, &fixture->binh, PARTNER, 1, "everyone", "binh", "before")));
    Hopnhat__Message valid = HOPNHAT__MESSAGE__INIT;
    Hopnhat__Push body = HOPNHAT__PUSH__INIT;
    struct bytes stored = partner(fixture, 50);
    ProtobufCBinaryData change = {stored.size, (uint8_t *)(uintptr_t)stored.data};
    uint8_t signature[SIGNATURE_BYTES] = {0};
    body.first = 1;
    body.n_changes = 1;
    body.changes = &change;
    body.signature = (ProtobufCBinaryData){sizeof signature, signature};
    valid.has_request = true;
    valid.body_case = HOPNHAT__MESSAGE__BODY_PUSH;
    valid.push = &body;
    for (uint32_t round = 0; round < 20000; round++) {
        valid.request = round + 1000;
        uint8_t packed[1000];
        size_t size = hopnhat__message__pack(&valid, packed);
        for (unsigned flips = 1 + round % 5; flips; flips--) {
            random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
            packed[(random >> 33) % size] ^= (uint8_t)(1 << (random >> 60) % 8);
        }
        struct arena arena;
        arena_init(&arena, 1 << 20);
        Hopnhat__Message *message = hopnhat__message__unpack(&arena.protobuf, size, packed);
        if (message) {
            hub_receive(fixture->hub, &an->peer, message, fixture->wall_ms, &outlet);
            hub_turn(fixture->hub, &outlet);
        }
        arena_release(&arena);
        if (round % 1000 == 0)
            begin(fixture); /* a mutated message may well have ended the session */
    }
    assert_null(hub_has(fixture, PARTNER, 50));
    assert_true(bytes_equal(entry_value(hub_name(fixture, PARTNER, 1)), bytes_of_string("before")));
    begin(fixture);
    others_are_unharmed(fixture);
}

/* Each of its messages is refused with a word in the hub's log: which is not filled by them. */
static void so_that_the_hub_complains(void **state)
{
    struct fixture *fixture = *state;
    struct hand *an = &fixture->an;
    struct signing_keys other;
    FILE *file = tmpfile();
    int former = dup(STDERR_FILENO);
    begin(fixture);
    signing_keys_generate(&other);
    struct bytes change = partner(fixture, 1);
    assert_true(file && former >= 0 && dup2(fileno(file), STDERR_FILENO) >= 0);
    for (int i = 0; i < 1000; i++)
        push_signed(fixture, an, change, &other);
    assert_true(dup2(former, STDERR_FILENO) >= 0);
    close(former);
    assert_true(ftell(file) >= 0 && fseek(file, 0, SEEK_END) == 0);
    assert_in_range(ftell(file), 100, 2 * LOG_BURST * 200);
    fclose(file);
    others_are_unharmed(fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        /* first: the others use up what may be told in this minute */
        cmocka_unit_test_setup_teardown(so_that_the_hub_complains, fixture_start, fixture_end),
        cmocka_unit_test_setup_teardown(about_seqs, fixture_start, fixture_end),
        cmocka_unit_test_setup_teardown(about_what_is_lost, fixture_start, fixture_end),
        cmocka_unit_test_setup_teardown(about_whose_log_it_is, fixture_start, fixture_end),
        cmocka_unit_test_setup_teardown(about_sessions, fixture_start, fixture_end),
        cmocka_unit_test_setup_teardown(about_times, fixture_start, fixture_end),
        cmocka_unit_test_setup_teardown(about_rights, fixture_start, fixture_end),
        cmocka_unit_test_setup_teardown(about_its_own_office, fixture_start, fixture_end),
        cmocka_unit_test_setup_teardown(about_records_that_are_not_there, fixture_start, fixture_end),
        cmocka_unit_test_setup_teardown(about_dots, fixture_start, fixture_end),
        cmocka_unit_test_setup_teardown(about_what_it_may_read, fixture_start, fixture_end),
        cmocka_unit_test_setup_teardown(about_how_much_it_has, fixture_start, fixture_end),
        cmocka_unit_test_setup_teardown(about_a_log_that_was_revoked, fixture_start, fixture_end),
        cmocka_unit_test_setup_teardown(anything_at_all, fixture_start, fixture_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
