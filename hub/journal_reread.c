/* The journal under a catalog that reads fields by other policies. */
#include "hub/journal_row.h"

#include "hub/texts.h"
#include "model/catalog_change.h"
#include "model/fold.h"
#include "store/key.h"
#include "store/rows.h"

enum { ROW_ARENA_BYTES = 256 * 1024 * 1024 };

/* A type under both catalogs. */
struct reread {
    struct admission *admission;
    const struct catalog_type *former, *present;
    struct error *error;
};

/* The field's definition now, where it is read by another policy than before; else NULL. */
static const Hopnhat__FieldDefinition *altered(const struct reread *reread, uint32_t number)
{
    const Hopnhat__FieldDefinition *before = type_field(reread->former, number);
    const Hopnhat__FieldDefinition *now = type_field(reread->present, number);
    return before && now && before->policy != now->policy &&
                   catalog_policies_agree(before->policy, now->policy)
               ? now
               : NULL;
}

static const char *policy_name(Hopnhat__MergePolicy policy)
{
    const ProtobufCEnumValue *known =
        protobuf_c_enum_descriptor_get_value(&hopnhat__merge_policy__descriptor, (int)policy);
    return known ? known->name : "another policy";
}

/* An unsettled row goes over to the policy that the field is read by now. */
static bool reread_row(struct reread *reread, Hopnhat__Resolution *row)
{
    struct admission *admission = reread->admission;
    const Hopnhat__FieldDefinition *definition = altered(reread, row->field);
    if (row->state == HOPNHAT__RESOLUTION_STATE__RESOLUTION_SETTLED || !definition)
        return true;
    const Hopnhat__Record *record =
        hub_record(&admission->transaction, row->type, row->record.data, admission->work);
    if (!record)
        return true;
    const struct journal_former former = journal_former(row);
    row->note =
        arena_format(admission->work, "read by %s no more, but by %s, since version %u of the catalog",
                     policy_name((Hopnhat__MergePolicy)row->policy), policy_name(definition->policy),
                     catalog_version(admission->hub->catalog));
    row->policy = definition->policy;
    row->state = HOPNHAT__RESOLUTION_STATE__RESOLUTION_SETTLED;
    if (fold_reads_one(definition->policy)) {
        bool deleted;
        if (!journal_deleted(admission->hub->catalog, record, admission->work, &deleted, reread->error) ||
            !journal_set_chosen(admission, row, record, definition, reread->error))
            return false;
        row->state = journal_state_under(definition->policy, deleted);
        if (definition->policy == HOPNHAT__MERGE_POLICY__TEXT &&
            !texts_note(admission, record, definition->number, reread->error))
            return false;
    } else {
        row->has_settled_ms = true;
        row->settled_ms = admission->received_ms;
    }
    journal_put(admission, row, &former);
    return true;
}

/* Every row of the type, by key: a cursor does not stay while rows are written. */
static bool reread_rows(struct reread *reread)
{
    struct admission *admission = reread->admission;
    struct key prefix = {0}, at;
    struct cursor cursor;
    bool done = true, here = true;
    key_add_u32(&prefix, type_definition(reread->present)->number);
    at = prefix;
    while (done && here) {
        arena_reset(admission->work);
        cursor_open(&cursor, &admission->transaction, HUB_CONFLICT);
        here = cursor_seek(&cursor, key_bytes(&at)) && cursor_within(&cursor, key_bytes(&prefix));
        Hopnhat__Resolution *row = NULL;
        if (here) {
            at.size = 0;
            key_add(&at, cursor.key.data, cursor.key.size);
            row = row_unpack(&admission->transaction, cursor.value, &hopnhat__resolution__descriptor,
                             admission->work);
        }
        cursor_close(&cursor);
        done = !row || reread_row(reread, row);
        key_add(&at, "", 1);
    }
    return done && !admission->transaction.failed;
}

/* Whether the field reads one value now and read all before: its bags are in no row yet. */
static bool is_newly_single(const struct reread *reread, const Hopnhat__FieldDefinition *before)
{
    const Hopnhat__FieldDefinition *now = altered(reread, before->number);
    return now && fold_reads_one(now->policy) && !fold_reads_one(before->policy);
}

static bool open_rows(struct reread *reread, const Hopnhat__Record *record)
{
    const Hopnhat__TypeDefinition *former = type_definition(reread->former);
    bool deleted;
    if (!journal_deleted(reread->admission->hub->catalog, record, reread->admission->work, &deleted,
                         reread->error))
        return false;
    for (size_t i = 0; i < former->n_fields; i++) {
        const Hopnhat__Field *field = record_field(record, former->fields[i]->number);
        if (!field || !is_newly_single(reread, former->fields[i]) ||
            !journal_concurrent(reread->admission->hub->catalog, record, altered(reread, field->number)))
            continue;
        if (!journal_open(reread->admission, record, altered(reread, field->number), deleted, NULL,
                          reread->error))
            return false;
    }
    return true;
}

static bool open_records(struct reread *reread)
{
    struct admission *admission = reread->admission;
    struct key prefix = {0};
    struct cursor cursor;
    bool done = true;
    key_add_u32(&prefix, type_definition(reread->present)->number);
    cursor_open(&cursor, &admission->transaction, HUB_RECORD); /* which nothing here writes */
    for (bool here = cursor_seek(&cursor, key_bytes(&prefix));
         here && done && cursor_within(&cursor, key_bytes(&prefix)); here = cursor_next(&cursor)) {
        arena_reset(admission->work);
        const Hopnhat__Record *record =
            row_unpack(&admission->transaction, cursor.value, &hopnhat__record__descriptor, admission->work);
        done = record && open_rows(reread, record);
    }
    cursor_close(&cursor);
    return done && !admission->transaction.failed;
}

static bool reread_type(struct reread *reread)
{
    const Hopnhat__TypeDefinition *former = type_definition(reread->former);
    bool rows = false, records = false;
    for (size_t i = 0; i < former->n_fields; i++) {
        rows =
            rows || (altered(reread, former->fields[i]->number) && fold_reads_one(former->fields[i]->policy));
        records = records || is_newly_single(reread, former->fields[i]);
    }
    return (!rows || reread_rows(reread)) && (!records || open_records(reread));
}

bool journal_reread(struct admission *admission, const struct catalog *former, struct error *error)
{
    struct arena arena, *usual = admission->work;
    bool done = true;
    arena_init(&arena, ROW_ARENA_BYTES);
    admission->work = &arena;
    for (size_t i = 0; done && i < catalog_type_count(former); i++) {
        struct reread reread = {.admission = admission, .former = catalog_type_at(former, i), .error = error};
        reread.present = catalog_type(admission->hub->catalog, type_definition(reread.former)->number);
        done = !reread.present || reread_type(&reread);
    }
    admission->work = usual;
    arena_release(&arena);
    return done;
}
