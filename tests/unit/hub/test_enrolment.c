/* A code admits one installation, once; who asks again gets the same answer, and nobody learns from a
 * refusal. */
#include "made_hub.h"

#include "hub/enrolment.h"
#include "hub/revocation.h"
#include "hub/session.h"

enum { HOUR_MS = 3600 * 1000 };

struct asking {
    struct link_keys link;
    struct signing_keys signing;
    Hopnhat__Join join;
};

static void new_keys(struct asking *asking)
{
    link_keys_generate(&asking->link);
    signing_keys_generate(&asking->signing);
    hopnhat__join__init(&asking->join);
    asking->join.protocol = 1;
    asking->join.link_key = (ProtobufCBinaryData){LINK_KEY_BYTES, asking->link.public_key};
    asking->join.signing_key = (ProtobufCBinaryData){SIGNING_KEY_BYTES, asking->signing.public_key};
}

static struct link_keys new_code(struct made_hub *made, const char *office)
{
    char text[ENROLMENT_CODE_TEXT_BYTES];
    struct enrolment_code code;
    struct link_keys once;
    struct error error;
    assert_true(enrolment_create(made->hub, office, WALL_MS, HOUR_MS, text, &error));
    assert_true(enrolment_code_parse(text, &code, &error));
    assert_true(link_keys_from_seed(&once, code.seed, &error));
    return once;
}

static const Hopnhat__Joined *join_at(struct made_hub *made, const struct link_keys *once,
                                      const struct asking *asking, uint64_t wall_ms, struct error *error)
{
    return enrolment_join(made->hub, once->public_key, &asking->join, wall_ms, &made->arena, error);
}

static void test_a_lost_answer_is_given_again(void **state)
{
    struct made_hub *made = *state;
    struct link_keys once = new_code(made, "hue");
    struct asking mine, other;
    struct error error;
    new_keys(&mine);
    new_keys(&other);
    const Hopnhat__Joined *first = join_at(made, &once, &mine, WALL_MS, &error);
    assert_non_null(first);
    made_reopen(made);
    assert_null(join_at(made, &once, &mine, WALL_MS + 5000, &error)); /* the code has been used */
    assert_true(hub_admits(made->hub, mine.link.public_key, "192.0.2.1", WALL_MS + 5000));
    const Hopnhat__Joined *again = join_at(made, &mine.link, &mine, WALL_MS + 5000, &error);
    assert_non_null(again);
    assert_int_equal(again->certificate->body.len, first->certificate->body.len);
    assert_memory_equal(again->certificate->body.data, first->certificate->body.data,
                        first->certificate->body.len);
    assert_memory_equal(again->certificate->signature.data, first->certificate->signature.data,
                        SIGNATURE_BYTES);
    assert_int_equal(again->n_records, first->n_records);
    assert_int_equal(HASH_COUNT(made->hub->installations), 1);
    /* the same link key under another signing key is not the same installation, nor are other keys under it
     */
    assert_null(join_at(made, &mine.link, &other, WALL_MS, &error));
    other.join.link_key = mine.join.link_key;
    assert_null(join_at(made, &mine.link, &other, WALL_MS, &error));
    assert_int_equal(HASH_COUNT(made->hub->installations), 1);
}

