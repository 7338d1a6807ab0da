/* Personal data of an office: every byte that another office's installation is ever sent, whatever it asks,
 * is searched for it. */
#include "unit/hub/fixture.h"

enum { FIRST = 1, SECOND = 2 };

static const char *const secrets[] = {"Trần Thị Bí Mật", "0901234567", "Secret of headquarters",
                                      "Moved away"};

/* Everything that was sent to the other office. */
struct capture {
    struct fixture *fixture;
    const struct hand *hand;
    uint8_t *bytes;
    size_t size;
    Hopnhat__Message *last;
    uint32_t applied; /* request of the last part that was taken */
};

static bool capture_message(void *context, const struct link_peer *peer, const Hopnhat__Message *message)
{
    struct capture *capture = context;
    size_t size = hopnhat__message__get_packed_size(message);
    if (peer->connection != capture->hand->peer.connection)
        return true;
    capture->bytes = realloc(capture->bytes, capture->size + size + 1);
    assert_non_null(capture->bytes);
    hopnhat__message__pack(message, capture->bytes + capture->size);
    capture->last =
        hopnhat__message__unpack(&capture->fixture->arena.protobuf, size, capture->bytes + capture->size);
    capture->size += size;
    return true;
}

static const Hopnhat__Message *ask(struct capture *capture, struct hand *hand, Hopnhat__Message *message)
{
    const struct hub_outlet outlet = {capture, capture_message};
    struct fixture *fixture = capture->fixture;
    message->has_request = true;
    message->request = ++hand->request;
    capture->last = NULL;
    hub_receive(fixture->hub, &hand->peer, message, fixture->wall_ms, &outlet);
    hub_turn(fixture->hub, &outlet);
    return capture->last;
}

/* Says Hello as one who stands in the first office's group already. */
static void greet(struct capture *capture, struct hand *hand)
{
    Hopnhat__Message message = HOPNHAT__MESSAGE__INIT;
    Hopnhat__Hello hello = HOPNHAT__HELLO__INIT;
    Hopnhat__LogHead log = HOPNHAT__LOG_HEAD__INIT, *logs[] = {&log};
    Hopnhat__Cursor cursor = HOPNHAT__CURSOR__INIT, *cursors[] = {&cursor};
    log.replica = hand->replica;
    log.head = hand->seq;
    static char group[] = "office:an";
    cursor.group = group;
    hello.protocol = PROTOCOL_VERSION;
    hello.has_epoch = true;
    hello.epoch = capture->fixture->hub->epoch;
    hello.n_logs = hello.n_cursors = 1;
    hello.logs = logs;
    hello.cursors = cursors;
    message.body_case = HOPNHAT__MESSAGE__BODY_HELLO;
    message.hello = &hello;
    const Hopnhat__Message *answer = ask(capture, hand, &message);
    assert_int_equal(answer->body_case, HOPNHAT__MESSAGE__BODY_WELCOME);
    capture->applied = 0;
}

static void pull_to_the_head(struct capture *capture, struct hand *hand)
{
    for (int part = 0; part < 50; part++) {
        Hopnhat__Message message = HOPNHAT__MESSAGE__INIT;
        Hopnhat__Pull pull = HOPNHAT__PULL__INIT;
        pull.has_applied = capture->applied != 0;
        pull.applied = hand->request + 1 - capture->applied;
        pull.has_credit_bytes = pull.has_wait_ms = true; /* and does not wait */
        pull.credit_bytes = 300;                         /* many parts */
        message.body_case = HOPNHAT__MESSAGE__BODY_PULL;
        message.pull = &pull;
        const Hopnhat__Message *answer = ask(capture, hand, &message);
        assert_non_null(answer);
        assert_int_equal(answer->body_case, HOPNHAT__MESSAGE__BODY_FEED);
        for (size_t i = 0; i < answer->feed->n_groups; i++)
            assert_string_not_equal(answer->feed->groups[i], "office:an");
        capture->applied = answer->request;
        if (answer->feed->head || answer->feed->has_advance)
            return;
    }
    fail_msg("the head is not reached");
}

