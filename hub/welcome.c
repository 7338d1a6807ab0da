#include "hub/welcome.h"

#include "hub/feed.h"
#include "hub/registry.h"
#include "hub/reply.h"
#include "store/key.h"
#include "store/pieces.h"

static bool add_marks(const struct hub *hub, struct hub_session *session, Hopnhat__Welcome *welcome,
                      struct arena *arena)
{
    welcome->logs = arena_alloc(arena, session->log_count * sizeof *welcome->logs);
    if (!welcome->logs)
        return false;
    for (size_t i = 0; i < session->log_count; i++) {
        const struct replica *replica = registry_replica(hub, session->logs[i]);
        Hopnhat__LogMark *mark = arena_alloc(arena, sizeof *mark);
        if (!mark || !replica)
            return false;
        hopnhat__log_mark__init(mark);
        mark->replica = replica->number;
        mark->watermark = replica->watermark;
        mark->has_link = replica->watermark != 0;
        mark->link.len = LINK_BYTES;
        mark->link.data = arena_copy(arena, replica->link, LINK_BYTES);
        mark->has_safe = replica->safe != 0;
        mark->safe = replica->safe;
        welcome->logs[welcome->n_logs++] = mark;
        if (!mark->link.data)
            return false;
    }
    return true;
}

/* How much has come of the change that is next in each log. */
static bool add_held(struct hub *hub, const struct hub_session *session, Hopnhat__Welcome *welcome,
                     struct arena *arena)
{
    struct transaction transaction;
    struct error error;
    if (!transaction_begin(&transaction, hub->environment, false, &error))
        return false;
    bool read = true;
    for (size_t i = 0; read && transaction_count(&transaction, HUB_PIECE) && i < session->log_count; i++) {
        struct key key;
        key_number(&key, session->logs[i]);
        const struct pieces_held held = pieces_held(&transaction, HUB_PIECE, key_bytes(&key));
        Hopnhat__PieceHeld *to = held.held_bytes ? arena_alloc(arena, sizeof *to) : NULL;
        read = to || !held.held_bytes;
        if (!to)
            continue;
        hopnhat__piece_held__init(to);
        to->id = held.id;
        to->size = held.held_bytes;
        welcome->logs[i]->held = to;
    }
    read = read && !transaction.failed;
    transaction_abort(&transaction);
    return read;
}

static bool add_refusals(struct hub *hub, struct hub_session *session, Hopnhat__Welcome *welcome,
                         struct arena *arena)
{
    struct transaction transaction;
    struct error error;
    welcome->refusals = arena_alloc(arena, LIMIT_REFUSALS_PER_MESSAGE * sizeof(Hopnhat__Refusal *));
    if (!welcome->refusals || !transaction_begin(&transaction, hub->environment, false, &error))
        return false;
    for (size_t i = 0; i < session->log_count; i++)
        feed_refusals(&transaction, session->logs[i], &session->confirmed.logs[i].refusal, arena,
                      welcome->refusals, &welcome->n_refusals);
    bool read = !transaction.failed;
    transaction_abort(&transaction);
    return read;
}

/* The next link key, signed by the key that agents know for good. */
static bool add_next_key(const struct hub *hub, Hopnhat__Welcome *welcome, struct arena *arena)
{
    const size_t context = sizeof HUB_KEY_CONTEXT - 1;
    uint8_t text[sizeof HUB_KEY_CONTEXT - 1 + LINK_KEY_BYTES];
    if (!hub->has_next_link_keys)
        return true;
    memcpy(text, HUB_KEY_CONTEXT, context);
    memcpy(text + context, hub->next_link_keys.public_key, LINK_KEY_BYTES);
    welcome->has_next_hub_key = welcome->has_next_hub_signature = true;
    welcome->next_hub_key =
        (ProtobufCBinaryData){LINK_KEY_BYTES, arena_copy(arena, text + context, LINK_KEY_BYTES)};
    welcome->next_hub_signature = (ProtobufCBinaryData){SIGNATURE_BYTES, arena_alloc(arena, SIGNATURE_BYTES)};
    if (!welcome->next_hub_key.data || !welcome->next_hub_signature.data)
        return false;
    keys_sign(&hub->signing_keys, bytes_of(text, sizeof text), welcome->next_hub_signature.data);
    return true;
}

void welcome_send(struct hub *hub, struct hub_session *session, uint32_t request, uint32_t protocol,
                  bool compare, uint64_t wall_ms, const struct hub_outlet *outlet)
{
    struct arena arena;
    Hopnhat__Message message = HOPNHAT__MESSAGE__INIT;
    Hopnhat__Welcome welcome = HOPNHAT__WELCOME__INIT;
    arena_init(&arena, LIMIT_MESSAGE_ARENA_BYTES);
    welcome.protocol = protocol;
    welcome.epoch = hub->epoch;
    welcome.time = clock_reading(&hub->clock, wall_ms);
    welcome.has_catalog = true;
    welcome.catalog.len = CATALOG_HASH_BYTES;
    welcome.catalog.data = arena_copy(&arena, catalog_hash(hub->catalog), CATALOG_HASH_BYTES);
    welcome.has_reconcile = welcome.reconcile = compare;
    welcome.has_push_bytes = welcome.has_feed_bytes = true;
    welcome.push_bytes = LIMIT_PUSH_BYTES;
    welcome.feed_bytes = LIMIT_FEED_BYTES;
    message.body_case = HOPNHAT__MESSAGE__BODY_WELCOME;
    message.welcome = &welcome;
    if (welcome.catalog.data && add_marks(hub, session, &welcome, &arena) &&
        add_held(hub, session, &welcome, &arena) && add_refusals(hub, session, &welcome, &arena) &&
        add_next_key(hub, &welcome, &arena))
        reply(outlet, &session->peer, request, &message);
    else
        reply_busy(outlet, &session->peer, request, 1000);
    arena_release(&arena);
}
