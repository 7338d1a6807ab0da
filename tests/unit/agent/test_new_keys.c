/* What an agent believes of new keys: its hub's long-term key has to have signed it. */
#include "unit/agent/fixture.h"

#include "agent/new_keys.h"

/* A Welcome's word of the hub's next key, signed by these keys. */
static void hear(struct fixture *fixture, const uint8_t key[LINK_KEY_BYTES],
                 const struct signing_keys *signer)
{
    Hopnhat__Welcome welcome = HOPNHAT__WELCOME__INIT;
    struct transaction transaction;
    struct error error;
    uint8_t text[13 + LINK_KEY_BYTES], signature[SIGNATURE_BYTES];
    memcpy(text, "hopnhat hub 1", 13);
    memcpy(text + 13, key, LINK_KEY_BYTES);
    keys_sign(signer, bytes_of(text, sizeof text), signature);
    welcome.has_next_hub_key = welcome.has_next_hub_signature = true;
    welcome.next_hub_key = (ProtobufCBinaryData){LINK_KEY_BYTES, text + 13};
    welcome.next_hub_signature = (ProtobufCBinaryData){SIGNATURE_BYTES, signature};
    assert_true(agent_begin(fixture->agent, &transaction, &error));
    new_keys_hear_hub(fixture->agent, &transaction, &welcome);
    assert_true(agent_commit(fixture->agent, &transaction, &error));
}

static void the_hub_s_next_key_is_signed_by_its_long_term_key(void **state)
{
    struct fixture *fixture = *state;
    struct error error;
    struct link_keys next;
    struct signing_keys stranger;
    link_keys_generate(&next);
    signing_keys_generate(&stranger);
    hear(fixture, next.public_key, &stranger);
    assert_false(fixture->agent->has_next_hub_key);
    hear(fixture, next.public_key, &fixture->hub_keys);
    assert_true(fixture->agent->has_next_hub_key);
    close_agent(fixture);
    open_agent(fixture);
    assert_memory_equal(fixture->agent->next_hub_key, next.public_key, LINK_KEY_BYTES);
    assert_true(new_keys_hub_moved(fixture->agent, &error));
    close_agent(fixture);
    open_agent(fixture);
    assert_false(fixture->agent->has_next_hub_key); /* the former one is not believed any more */
    assert_memory_equal(fixture->agent->hub_key, next.public_key, LINK_KEY_BYTES);
}

/* The hub changes its key once all have said that they know the next one. */
static void what_the_hub_tells_is_confirmed_at_once(void **state)
{
    struct fixture *fixture = *state;
    const uint64_t none[] = {0};
    uint8_t text[13 + LINK_KEY_BYTES] = "hopnhat hub 1", signature[SIGNATURE_BYTES];
    struct link_keys next;
    link_keys_generate(&next);
    memcpy(text + 13, next.public_key, LINK_KEY_BYTES);
    keys_sign(&fixture->hub_keys, bytes_of(text, sizeof text), signature);
    fixture->next_hub_key = bytes_of(next.public_key, LINK_KEY_BYTES);
    fixture->next_hub_signature = bytes_of(signature, sizeof signature);
    const Hopnhat__Message *hello = say_hello(fixture);
    assert_false(hello->hello->has_next_hub_key);
    welcome(fixture, hello, none, NULL, EPOCH);
    assert_silent(fixture);
    fixture->wall_ms += 2000;
    agent_session_tick(fixture->session, fixture->wall_ms);
    hello = sent(fixture, HOPNHAT__MESSAGE__BODY_HELLO);
    assert_int_equal(hello->hello->next_hub_key, get_u32_be(next.public_key));
    welcome(fixture, hello, none, NULL, EPOCH);
    sent(fixture, HOPNHAT__MESSAGE__BODY_PULL); /* once is enough */
}

static void own_new_keys_wait_for_a_certificate(void **state)
{
    struct fixture *fixture = *state;
    struct error error;
    struct link_keys present = fixture->agent->link_keys;
    assert_true(new_keys_draw(fixture->agent, &error));
    struct link_keys drawn = fixture->agent->next_link_keys;
    close_agent(fixture);
    open_agent(fixture);
    assert_true(new_keys_draw(fixture->agent, &error)); /* what waits is not drawn anew */
    assert_memory_equal(&fixture->agent->next_link_keys, &drawn, sizeof drawn);
    assert_false(new_keys_take(fixture->agent, certify(fixture), &error)); /* for the present keys */
    assert_memory_equal(&fixture->agent->link_keys, &present, sizeof present);
    fixture->join.link_keys = drawn;
    fixture->join.signing_keys = fixture->agent->next_signing_keys;
    const struct signing_keys hub_keys = fixture->hub_keys;
    signing_keys_generate(&fixture->hub_keys);
    assert_false(new_keys_take(fixture->agent, certify(fixture), &error)); /* not the hub's signature */
    fixture->hub_keys = hub_keys;
    assert_true(new_keys_take(fixture->agent, certify(fixture), &error));
    close_agent(fixture);
    open_agent(fixture);
    assert_memory_equal(&fixture->agent->link_keys, &drawn, sizeof drawn);
    assert_false(fixture->agent->has_next_keys);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_hub_s_next_key_is_signed_by_its_long_term_key, setup, teardown),
        cmocka_unit_test_setup_teardown(what_the_hub_tells_is_confirmed_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(own_new_keys_wait_for_a_certificate, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