/* Before a Join is said at all: they are turned away as wrong ones are, and as slowly. */
/* Over a thin link it comes in parts, which are of one whole whoever asks when. */
static void test_an_answer_comes_in_parts(void **state)
{
    enum { CREDIT = 100, MOST = 10000 };
    struct made_hub *made = *state;
    struct link_keys once = new_code(made, "hue");
    struct asking mine;
    struct error error;
    Hopnhat__PieceHeld held = HOPNHAT__PIECE_HELD__INIT;
    uint8_t *all = arena_alloc(&made->arena, MOST);
    const struct link_keys *by = &once;
    const Hopnhat__Joined *part = NULL;
    new_keys(&mine);
    mine.join.has_credit_bytes = true;
    mine.join.credit_bytes = CREDIT;
    mine.join.held = &held;
    for (uint64_t i = 0; !part || held.size < part->piece->total; i++) {
        part = join_at(made, by, &mine, WALL_MS + i, &error);
        assert_non_null(part);
        assert_non_null(part->piece);
        assert_int_equal(part->n_records, 0);
        assert_in_range(part->piece->data.len, 1, CREDIT);
        assert_int_equal(part->piece->offset, held.size);
        assert_true(i == 0 || part->piece->id == held.id);
        assert_true(part->piece->total <= MOST);
        memcpy(all + held.size, part->piece->data.data, part->piece->data.len);
        held.id = part->piece->id;
        held.size += (uint32_t)part->piece->data.len;
        by = &mine.link; /* the code is used up */
    }
    const Hopnhat__Joined *whole = hopnhat__joined__unpack(&made->arena.protobuf, held.size, all);
    assert_non_null(whole);
    assert_int_equal(whole->n_records, 2);
    mine.join.has_credit_bytes = false;
    assert_int_equal(join_at(made, &mine.link, &mine, WALL_MS, &error)->n_records, 2);
}

static void test_used_and_late_codes_do_not_connect(void **state)
{
    struct made_hub *made = *state;
    struct link_keys used = new_code(made, "hue"), late = new_code(made, "hue"), good;
    struct asking first;
    struct error error;
    new_keys(&first);
    assert_true(hub_admits(made->hub, used.public_key, "192.0.2.1", WALL_MS));
    assert_non_null(join_at(made, &used, &first, WALL_MS, &error));
    for (int i = 0; i < 5; i++) {
        assert_false(hub_admits(made->hub, used.public_key, "192.0.2.1", WALL_MS + HOUR_MS));
        assert_false(hub_admits(made->hub, late.public_key, "192.0.2.1", WALL_MS + HOUR_MS));
    }
    char text[ENROLMENT_CODE_TEXT_BYTES];
    struct enrolment_code code;
    assert_true(enrolment_create(made->hub, "hue", WALL_MS + HOUR_MS, HOUR_MS, text, &error));
    assert_true(enrolment_code_parse(text, &code, &error));
    assert_true(link_keys_from_seed(&good, code.seed, &error));
    assert_false(hub_admits(made->hub, good.public_key, "192.0.2.1", WALL_MS + HOUR_MS + 999));
    assert_true(hub_admits(made->hub, good.public_key, "192.0.2.1", WALL_MS + HOUR_MS + 1000));
}

static void test_every_refusal_is_the_same(void **state)
{
    struct made_hub *made = *state;
    struct link_keys used = new_code(made, "hue"), late = new_code(made, "hue"),
                     revoked = new_code(made, "hue"), wrong;
    struct asking first, second;
    struct revoked count;
    const struct revoking revoking = {.wall_ms = WALL_MS};
    struct error error, errors[4];
    new_keys(&first);
    new_keys(&second);
    link_keys_generate(&wrong);
    assert_non_null(join_at(made, &used, &first, WALL_MS, &error));
    assert_null(join_at(made, &used, &second, WALL_MS, &errors[0]));
    assert_null(join_at(made, &late, &second, WALL_MS + HOUR_MS, &errors[1]));
    assert_null(join_at(made, &wrong, &second, WALL_MS, &errors[2]));
    assert_true(revocation_apply(made->hub, "hue", &revoking, &count, &error));
    assert_int_equal(count.codes, 2);
    assert_null(join_at(made, &revoked, &second, WALL_MS, &errors[3]));
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(errors[i].code, ERROR_REFUSED);
        assert_string_equal(errors[i].text, errors[0].text);
    }
    assert_null(join_at(made, &first.link, &first, WALL_MS, &error)); /* it is revoked */
    assert_string_equal(error.text, errors[0].text);
    assert_int_equal(HASH_COUNT(made->hub->installations), 1);
}

