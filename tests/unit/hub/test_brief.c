/* Pushes of changes in their brief form: made whole with what the hub has, or asked for in another way. */
#include "fixture.h"

static const uint8_t KEY[SEED_KEY_BYTES] = {4, 5, 6}, OTHER_KEY[SEED_KEY_BYTES] = {7};

/* A session of `an` with that key (NULL: none). */
static void greet(struct fixture *fixture, const uint8_t *key)
{
    Hopnhat__Message message = HOPNHAT__MESSAGE__INIT;
    Hopnhat__Hello hello = HOPNHAT__HELLO__INIT;
    Hopnhat__LogHead log = HOPNHAT__LOG_HEAD__INIT, *logs[] = {&log};
    log.replica = fixture->an.replica;
    log.head = fixture->an.seq;
    hello.protocol = PROTOCOL_VERSION;
    hello.n_logs = 1;
    hello.logs = logs;
    hello.has_seed_key = key != NULL;
    hello.seed_key = (ProtobufCBinaryData){SEED_KEY_BYTES, (uint8_t *)(uintptr_t)key};
    message.body_case = HOPNHAT__MESSAGE__BODY_HELLO;
    message.hello = &hello;
    const Hopnhat__Message *answer = say(fixture, &fixture->an, &message);
    assert_int_equal(answer->body_case, HOPNHAT__MESSAGE__BODY_WELCOME);
}

/* What the next change of `an` is told after. */
struct next {
    struct dot dot;
    struct bytes stored;
    struct change change;
    Hopnhat__Change before;
};

/* A new name for partner 1 in place of the entry `seen`, with the seed that KEY makes. */
static void make_next(struct fixture *fixture, struct entry_id seen, const char *name, struct next *next)
{
    struct error error;
    struct new_op op = {.field = NAME, .value = bytes_of_string(name), .superseded = {&seen, 1}};
    struct new_edit edit = {.type = PARTNER, .record = {1}, .ops = &op, .op_count = 1};
    struct new_change change = {.replica = fixture->an.replica,
                                .time = fixture->wall_ms << 16 | 2,
                                .catalog_tag = catalog_tag(fixture->hub->catalog),
                                .author = "someone",
                                .edits = &edit,
                                .edit_count = 1};
    static char author[] = "someone";
    next->dot = (struct dot){fixture->an.replica, fixture->an.seq + 1};
    brief_seed(KEY, next->dot, change.seed);
    if (!change_pack(&change, &fixture->arena, &next->stored, &error) ||
        !change_unpack(&next->change, next->dot, next->stored, &fixture->arena, &error))
        fail_msg("%s", error.text);
    hopnhat__change__init(&next->before);
    next->before.time = fixture->wall_ms << 16;
    next->before.catalog = change.catalog_tag;
    next->before.author = author;
}

/* Pushes it in its brief form, without its seed. */
static const Hopnhat__Message *push_brief(struct fixture *fixture, const struct next *next)
{
    struct hand *hand = &fixture->an;
    Hopnhat__Message message = HOPNHAT__MESSAGE__INIT;
    Hopnhat__Push push = HOPNHAT__PUSH__INIT;
    uint8_t link[LINK_BYTES], text[SIGNED_LINK_BYTES], signature[SIGNATURE_BYTES];
    if (next->dot.seq == hand->seq) /* it was taken before */
        memcpy(link, hand->link, LINK_BYTES);
    else
        next_link(hand, next->stored, link);
    chain_signed_text(hand->replica, next->dot.seq, link, text);
    keys_sign(&hand->signing_keys, bytes_of(text, sizeof text), signature);
    push.first = next->dot.seq;
    push.has_age_ms = true;
    push.signature = (ProtobufCBinaryData){sizeof signature, signature};
    push.brief = brief_make(&next->change, next->stored, &next->before, KEY, &fixture->arena);
    assert_non_null(push.brief);
    assert_false(push.brief->has_seed);
    message.body_case = HOPNHAT__MESSAGE__BODY_PUSH;
    message.push = &push;
    const Hopnhat__Message *answer = say(fixture, hand, &message);
    if (answer->body_case == HOPNHAT__MESSAGE__BODY_ACK && next->dot.seq == hand->seq + 1) {
        hand->seq++;
        memcpy(hand->link, link, LINK_BYTES);
    }
    return answer;
}

