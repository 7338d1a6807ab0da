#include "hub/headquarters.h"

#include "hub/admission.h"
#include "hub/catalogs.h"
#include "hub/erasure.h"
#include "hub/registry.h"
#include "model/check.h"
#include "model/erasure.h"

#include <stdio.h>

enum { OWN_ARENA_BYTES = 64 * 1024 * 1024 };

const char HEADQUARTERS_OWNER[] = "headquarters";

static bool admit_own(struct admission *admission, struct replica *own, struct bytes stored,
                      struct arena *arena, struct error *error)
{
    Hopnhat__Refusal *refusal;
    struct change change;
    uint8_t link[LINK_BYTES];
    struct offer offer = {
        .replica = own,
        .seq = own->watermark + 1,
        .stored = stored,
        .change = &change,
        .link = link,
        .reading = admission->receipt,
    };
    if (!change_unpack(&change, (struct dot){own->number, offer.seq}, stored, arena, error) ||
        !chain_next(own->link, change.logged, link, error))
        return false;
    switch (admission_offer(admission, &offer, &refusal, error)) {
    case ADMITTED:
        return true;
    case ADMITTED_REFUSED: /* *error holds the reason, in the words for the one who wrote */
    case ADMITTED_FAILED:
        return false;
    default:
        return error_set(error, ERROR_INTERNAL, "headquarters' own change was not taken");
    }
}

/* Headquarters has been told of every erasure: copies of the edits that say so. NULL: out of memory. */
static struct new_edit *name_erasures(struct admission *admission, const struct new_edit *edits, size_t count,
                                      struct arena *arena, struct error *error)
{
    struct new_edit *named = arena_copy(arena, edits, count * sizeof *named);
    if (!named)
        error_set(error, ERROR_MEMORY, "out of memory");
    for (size_t i = 0; named && i < count; i++)
        if (!erasure_name(
                hub_erasure(admission->hub, &admission->transaction, edits[i].type, edits[i].record, arena),
                &named[i], arena, error))
            return NULL;
    return named;
}

bool headquarters_write_in(struct hub *hub, struct admission *admission, const struct new_edit *edits,
                           size_t count, const char *author, struct dot *dot, struct error *error)
{
    struct bytes stored;
    struct arena arena;
    struct replica *own = registry_replica(hub, hub->own_replica);
    struct new_change change = {
        .replica = hub->own_replica,
        .time = admission->receipt,
        .catalog_tag = catalog_tag(hub->catalog),
        .author = author,
        .edit_count = count,
    };
    if (!own && !(own = registry_add_replica(hub, hub->own_replica, NULL)))
        return error_set(error, ERROR_MEMORY, "out of memory");
    hub->entropy.fill(hub->entropy.context, change.seed, sizeof change.seed);
    arena_init(&arena, OWN_ARENA_BYTES);
    change.edits = name_erasures(admission, edits, count, &arena, error);
    bool done = change.edits && change_pack(&change, &arena, &stored, error) &&
                admit_own(admission, own, stored, &arena, error);
    if (done && dot)
        *dot = (struct dot){own->number, own->watermark};
    arena_release(&arena);
    return done;
}

bool headquarters_write(struct hub *hub, const struct new_edit *edits, size_t count, const char *author,
                        uint64_t wall_ms, struct error *error)
{
    struct admission admission;
    if (!admission_begin(&admission, hub, wall_ms, error))
        return false;
    if (headquarters_write_in(hub, &admission, edits, count, author, NULL, error))
        return admission_commit(&admission, error);
    struct error reload;
    if (!admission_abort(&admission, &reload))
        error_prefix(error, "%s; and before that", reload.text);
    return false;
}

bool headquarters_check(const struct hub *hub, const struct new_edit *edit, const Hopnhat__Record *before,
                        struct error *error)
{
    const struct new_change change = {.replica = hub->own_replica,
                                      .catalog_tag = catalog_tag(hub->catalog),
                                      .edits = edit,
                                      .edit_count = 1};
    const struct writer writer = {NULL};
    const struct replica *own = registry_replica(hub, hub->own_replica);
    const struct dot dot = {hub->own_replica, own ? own->watermark + 1 : 1};
    Hopnhat__RefusalReason reason;
    struct change unpacked;
    struct bytes stored;
    struct arena arena;
    arena_init(&arena, OWN_ARENA_BYTES);
    bool taken = change_pack(&change, &arena, &stored, error) &&
                 change_unpack(&unpacked, dot, stored, &arena, error) &&
                 check_edit(hub->catalog, &unpacked, 0, before, &writer, &reason, error);
    if (!taken && error->code == ERROR_CORRUPT)
        error->code = ERROR_INPUT;
    arena_release(&arena);
    return taken;
}

bool headquarters_apply_catalog(struct hub *hub, struct bytes packed, const char *author, uint64_t wall_ms,
                                struct error *error)
{
    struct arena arena;
    struct new_edit edit;
    struct catalog *fresh = NULL;
    arena_init(&arena, OWN_ARENA_BYTES);
    bool done = catalogs_edit(packed, HEADQUARTERS_OWNER, &arena, &edit, &fresh, error);
    if (done && catalog_version(fresh) <= catalog_version(hub->catalog))
        done = error_set(error, ERROR_INPUT,
                         "the catalog's version is %u, and version %u is in force: give it a higher one",
                         catalog_version(fresh), catalog_version(hub->catalog));
    catalog_free(fresh);
    done = done && headquarters_write(hub, &edit, 1, author, wall_ms, error);
    arena_release(&arena);
    return done;
}

/* The replica's number as the member of the office's set; false where it is in it, or there is no such
 * office. */
static bool replica_is_news(struct hub *hub, const uint8_t office[RECORD_ID_BYTES], struct bytes number,
                            struct error *error)
{
    struct transaction transaction;
    struct arena arena;
    bool found = false;
    if (!transaction_begin(&transaction, hub->environment, false, error))
        return false;
    arena_init(&arena, LIMIT_MESSAGE_ARENA_BYTES);
    const Hopnhat__Record *record =
        hub_record(&transaction, HOPNHAT__BUILT_IN_TYPE__TYPE_OFFICE, office, &arena);
    const Hopnhat__Field *field = record ? record_field(record, OFFICE_REPLICAS) : NULL;
    for (size_t i = 0; field && i < field->n_entries && !found; i++)
        found = bytes_equal(entry_value(field->entries[i]), number);
    arena_release(&arena);
    transaction_abort(&transaction);
    return record && !found;
}

bool headquarters_publish_replica(struct hub *hub, const char *office, uint64_t number, uint64_t wall_ms,
                                  struct error *error)
{
    char text[17];
    struct new_op op = {.field = OFFICE_REPLICAS};
    struct new_edit edit = {.type = HOPNHAT__BUILT_IN_TYPE__TYPE_OFFICE, .ops = &op, .op_count = 1};
    snprintf(text, sizeof text, "%016llx", (unsigned long long)number);
    op.value = bytes_of_string(text);
    office_record_id(office, edit.record);
    error->code = ERROR_NONE;
    if (!replica_is_news(hub, edit.record, op.value, error))
        return error->code == ERROR_NONE;
    return headquarters_write(hub, &edit, 1, NULL, wall_ms, error);
}