static void test_codes_past_their_time_are_swept(void **state)
{
    struct made_hub *made = *state;
    struct transaction transaction;
    struct error error;
    char text[ENROLMENT_CODE_TEXT_BYTES];
    for (int i = 0; i < 3; i++)
        new_code(made, "hue");
    assert_true(enrolment_create(made->hub, "hue", WALL_MS + HOUR_MS, HOUR_MS, text, &error));
    assert_true(transaction_begin(&transaction, made->hub->environment, false, &error));
    assert_int_equal(transaction_count(&transaction, HUB_ENROLMENT), 1);
    transaction_abort(&transaction);
}

static void test_who_tries_keys_is_slowed(void **state)
{
    struct made_hub *made = *state;
    struct link_keys once = new_code(made, "hue"), stranger;
    struct asking known;
    struct error error;
    new_keys(&known);
    assert_non_null(join_at(made, &once, &known, WALL_MS, &error));
    once = new_code(made, "hue");
    for (int i = 0; i < 10; i++) {
        assert_true(hub_admits(made->hub, once.public_key, "192.0.2.1", WALL_MS));
        link_keys_generate(&stranger);
        assert_false(hub_admits(made->hub, stranger.public_key, "192.0.2.1", WALL_MS));
    }
    assert_false(hub_admits(made->hub, once.public_key, "192.0.2.1", WALL_MS + 999));
    assert_true(hub_admits(made->hub, known.link.public_key, "192.0.2.1", WALL_MS));
    assert_true(hub_admits(made->hub, once.public_key, "192.0.2.2", WALL_MS));
    assert_true(hub_admits(made->hub, once.public_key, "192.0.2.1", WALL_MS + 1000));
    for (int i = 0; i < 1000; i++) { /* from ever new addresses: what is looked up is bounded */
        char address[32];
        snprintf(address, sizeof address, "10.0.%d.%d", i / 250, i % 250);
        hub_admits(made->hub, stranger.public_key, address, WALL_MS + 1000);
    }
    assert_false(hub_admits(made->hub, once.public_key, "192.0.2.3", WALL_MS + 1000));
    assert_true(hub_admits(made->hub, known.link.public_key, "192.0.2.3", WALL_MS + 1000));
    assert_true(hub_admits(made->hub, once.public_key, "192.0.2.3", WALL_MS + 2000));
}

/* Anybody may show a certificate there, and still not at any pace. */
static void test_a_restored_hub_slows_strangers_too(void **state)
{
    struct made_hub *made = *state;
    struct error error;
    struct link_keys once = new_code(made, "hue"), stranger;
    struct asking known;
    new_keys(&known);
    assert_non_null(join_at(made, &once, &known, WALL_MS, &error));
    assert_true(hub_mark_restored(made->hub, NULL, NULL, &error));
    link_keys_generate(&stranger);
    for (int i = 0; i < 10; i++)
        assert_true(hub_admits(made->hub, stranger.public_key, "192.0.2.1", WALL_MS));
    assert_false(hub_admits(made->hub, stranger.public_key, "192.0.2.1", WALL_MS + 999));
    assert_true(hub_admits(made->hub, known.link.public_key, "192.0.2.1", WALL_MS + 999));
    assert_true(hub_admits(made->hub, stranger.public_key, "192.0.2.2", WALL_MS + 999));
    assert_true(hub_admits(made->hub, stranger.public_key, "192.0.2.1", WALL_MS + 1000));
    assert_false(hub_admits(made->hub, stranger.public_key, "192.0.2.1", WALL_MS + 1001));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_lost_answer_is_given_again, made_setup, made_teardown),
        cmocka_unit_test_setup_teardown(test_an_answer_comes_in_parts, made_setup, made_teardown),
        cmocka_unit_test_setup_teardown(test_used_and_late_codes_do_not_connect, made_setup, made_teardown),
        cmocka_unit_test_setup_teardown(test_every_refusal_is_the_same, made_setup, made_teardown),
        cmocka_unit_test_setup_teardown(test_codes_past_their_time_are_swept, made_setup, made_teardown),
        cmocka_unit_test_setup_teardown(test_who_tries_keys_is_slowed, made_setup, made_teardown),
        cmocka_unit_test_setup_teardown(test_a_restored_hub_slows_strangers_too, made_setup, made_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
