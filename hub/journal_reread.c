/* The journal under a catalog that reads the same bags otherwise. */
#include "hub/journal_row.h"

#include "hub/texts.h"
#include "model/fold.h"
#include "store/key.h"
#include "store/rows.h"

enum { ROW_ARENA_BYTES = 256 * 1024 * 1024 };

/* A type under the catalog in force. */
struct reread {
    struct admission *admission;
    const struct catalog_type *present;
    const Hopnhat__Record *record; /* of it, looked at now */
    bool deleted;                  /* it reads so */
    struct error *error;
};

static bool same_unit(const Hopnhat__FieldDefinition *one, const Hopnhat__FieldDefinition *other)
{
    return strcmp(one->unit ? one->unit : "", other->unit ? other->unit : "") == 0;
}

/* Whether what stands side by side in the type may be read otherwise than before. */
static bool is_altered(const struct catalog_type *former, const struct catalog_type *present)
{
    const Hopnhat__TypeDefinition *before = type_definition(former), *now = type_definition(present);
    bool altered = before->deletion != now->deletion;
    for (size_t i = 0; i < before->n_fields && !altered; i++) {
        const Hopnhat__FieldDefinition *field = type_field(present, before->fields[i]->number);
        altered =
            field && (before->fields[i]->policy != field->policy ||
                      before->fields[i]->retired != field->retired || !same_unit(before->fields[i], field));
    }
    return altered;
}

static const char *policy_name(Hopnhat__MergePolicy policy)
{
    const ProtobufCEnumValue *known =
        protobuf_c_enum_descriptor_get_value(&hopnhat__merge_policy__descriptor, (int)policy);
    return known ? known->name : "another policy";
}

/* Why the row says something else now. */
static char *note_of(const struct reread *reread, const Hopnhat__Resolution *row,
                     const Hopnhat__FieldDefinition *definition)
{
    struct arena *arena = reread->admission->work;
    const unsigned version = catalog_version(reread->admission->hub->catalog);
    if (definition->retired)
        return arena_format(arena, "the field is retired since version %u of the catalog", version);
    if (row->policy == definition->policy)
        return arena_format(arena, "read in another unit since version %u of the catalog", version);
    return arena_format(arena, "read by %s no more, but by %s, since version %u of the catalog",
                        policy_name((Hopnhat__MergePolicy)row->policy), policy_name(definition->policy),
                        version);
}

/* An unsettled row goes over to how the field is read now; it ends where nothing stands side by side. */
static bool reread_row(const struct reread *reread, Hopnhat__Resolution *row,
                       const Hopnhat__FieldDefinition *definition, bool stands)
{
    struct admission *admission = reread->admission;
    const struct journal_former former = journal_former(row);
    if (!stands || row->policy != definition->policy)
        row->note = note_of(reread, row, definition);
    row->policy = definition->policy;
    if (stands) {
        row->state = journal_state_under(definition->policy, reread->deleted);
    } else {
        row->state = HOPNHAT__RESOLUTION_STATE__RESOLUTION_SETTLED;
        row->has_settled_ms = true;
        row->settled_ms = admission->received_ms;
    }
    if (fold_reads_one(definition->policy) &&
        !journal_set_chosen(admission, row, reread->record, definition, reread->error))
        return false;
    journal_put(admission, row, &former);
    return true;
}

static bool reread_field(const struct reread *reread, const Hopnhat__Field *field)
{
    struct admission *admission = reread->admission;
    const Hopnhat__FieldDefinition *definition = type_field(reread->present, field->number);
    if (!definition || field->n_entries < 2 || field->number == HOPNHAT__SYSTEM_FIELD__SYSTEM_DELETED)
        return true;
    bool stands =
        fold_reads_one(definition->policy) && fold_concurrent(reread->present, reread->record, definition);
    Hopnhat__Resolution *row = journal_unsettled(admission, reread->record, field->number);
    if (row ? !reread_row(reread, row, definition, stands)
            : stands &&
                  !journal_open(admission, reread->record, definition, reread->deleted, NULL, reread->error))
        return false;
    return !stands || reread->deleted || definition->policy != HOPNHAT__MERGE_POLICY__TEXT ||
           texts_note(admission, reread->record, field->number, reread->error);
}

static bool reread_record(struct reread *reread)
{
    struct admission *admission = reread->admission;
    bool done = journal_deleted(admission->hub->catalog, reread->record, admission->work, &reread->deleted,
                                reread->error);
    for (size_t i = 0; done && i < reread->record->n_fields; i++)
        done = reread_field(reread, reread->record->fields[i]);
    return done;
}

static bool reread_type(struct reread *reread)
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
        reread->record =
            row_unpack(&admission->transaction, cursor.value, &hopnhat__record__descriptor, admission->work);
        done = reread->record && reread_record(reread);
    }
    cursor_close(&cursor);
    return done && !admission->transaction.failed;
}

bool journal_reread(struct admission *admission, const struct catalog *former, struct error *error)
{
    struct arena arena, *usual = admission->work;
    bool done = true;
    arena_init(&arena, ROW_ARENA_BYTES);
    admission->work = &arena;
    for (size_t i = 0; done && i < catalog_type_count(former); i++) {
        const struct catalog_type *type = catalog_type_at(former, i);
        struct reread reread = {.admission = admission, .error = error};
        reread.present = catalog_type(admission->hub->catalog, type_definition(type)->number);
        done = !reread.present || !is_altered(type, reread.present) || reread_type(&reread);
    }
    admission->work = usual;
    arena_release(&arena);
    return done;
}