/* Asks in every way for what is not its own. */
static void pry(struct capture *capture, struct hand *hand, uint64_t replica)
{
    static const char *const groups[] = {"office:an", "everyone", "headquarters:decisions"};
    uint8_t digests[8 * 256] = {0}, id[RECORD_ID_BYTES] = {FIRST};
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
        Hopnhat__Message message = HOPNHAT__MESSAGE__INIT;
        Hopnhat__Reconcile reconcile = HOPNHAT__RECONCILE__INIT;
        reconcile.group = (char *)(uintptr_t)groups[i];
        reconcile.buckets = 256;
        reconcile.digests = (ProtobufCBinaryData){sizeof digests, digests};
        reconcile.credit_bytes = 1 << 20;
        message.body_case = HOPNHAT__MESSAGE__BODY_RECONCILE;
        message.reconcile = &reconcile;
        ask(capture, hand, &message);
    }
    for (int as_of = 0; as_of < 2; as_of++) {
        Hopnhat__Message message = HOPNHAT__MESSAGE__INIT;
        Hopnhat__History history = HOPNHAT__HISTORY__INIT;
        history.type = STAFF;
        history.record = (ProtobufCBinaryData){sizeof id, id};
        history.has_as_of_ms = as_of;
        history.as_of_ms = UINT64_MAX >> 16;
        message.body_case = HOPNHAT__MESSAGE__BODY_HISTORY;
        message.history = &history;
        ask(capture, hand, &message);
    }
    Hopnhat__Message message = HOPNHAT__MESSAGE__INIT;
    Hopnhat__Compare compare = HOPNHAT__COMPARE__INIT;
    uint64_t seqs[] = {1, 2, 3};
    compare.replica = replica;
    compare.n_seqs = 3;
    compare.seqs = seqs;
    message.body_case = HOPNHAT__MESSAGE__BODY_COMPARE;
    message.compare = &compare;
    assert_int_equal(ask(capture, hand, &message)->body_case, HOPNHAT__MESSAGE__BODY_ERROR);
    Hopnhat__Message keep = HOPNHAT__MESSAGE__INIT;
    Hopnhat__Custody custody = HOPNHAT__CUSTODY__INIT;
    keep.body_case = HOPNHAT__MESSAGE__BODY_CUSTODY;
    keep.custody = &custody;
    assert_int_equal(ask(capture, hand, &keep)->body_case, HOPNHAT__MESSAGE__BODY_CUSTODY);
}

/* Writes one field of a record of staff, as the hand or as headquarters (NULL). */
static void write_staff(struct fixture *fixture, struct hand *hand, uint8_t number, uint32_t field,
                        const char *text)
{
    struct error error;
    struct new_op op = {.field = field, .value = bytes_of_string(text)};
    struct new_edit edit = {.type = STAFF, .record = {number}, .ops = &op, .op_count = 1};
    if (hand)
        push(fixture, hand, make_change(fixture, hand, &edit, 1, fixture->wall_ms << 16));
    else if (!headquarters_write(fixture->hub, &edit, 1, "hq", fixture->wall_ms, &error))
        fail_msg("%s", error.text);
}

static void personal_data_stays_in_its_group(void **state)
{
    struct fixture *fixture = *state;
    struct hand *an = &fixture->an, *binh = &fixture->binh;
    struct capture capture = {.fixture = fixture, .hand = binh};
    say_hello(fixture, an);
    greet(&capture, binh);
    push(fixture, an, make_record(fixture, an, STAFF, FIRST, "office:an", "an", secrets[0]));
    push(fixture, an, make_record(fixture, an, PARTNER, SECOND, "everyone", "an", "In the open"));
    pull_to_the_head(&capture, binh);
    write_staff(fixture, an, FIRST, NAME, secrets[1]);
    write_staff(fixture, NULL, FIRST, NAME, secrets[2]);
    /* the other office writes to it, and is refused: the reason says nothing of it */
    write_staff(fixture, binh, FIRST, NAME, "Mine");
    pull_to_the_head(&capture, binh);
    pry(&capture, binh, an->replica);
    /* headquarters hands it to the other office and takes it back: what is written later stays away */
    push(fixture, an, make_record(fixture, an, STAFF, SECOND, "office:an", "an", "Shown for a while"));
    write_staff(fixture, NULL, SECOND, HOPNHAT__SYSTEM_FIELD__SYSTEM_GROUP, "office:binh");
    pull_to_the_head(&capture, binh);
    write_staff(fixture, NULL, SECOND, HOPNHAT__SYSTEM_FIELD__SYSTEM_GROUP, "office:an");
    write_staff(fixture, NULL, SECOND, NAME, secrets[3]);
    greet(&capture, binh);
    pull_to_the_head(&capture, binh);
    pry(&capture, binh, an->replica);
    assert_true(memmem(capture.bytes, capture.size, "In the open", 11) != NULL);
    assert_true(memmem(capture.bytes, capture.size, "Shown for a while", 17) != NULL);
    for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++)
        if (memmem(capture.bytes, capture.size, secrets[i], strlen(secrets[i])))
            fail_msg("\"%s\" was sent to an office that is not in its group", secrets[i]);
    assert_true(bytes_equal(entry_value(hub_name(fixture, STAFF, FIRST)), bytes_of_string(secrets[2])));
    free(capture.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(personal_data_stays_in_its_group, fixture_start, fixture_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
