/* What one office sends in a day is bounded, and nothing is taken from any while the disk is nearly full: the
 * others, and headquarters itself, go on. */
#include "unit/hub/fixture.h"

#include "hub/intake.h"
#include "store/key.h"

enum { DAY_MS = 24 * 3600 * 1000 };

static struct bytes partner(struct fixture *fixture, struct hand *hand, uint8_t number)
{
    return make_record(fixture, hand, PARTNER, number, "everyone", hand == &fixture->an ? "an" : "binh",
                       "a partner");
}

static void is_taken(const Hopnhat__Message *answer)
{
    assert_non_null(answer);
    assert_int_equal(answer->body_case, HOPNHAT__MESSAGE__BODY_ACK);
    assert_int_equal(answer->ack->n_refusals, 0);
}

static void waits(const Hopnhat__Message *answer, const char *why)
{
    assert_non_null(answer);
    assert_int_equal(answer->body_case, HOPNHAT__MESSAGE__BODY_BUSY);
    assert_true(answer->busy->retry_ms >= 1000);
    assert_non_null(strstr(answer->busy->reason, why));
}

static void begin(struct fixture *fixture)
{
    assert_int_equal(say_hello(fixture, &fixture->an)->body_case, HOPNHAT__MESSAGE__BODY_WELCOME);
    assert_int_equal(say_hello(fixture, &fixture->binh)->body_case, HOPNHAT__MESSAGE__BODY_WELCOME);
}

static void test_an_office_may_send_so_much_a_day(void **state)
{
    struct fixture *fixture = *state;
    struct hand *an = &fixture->an, *binh = &fixture->binh;
    begin(fixture);
    const struct bytes first = partner(fixture, an, 1);
    is_taken(push(fixture, an, first));
    assert_int_equal(intake_today(fixture->hub, "an", fixture->wall_ms), first.size);
    fixture->hub->intake.office_bytes_a_day = first.size + 1;
    is_taken(push(fixture, an, partner(fixture, an, 2)));
    waits(push(fixture, an, partner(fixture, an, 3)), "as much today");
    begin(fixture); /* it may say Hello as often as it likes */
    waits(push(fixture, an, partner(fixture, an, 3)), "as much today");
    assert_true(intake_is_spent(fixture->hub, "an", fixture->wall_ms));
    struct error error;
    assert_true(hub_reload(fixture->hub, &error)); /* as after a Join that was refused */
    waits(push(fixture, an, partner(fixture, an, 3)), "as much today");
    is_taken(push(fixture, binh, partner(fixture, binh, 200)));
    fixture->wall_ms += DAY_MS;
    is_taken(push(fixture, an, partner(fixture, an, 3)));
    is_taken(push(fixture, an, partner(fixture, an, 4)));
    waits(push(fixture, an, partner(fixture, an, 5)), "as much today");
    fixture->hub->intake.office_bytes_a_day = 0;
    is_taken(push(fixture, an, partner(fixture, an, 5)));
}

/* A row of the store that cannot be read stands in the way of the last: each is taken by itself then. */
static void test_what_is_taken_singly_counts_too(void **state)
{
    enum { COUNT = 3 };
    struct fixture *fixture = *state;
    struct hand *an = &fixture->an;
    const struct hand before = *an;
    uint8_t id[RECORD_ID_BYTES] = {COUNT}, text[SIGNED_LINK_BYTES], signature[SIGNATURE_BYTES];
    Hopnhat__Message message = HOPNHAT__MESSAGE__INIT;
    Hopnhat__Push body = HOPNHAT__PUSH__INIT;
    ProtobufCBinaryData changes[COUNT];
    struct transaction transaction;
    struct error error;
    struct key key;
    size_t bytes = 0;
    begin(fixture);
    key_record(&key, PARTNER, id);
    assert_true(transaction_begin(&transaction, fixture->hub->environment, true, &error));
    transaction_put(&transaction, HUB_RECORD, key_bytes(&key), bytes_of_string("no record"));
    assert_true(transaction_commit(&transaction, &error));
    for (uint8_t i = 0; i < COUNT; i++) {
        const struct bytes stored = partner(fixture, an, i + 1);
        changes[i] = (ProtobufCBinaryData){stored.size, (uint8_t *)(uintptr_t)stored.data};
        bytes += i + 1 < COUNT ? stored.size : 0;
        next_link(an, stored, an->link);
        an->seq++;
    }
    chain_signed_text(an->replica, an->seq, an->link, text);
    keys_sign(&an->signing_keys, bytes_of(text, sizeof text), signature);
    body.first = before.seq + 1;
    body.n_changes = COUNT;
    body.changes = changes;
    body.signature = (ProtobufCBinaryData){sizeof signature, signature};
    message.body_case = HOPNHAT__MESSAGE__BODY_PUSH;
    message.push = &body;
    const Hopnhat__Message *answer = say(fixture, an, &message);
    assert_int_equal(answer->body_case, HOPNHAT__MESSAGE__BODY_BUSY);
    assert_int_equal(registry_replica(fixture->hub, an->replica)->watermark, COUNT - 1);
    assert_int_equal(intake_today(fixture->hub, "an", fixture->wall_ms), bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_an_office_may_send_so_much_a_day, fixture_start, fixture_end),
        cmocka_unit_test_setup_teardown(test_what_is_taken_singly_counts_too, fixture_start, fixture_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
