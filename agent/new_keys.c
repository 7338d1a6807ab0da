#include "agent/new_keys.h"

#include "agent/join.h"
#include "base/log.h"
#include "store/meta.h"

/* What waits to be announced or has just come to count, in the transaction. */
static void put_keys(const struct agent *agent, struct transaction *transaction)
{
    meta_put_bytes(transaction, AGENT_META, "link_keys", &agent->link_keys, sizeof agent->link_keys);
    meta_put_bytes(transaction, AGENT_META, "signing_keys", &agent->signing_keys, sizeof agent->signing_keys);
    if (agent->has_next_keys) {
        meta_put_bytes(transaction, AGENT_META, "next_link_keys", &agent->next_link_keys,
                       sizeof agent->next_link_keys);
        meta_put_bytes(transaction, AGENT_META, "next_signing_keys", &agent->next_signing_keys,
                       sizeof agent->next_signing_keys);
    } else {
        transaction_delete(transaction, AGENT_META, bytes_of_string("next_link_keys"));
        transaction_delete(transaction, AGENT_META, bytes_of_string("next_signing_keys"));
    }
}

bool new_keys_draw(struct agent *agent, struct error *error)
{
    const struct entropy *entropy = &agent->entropy;
    struct transaction transaction;
    uint8_t seed[SIGNING_SEED_BYTES];
    if (agent->has_next_keys)
        return true;
    entropy->fill(entropy->context, agent->next_link_keys.secret_key, LINK_KEY_BYTES);
    if (!link_keys_from_secret(&agent->next_link_keys, error) || !agent_begin(agent, &transaction, error))
        return false;
    entropy->fill(entropy->context, seed, sizeof seed);
    signing_keys_from_seed(&agent->next_signing_keys, seed);
    keys_wipe(seed, sizeof seed);
    agent->has_next_keys = true;
    put_keys(agent, &transaction);
    return agent_commit(agent, &transaction, error);
}

bool new_keys_announce(const struct agent *agent, Hopnhat__Rotate *rotate, struct arena *arena)
{
    uint8_t text[ROTATION_TEXT_BYTES];
    rotate->link_key = (ProtobufCBinaryData){
        LINK_KEY_BYTES, arena_copy(arena, agent->next_link_keys.public_key, LINK_KEY_BYTES)};
    rotate->signing_key = (ProtobufCBinaryData){
        SIGNING_KEY_BYTES, arena_copy(arena, agent->next_signing_keys.public_key, SIGNING_KEY_BYTES)};
    rotate->signature = (ProtobufCBinaryData){SIGNATURE_BYTES, arena_alloc(arena, SIGNATURE_BYTES)};
    if (!rotate->link_key.data || !rotate->signing_key.data || !rotate->signature.data)
        return false;
    keys_rotation_text(agent->link_keys.public_key, agent->next_link_keys.public_key,
                       agent->next_signing_keys.public_key, text);
    keys_sign(&agent->signing_keys, bytes_of(text, sizeof text), rotate->signature.data);
    return true;
}

bool new_keys_take(struct agent *agent, const Hopnhat__Certificate *certificate, struct error *error)
{
    struct transaction transaction;
    char office[LIMIT_OFFICE_CODE_BYTES + 1];
    if (!join_check_certificate(agent->hub_signing_key, certificate, agent->next_link_keys.public_key,
                                agent->next_signing_keys.public_key, office, error))
        return false;
    if (strcmp(office, agent->office_code) != 0)
        return error_set(error, ERROR_CORRUPT, "the new certificate is for the office %s", office);
    size_t size = hopnhat__certificate__get_packed_size(certificate);
    uint8_t *packed = arena_alloc(&agent->scratch, size);
    if (!packed)
        return out_of_memory(error);
    hopnhat__certificate__pack(certificate, packed);
    bool begun = agent_begin(agent, &transaction, error);
    if (begun) {
        agent->link_keys = agent->next_link_keys;
        agent->signing_keys = agent->next_signing_keys;
        agent->has_next_keys = false;
        put_keys(agent, &transaction);
        meta_put_bytes(&transaction, AGENT_META, "certificate", packed, size);
    }
    arena_reset(&agent->scratch);
    /* the certificate in memory is the stored one */
    return begun && agent_commit(agent, &transaction, error) && agent_reload(agent, error);
}

void new_keys_hear_hub(struct agent *agent, struct transaction *transaction, const Hopnhat__Welcome *welcome)
{
    const size_t context = sizeof HUB_KEY_CONTEXT - 1;
    uint8_t text[sizeof HUB_KEY_CONTEXT - 1 + LINK_KEY_BYTES];
    if (welcome->next_hub_key.len != LINK_KEY_BYTES)
        return;
    memcpy(text, HUB_KEY_CONTEXT, context);
    memcpy(text + context, welcome->next_hub_key.data, LINK_KEY_BYTES);
    if (!keys_verify(agent->hub_signing_key, bytes_of(text, sizeof text),
                     bytes_of(welcome->next_hub_signature.data, welcome->next_hub_signature.len))) {
        log_warning("the hub told a link key that its long-term key has not signed: it is not believed");
        return;
    }
    agent->has_next_hub_key = true;
    memcpy(agent->next_hub_key, welcome->next_hub_key.data, LINK_KEY_BYTES);
    meta_put_bytes(transaction, AGENT_META, "next_hub_key", agent->next_hub_key, LINK_KEY_BYTES);
}

bool new_keys_hub_moved(struct agent *agent, struct error *error)
{
    struct transaction transaction;
    if (!agent_begin(agent, &transaction, error))
        return false;
    memcpy(agent->hub_key, agent->next_hub_key, LINK_KEY_BYTES);
    agent->has_next_hub_key = false;
    meta_put_bytes(&transaction, AGENT_META, "hub_key", agent->hub_key, LINK_KEY_BYTES);
    transaction_delete(&transaction, AGENT_META, bytes_of_string("next_hub_key"));
    return agent_commit(agent, &transaction, error);
}
