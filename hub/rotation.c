#include "hub/rotation.h"

#include "base/defect.h"
#include "base/log.h"
#include "hub/enrolment.h"
#include "hub/hello.h"
#include "hub/push.h"
#include "hub/registry.h"
#include "hub/reply.h"
#include "store/meta.h"

#include <stdlib.h>

static bool announces(const struct installation *installation, const Hopnhat__Rotate *rotate,
                      struct former_keys *next)
{
    uint8_t text[ROTATION_TEXT_BYTES];
    if (rotate->link_key.len != LINK_KEY_BYTES || rotate->signing_key.len != SIGNING_KEY_BYTES ||
        rotate->signature.len != SIGNATURE_BYTES)
        return false;
    memcpy(next->link_key, rotate->link_key.data, LINK_KEY_BYTES);
    memcpy(next->signing_key, rotate->signing_key.data, SIGNING_KEY_BYTES);
    memcpy(next->signature, rotate->signature.data, SIGNATURE_BYTES);
    keys_rotation_text(installation->link_key, next->link_key, next->signing_key, text);
    return keys_verify(installation->signing_key, bytes_of(text, sizeof text),
                       bytes_of(next->signature, SIGNATURE_BYTES));
}

/* Whether the key is one of another installation, or was this one's. */
static bool is_taken(const struct hub *hub, const struct installation *installation,
                     const uint8_t link_key[LINK_KEY_BYTES])
{
    const struct installation *announced = registry_announced(hub, link_key);
    if (registry_installation(hub, link_key) || (announced && announced != installation))
        return true;
    for (size_t i = 0; i < installation->former_count; i++)
        if (memcmp(installation->former[i].link_key, link_key, LINK_KEY_BYTES) == 0)
            return true;
    return false;
}

/* Takes note of the announced keys, durably. */
static bool note_next(struct hub *hub, struct installation *installation, const struct former_keys *next,
                      struct error *error)
{
    struct transaction transaction;
    struct error reload;
    if (!transaction_begin(&transaction, hub->environment, true, error))
        return false;
    installation->next = *next;
    installation->has_next = true;
    registry_save_installation(&transaction, installation);
    if (DEFECT(KEYS_BEFORE_HELLO) && !registry_promote(hub, &transaction, installation, error))
        return false;
    if (transaction_commit(&transaction, error))
        return true;
    if (!hub_reload(hub, &reload))
        error_prefix(error, "%s; and before that", reload.text);
    return false;
}

void rotation_receive(struct hub *hub, struct hub_session *session, uint32_t request,
                      const Hopnhat__Rotate *rotate, const struct hub_outlet *outlet)
{
    struct arena arena;
    struct error error;
    struct former_keys next;
    Hopnhat__Message message = HOPNHAT__MESSAGE__INIT;
    Hopnhat__Rotated rotated = HOPNHAT__ROTATED__INIT;
    Hopnhat__Certificate certificate = HOPNHAT__CERTIFICATE__INIT;
    push_commit(hub, outlet); /* a transaction of its own */
    struct installation *installation = registry_installation(hub, session->key);
    if (!installation || installation->former_count >= LIMIT_FORMER_KEYS ||
        !announces(installation, rotate, &next) || is_taken(hub, installation, next.link_key)) {
        reply_error(outlet, &session->peer, request, HOPNHAT__ERROR_CODE__ERROR_NOT_ALLOWED,
                    "these keys cannot follow the present ones");
        return;
    }
    arena_init(&arena, LIMIT_MESSAGE_BYTES);
    message.body_case = HOPNHAT__MESSAGE__BODY_ROTATED;
    message.rotated = &rotated;
    rotated.certificate = &certificate;
    if (note_next(hub, installation, &next, &error) &&
        enrolment_certify(hub, installation, true, &certificate, &arena)) {
        log_with(LOG_LEVEL_INFO, "HOPNHAT_OFFICE", installation->office,
                 "an installation of office %s has announced new keys", installation->office);
        reply(outlet, &session->peer, request, &message);
    } else {
        reply_busy(outlet, &session->peer, request, 1000);
    }
    arena_release(&arena);
}

static void end_session_of(struct hub *hub, const uint8_t link_key[LINK_KEY_BYTES])
{
    struct hub_session *session = session_find(hub, link_key);
    if (session)
        session_end(hub, session);
}

bool rotation_use(struct hub *hub, struct transaction *transaction, const uint8_t link_key[LINK_KEY_BYTES],
                  struct error *error)
{
    struct installation *installation = registry_announced(hub, link_key);
    if (!installation)
        return true;
    if (installation->revoked)
        return error_set(error, ERROR_REFUSED, "the installation is revoked");
    end_session_of(hub, installation->link_key);
    log_with(LOG_LEVEL_INFO, "HOPNHAT_OFFICE", installation->office,
             "an installation of office %s has new keys from now on", installation->office);
    return registry_promote(hub, transaction, installation, error);
}

