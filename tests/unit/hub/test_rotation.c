/* New keys of an installation: taken on its own word only, and the former ones until the new ones were used.
 */
#include "hub/rotation.h"
#include "unit/hub/fixture.h"

static Hopnhat__Message *rotate_message(struct fixture *fixture, const struct hand *hand,
                                        const struct link_keys *link, const struct signing_keys *signing,
                                        const struct signing_keys *signer)
{
    Hopnhat__Message *message = arena_alloc(&fixture->arena, sizeof *message);
    Hopnhat__Rotate *rotate = arena_alloc(&fixture->arena, sizeof *rotate);
    uint8_t text[ROTATION_TEXT_BYTES], *signature = arena_alloc(&fixture->arena, SIGNATURE_BYTES);
    hopnhat__message__init(message);
    hopnhat__rotate__init(rotate);
    keys_rotation_text(hand->link_keys.public_key, link->public_key, signing->public_key, text);
    keys_sign(signer, bytes_of(text, sizeof text), signature);
    rotate->link_key.len = LINK_KEY_BYTES;
    rotate->link_key.data = arena_copy(&fixture->arena, link->public_key, LINK_KEY_BYTES);
    rotate->signing_key.len = SIGNING_KEY_BYTES;
    rotate->signing_key.data = arena_copy(&fixture->arena, signing->public_key, SIGNING_KEY_BYTES);
    rotate->signature = (ProtobufCBinaryData){SIGNATURE_BYTES, signature};
    message->body_case = HOPNHAT__MESSAGE__BODY_ROTATE;
    message->rotate = rotate;
    return message;
}

static void take_keys(struct hand *hand, const struct link_keys *link, const struct signing_keys *signing)
{
    hand->link_keys = *link;
    hand->signing_keys = *signing;
    memcpy(hand->peer.key, link->public_key, LINK_KEY_BYTES);
    hand->peer.connection += 100;
}

static Hopnhat__Message__BodyCase kind_of(const Hopnhat__Message *answer)
{
    return answer ? answer->body_case : HOPNHAT__MESSAGE__BODY__NOT_SET;
}

static void nobody_else_announces_keys(void **state)
{
    struct fixture *fixture = *state;
    struct hand *an = &fixture->an, *binh = &fixture->binh;
    struct link_keys link;
    struct signing_keys signing;
    link_keys_generate(&link);
    signing_keys_generate(&signing);
    say_hello(fixture, an);
    say_hello(fixture, binh);
    const struct signing_keys *wrong[] = {&signing, &binh->signing_keys};
    for (size_t i = 0; i < 2; i++) /* whoever has the link alone cannot put keys of its own in place */
        assert_int_equal(kind_of(say(fixture, an, rotate_message(fixture, an, &link, &signing, wrong[i]))),
                         HOPNHAT__MESSAGE__BODY_ERROR);
    /* nor can another's keys be taken over */
    assert_int_equal(
        kind_of(say(fixture, an, rotate_message(fixture, an, &binh->link_keys, &signing, &an->signing_keys))),
        HOPNHAT__MESSAGE__BODY_ERROR);
    assert_false(hub_admits(fixture->hub, link.public_key, NULL, fixture->wall_ms));
    assert_int_equal(kind_of(say_hello(fixture, an)), HOPNHAT__MESSAGE__BODY_WELCOME);
}

static void former_keys_count_until_the_new_ones_are_used(void **state)
{
    struct fixture *fixture = *state;
    struct hand *an = &fixture->an, old = fixture->an;
    struct link_keys link;
    struct signing_keys signing;
    struct error error;
    link_keys_generate(&link);
    signing_keys_generate(&signing);
    say_hello(fixture, an);
    Hopnhat__Message *message = rotate_message(fixture, an, &link, &signing, &an->signing_keys);
    assert_int_equal(kind_of(say(fixture, an, message)), HOPNHAT__MESSAGE__BODY_ROTATED);
    /* the answer was lost: the same again, and work goes on under the present keys */
    assert_int_equal(kind_of(say(fixture, an, message)), HOPNHAT__MESSAGE__BODY_ROTATED);
    struct bytes change = make_record(fixture, an, PARTNER, 1, "everyone", "an", "One");
    assert_int_equal(kind_of(push(fixture, an, change)), HOPNHAT__MESSAGE__BODY_ACK);
    assert_int_equal(an->seq, 1);
    old = *an;
    take_keys(an, &link, &signing);
    assert_true(hub_admits(fixture->hub, link.public_key, NULL, fixture->wall_ms));
    assert_int_equal(kind_of(say_hello(fixture, an)), HOPNHAT__MESSAGE__BODY_WELCOME);
    assert_int_equal(
        kind_of(push(fixture, an, make_record(fixture, an, PARTNER, 2, "everyone", "an", "Two"))),
        HOPNHAT__MESSAGE__BODY_ACK);
    assert_int_equal(an->seq, 2);
    assert_false(hub_admits(fixture->hub, old.peer.key, NULL, fixture->wall_ms));
    assert_int_equal(kind_of(push(fixture, &old, change)), HOPNHAT__MESSAGE__BODY_ERROR);
    assert_int_equal(kind_of(say_hello(fixture, &old)), HOPNHAT__MESSAGE__BODY_ERROR);
    assert_true(hub_reload(fixture->hub, &error)); /* nor after a new start */
    assert_false(hub_admits(fixture->hub, old.peer.key, NULL, fixture->wall_ms));
    assert_int_equal(kind_of(say_hello(fixture, &old)), HOPNHAT__MESSAGE__BODY_ERROR);
    /* what is signed by the former key is not taken any more */
    say_hello(fixture, an);
    struct bytes late = make_record(fixture, an, PARTNER, 3, "everyone", "an", "Three");
    assert_int_equal(kind_of(push_signed(fixture, an, late, &old.signing_keys)),
                     HOPNHAT__MESSAGE__BODY_ERROR);
    assert_int_equal(an->seq, 2);
}

/* A link may hold for weeks: whoever is connected is told as well. */
static void who_is_in_session_hears_of_the_hub_s_next_key(void **state)
{
    struct fixture *fixture = *state;
    struct error error;
    Hopnhat__Message message = HOPNHAT__MESSAGE__INIT;
    Hopnhat__Pull pull = HOPNHAT__PULL__INIT;
    message.body_case = HOPNHAT__MESSAGE__BODY_PULL;
    message.pull = &pull;
    pull.has_credit_bytes = true;
    pull.credit_bytes = 1 << 20;
    assert_false(say_hello(fixture, &fixture->an)->welcome->has_next_hub_key);
    assert_int_equal(kind_of(say(fixture, &fixture->an, &message)), HOPNHAT__MESSAGE__BODY_FEED);
    assert_true(rotation_begin(fixture->hub, &error));
    const Hopnhat__Message *answer = say(fixture, &fixture->an, &message);
    assert_int_equal(kind_of(answer), HOPNHAT__MESSAGE__BODY_ERROR);
    assert_int_equal(answer->error->code, HOPNHAT__ERROR_CODE__ERROR_SAY_HELLO);
    assert_true(say_hello(fixture, &fixture->an)->welcome->has_next_hub_key);
    assert_int_equal(kind_of(say(fixture, &fixture->an, &message)), HOPNHAT__MESSAGE__BODY_FEED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(who_is_in_session_hears_of_the_hub_s_next_key, fixture_start,
                                        fixture_end),
        cmocka_unit_test_setup_teardown(nobody_else_announces_keys, fixture_start, fixture_end),
        cmocka_unit_test_setup_teardown(former_keys_count_until_the_new_ones_are_used, fixture_start,
                                        fixture_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
