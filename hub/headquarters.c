#include "hub/headquarters.h"

#include "hub/admission.h"
#include "hub/catalogs.h"
#include "hub/erasure.h"
#include "hub/registry.h"
#include "model/check.h"
#include "model/erasure.h"

#include <stdlib.h>

enum { OWN_ARENA_BYTES = 64 * 1024 * 1024 };

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
        out_of_memory(error);
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
        return out_of_memory(error);
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

static bool is_member(const Hopnhat__Field *set, struct bytes value)
{
    for (size_t i = 0; set && i < set->n_entries; i++)
        if (bytes_equal(entry_value(set->entries[i]), value))
            return true;
    return false;
}

static int by_rev(const void *a, const void *b)
{
    const Hopnhat__Entry *const *left = a, *const *right = b;
    int order = ((*left)->rev > (*right)->rev) - ((*left)->rev < (*right)->rev);
    return order ? order : entry_id_compare(entry_id_of(*left), entry_id_of(*right));
}

/* The members that go, the oldest first, so that `fresh` others have room: as what one op drops. */
static bool drop_oldest(const Hopnhat__Field *set, size_t fresh, struct new_edit *edit, struct arena *arena)
{
    size_t count = set ? set->n_entries : 0;
    if (fresh == 0 || count + fresh <= LIMIT_OFFICE_REPLICAS)
        return true;
    size_t gone = count + fresh - LIMIT_OFFICE_REPLICAS;
    Hopnhat__Entry **oldest = arena_copy(arena, set->entries, count * sizeof *oldest);
    struct new_op *op = &edit->ops[edit->op_count++];
    *op = (struct new_op){.field = OFFICE_REPLICAS, .kind = HOPNHAT__OP_KIND__DROP};
    op->superseded.ids = arena_alloc(arena, gone * sizeof *op->superseded.ids);
    if (!oldest || !op->superseded.ids)
        return false;
    qsort(oldest, count, sizeof *oldest, by_rev);
    for (; op->superseded.count < gone && op->superseded.count < count; op->superseded.count++)
        op->superseded.ids[op->superseded.count] = entry_id_of(oldest[op->superseded.count]);
    return true;
}

/* The edit that makes the numbers members of the office's set; no ops where they are. */
static bool make_members(const Hopnhat__Record *record, const uint64_t *numbers, size_t count,
                         struct new_edit *edit, struct arena *arena)
{
    const Hopnhat__Field *set = record_field(record, OFFICE_REPLICAS);
    edit->ops = arena_alloc(arena, (count + 1) * sizeof *edit->ops);
    for (size_t i = count; edit->ops && i-- > 0;) {
        const char *number = arena_format(arena, "%016llx", (unsigned long long)numbers[i]);
        if (!number)
            return false;
        if (!is_member(set, bytes_of_string(number)))
            edit->ops[edit->op_count++] =
                (struct new_op){.field = OFFICE_REPLICAS, .value = bytes_of_string(number)};
    }
    return edit->ops && drop_oldest(set, edit->op_count, edit, arena);
}

/* Reads the office's record; *record is NULL where there is none. */
static bool read_office(struct hub *hub, const uint8_t id[RECORD_ID_BYTES], struct arena *arena,
                        const Hopnhat__Record **record, struct error *error)
{
    struct transaction transaction;
    if (!transaction_begin(&transaction, hub->environment, false, error))
        return false;
    *record = hub_record(&transaction, HOPNHAT__BUILT_IN_TYPE__TYPE_OFFICE, id, arena);
    bool done = transaction_is_sound(&transaction, error);
    transaction_abort(&transaction);
    return done;
}

bool headquarters_publish_replicas(struct hub *hub, const char *office, const uint64_t *numbers, size_t count,
                                   uint64_t wall_ms, struct error *error)
{
    struct new_edit edit = {.type = HOPNHAT__BUILT_IN_TYPE__TYPE_OFFICE};
    const Hopnhat__Record *record;
    struct arena arena;
    arena_init(&arena, OWN_ARENA_BYTES);
    office_record_id(office, edit.record);
    bool done = read_office(hub, edit.record, &arena, &record, error);
    if (done && record)
        done = (make_members(record, numbers, count, &edit, &arena) || out_of_memory(error)) &&
               (edit.op_count == 0 || headquarters_write(hub, &edit, 1, NULL, wall_ms, error));
    arena_release(&arena);
    return done;
}