/* Which of the former keys in the certificate this hub knows the installation by; NULL: none. */
static struct installation *known_before(const struct hub *hub, const Hopnhat__CertificateBody *body,
                                         size_t *place)
{
    for (*place = body->n_former; (*place)-- > 0;) {
        const Hopnhat__FormerKeys *former = body->former[*place];
        struct installation *one =
            former->link_key.len == LINK_KEY_BYTES ? registry_installation(hub, former->link_key.data) : NULL;
        if (one && strcmp(one->office, body->office) == 0)
            return one;
    }
    return NULL;
}

bool rotation_recognise(struct hub *hub, struct transaction *transaction,
                        const Hopnhat__CertificateBody *body, bool *known, struct error *error)
{
    size_t place;
    struct installation *installation = known_before(hub, body, &place);
    *known = installation != NULL;
    for (; *known && place < body->n_former; place++) {
        bool last = place + 1 == body->n_former;
        const ProtobufCBinaryData *link_key = last ? &body->link_key : &body->former[place + 1]->link_key;
        const ProtobufCBinaryData *signing_key =
            last ? &body->signing_key : &body->former[place + 1]->signing_key;
        if (installation->revoked)
            return error_set(error, ERROR_REFUSED, "the installation is revoked");
        if (link_key->len != LINK_KEY_BYTES || signing_key->len != SIGNING_KEY_BYTES ||
            body->former[place]->signature.len != SIGNATURE_BYTES ||
            installation->former_count >= LIMIT_FORMER_KEYS)
            return error_set(error, ERROR_REFUSED, "the certificate's former keys do not make sense");
        memcpy(installation->next.link_key, link_key->data, LINK_KEY_BYTES);
        memcpy(installation->next.signing_key, signing_key->data, SIGNING_KEY_BYTES);
        memcpy(installation->next.signature, body->former[place]->signature.data, SIGNATURE_BYTES);
        end_session_of(hub, installation->link_key);
        if (!registry_promote(hub, transaction, installation, error))
            return false;
    }
    return !*known || !installation->revoked ||
           error_set(error, ERROR_REFUSED, "the installation is revoked");
}

struct hub_rotation rotation_state(const struct hub *hub)
{
    struct hub_rotation state = {.under_way = hub->has_next_link_keys};
    for (const struct installation *one = hub->installations; one; one = one->hh.next) {
        if (one->revoked)
            continue;
        if (one->next_hub_key && one->next_hub_key == get_u32_be(hub->next_link_keys.public_key))
            state.heard++;
        else
            state.not_heard++;
    }
    return state;
}

bool rotation_begin(struct hub *hub, struct error *error)
{
    struct transaction transaction;
    struct link_keys next;
    if (hub->has_next_link_keys)
        return true;
    link_keys_generate(&next);
    if (!transaction_begin(&transaction, hub->environment, true, error))
        return false;
    meta_put_bytes(&transaction, HUB_META, "next_link_keys", &next, sizeof next);
    if (!transaction_commit(&transaction, error))
        return false;
    hub->next_link_keys = next;
    hub->has_next_link_keys = true;
    keys_wipe(&next, sizeof next);
    return true;
}

static bool may_finish(const struct hub *hub, bool forced, struct error *error)
{
    struct hub_rotation state = rotation_state(hub);
    if (!state.under_way)
        return error_set(error, ERROR_INPUT, "no next key has been drawn: give rotate-keys without --finish");
    if (hub->last_backup_next_key != get_u32_be(hub->next_link_keys.public_key))
        return error_set(
            error, ERROR_INPUT,
            "make a backup first: the newest is without the next key, and a hub restored from it could not "
            "be reached");
    if (state.not_heard && !forced)
        return error_set(
            error, ERROR_INPUT,
            "%zu installations have not heard of the next key and would have to be enrolled anew: "
            "wait for them, revoke them, or give --force",
            state.not_heard);
    return true;
}

bool rotation_finish(struct hub *hub, bool forced, struct error *error)
{
    struct transaction transaction;
    if (!may_finish(hub, forced, error) || !transaction_begin(&transaction, hub->environment, true, error))
        return false;
    meta_put_bytes(&transaction, HUB_META, "link_keys", &hub->next_link_keys, sizeof hub->next_link_keys);
    transaction_delete(&transaction, HUB_META, bytes_of_string("next_link_keys"));
    if (!transaction_commit(&transaction, error))
        return false;
    hub->link_keys = hub->next_link_keys;
    hub->has_next_link_keys = false;
    keys_wipe(&hub->next_link_keys, sizeof hub->next_link_keys);
    return true;
}