static void assert_named(struct fixture *fixture, const char *name)
{
    const Hopnhat__Entry *entry = hub_name(fixture, PARTNER, 1);
    assert_non_null(entry);
    assert_int_equal(entry->value.len, strlen(name));
    assert_memory_equal(entry->value.data, name, strlen(name));
}

static void assert_error(const Hopnhat__Message *answer, Hopnhat__ErrorCode code)
{
    assert_int_equal(answer->body_case, HOPNHAT__MESSAGE__BODY_ERROR);
    assert_int_equal(answer->error->code, code);
}

/* `an` has made partner 1 in a session with that key; returns the entry of its name. */
static struct entry_id begin(struct fixture *fixture, const uint8_t *key)
{
    greet(fixture, key);
    const struct bytes made = make_record(fixture, &fixture->an, PARTNER, 1, GROUP_EVERYONE, "an", "Oxfam");
    assert_int_equal(push(fixture, &fixture->an, made)->body_case, HOPNHAT__MESSAGE__BODY_ACK);
    return (struct entry_id){{fixture->an.replica, 1}, 2};
}

static void is_made_whole_with_what_the_hub_has(void **state)
{
    struct fixture *fixture = *state;
    struct next next;
    make_next(fixture, begin(fixture, KEY), "Oxfam Quebec", &next);
    assert_int_equal(next.dot.seq, 2);
    assert_int_equal(push_brief(fixture, &next)->body_case, HOPNHAT__MESSAGE__BODY_ACK);
    assert_named(fixture, "Oxfam Quebec");
    assert_int_equal(registry_replica(fixture->hub, fixture->an.replica)->watermark, 2);
}

static void what_came_before_is_acknowledged_again(void **state)
{
    struct fixture *fixture = *state;
    struct next next;
    make_next(fixture, begin(fixture, KEY), "Oxfam Quebec", &next);
    push_brief(fixture, &next);
    greet(fixture, OTHER_KEY);
    assert_int_equal(push_brief(fixture, &next)->body_case, HOPNHAT__MESSAGE__BODY_ACK);
    assert_int_equal(registry_replica(fixture->hub, fixture->an.replica)->watermark, 2);
}

/* A restored hub may lack the change that the author saw. */
static void what_rests_on_something_unknown_is_asked_for_whole(void **state)
{
    struct fixture *fixture = *state;
    struct next next;
    begin(fixture, KEY);
    make_next(fixture, (struct entry_id){{UINT64_C(0x7777), 9}, 0}, "Oxfam Quebec", &next);
    assert_error(push_brief(fixture, &next), HOPNHAT__ERROR_CODE__ERROR_SAY_HELLO);
    assert_int_equal(push(fixture, &fixture->an, next.stored)->body_case, HOPNHAT__MESSAGE__BODY_ACK);
}

static void a_key_that_is_gone_is_asked_for(void **state)
{
    struct fixture *fixture = *state;
    struct next next;
    make_next(fixture, begin(fixture, KEY), "Oxfam Quebec", &next);
    session_forget_seed_keys(fixture->hub); /* something was erased */
    assert_error(push_brief(fixture, &next), HOPNHAT__ERROR_CODE__ERROR_SAY_HELLO);
    greet(fixture, NULL);
    assert_error(push_brief(fixture, &next), HOPNHAT__ERROR_CODE__ERROR_SAY_HELLO);
}

/* What comes out is not what was signed. */
static void a_wrong_key_is_no_way_in(void **state)
{
    struct fixture *fixture = *state;
    struct next next;
    make_next(fixture, begin(fixture, OTHER_KEY), "Oxfam Quebec", &next);
    assert_error(push_brief(fixture, &next), HOPNHAT__ERROR_CODE__ERROR_MALFORMED);
    assert_named(fixture, "Oxfam");
}

int main(void)
{
    alarm(300);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(is_made_whole_with_what_the_hub_has, fixture_start, fixture_end),
        cmocka_unit_test_setup_teardown(what_came_before_is_acknowledged_again, fixture_start, fixture_end),
        cmocka_unit_test_setup_teardown(what_rests_on_something_unknown_is_asked_for_whole, fixture_start,
                                        fixture_end),
        cmocka_unit_test_setup_teardown(a_key_that_is_gone_is_asked_for, fixture_start, fixture_end),
        cmocka_unit_test_setup_teardown(a_wrong_key_is_no_way_in, fixture_start, fixture_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
