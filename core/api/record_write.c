#include "api/handlers.h"

#include "api/assignment.h"
#include "api/bulk.h"
#include "api/token.h"
#include "base/uuid.h"
#include "model/bag.h"
#include "model/erasure.h"
#include "model/office.h"
#include "net/keys.h"

static const char *const write_keys[] = {"set", "add", "remove", "author", "token", NULL};

/* Offices, catalogs and erasures have rules of their own, which the commands for them keep. */
static bool may_write(const struct catalog_type *type, struct error *error)
{
    static const char *const commands[] = {
        [HOPNHAT__BUILT_IN_TYPE__TYPE_OFFICE] = "office commands",
        [HOPNHAT__BUILT_IN_TYPE__TYPE_CATALOG] = "catalog commands",
        [HOPNHAT__BUILT_IN_TYPE__TYPE_ERASURE] = "command erase",
    };
    uint32_t number = type_definition(type)->number;
    if (number >= sizeof commands / sizeof *commands || !commands[number])
        return true;
    return error_set(error, ERROR_REFUSED,
                     "records of the type %s are not written this way; use the hub's %s",
                     type_definition(type)->name, commands[number]);
}

const struct catalog_type *call_writable_type(struct api_call *call, struct error *error)
{
    const struct catalog_type *type = call_type(call, error);
    return type && may_write(type, error) ? type : NULL;
}

bool call_shown(struct api_call *call, const Hopnhat__Record *record, struct shown *shown,
                struct error *error)
{
    error->code = ERROR_NONE;
    const char *token = api_body_string(call, "token", error);
    if (error->code != ERROR_NONE)
        return false;
    *shown = call->records->shown_now(call->records->context, record);
    uint64_t replica = shown->replica;
    if (!token)
        return true;
    if (!token_parse(token, shown, error))
        return false;
    return shown->replica == replica ||
           error_set(error, ERROR_INPUT,
                     "token: what was shown is from before this store came back from a copy; look again");
}

/* A warning where the value leads to no record that is to be seen here. Empty: it does. NULL with the error.
 */
static const char *missing_reference(struct api_call *call, const Hopnhat__FieldDefinition *field,
                                     struct bytes value, struct error *error)
{
    const struct records *records = call->records;
    const struct catalog *catalog = records->catalog(records->context);
    const struct catalog_type *type = field->reference ? catalog_type_named(catalog, field->reference) : NULL;
    struct record_id id;
    bool deleted = false;
    const char *text = arena_string(call->arena, value.data, value.size);
    if (!text || !type || !record_id_parse(text, &id))
        return text ? "" : NULL;
    const Hopnhat__Record *record =
        records->get(records->context, type_definition(type)->number, id.bytes, call->arena, error);
    if (!record && error->code != ERROR_NOT_FOUND)
        return NULL;
    error->code = ERROR_NONE;
    if (!record)
        return arena_format(call->arena, "%s: there is no %s %s here; it may still come", field->name,
                            field->reference, text);
    if (!fold_deleted(type, record, call->arena, &deleted, NULL, error))
        return NULL;
    return deleted
               ? arena_format(call->arena, "%s: the %s %s is deleted", field->name, field->reference, text)
               : "";
}

/* What the writer should know of an edit that was taken. NULL with the error. */
static json_t *warnings_of(struct api_call *call, const struct new_edit *edit, struct error *error)
{
    const struct records *records = call->records;
    const struct catalog_type *type = catalog_type(records->catalog(records->context), edit->type);
    json_t *warnings = json_array();
    for (size_t i = 0; warnings && type && i < edit->op_count; i++) {
        const Hopnhat__FieldDefinition *field = type_field(type, edit->ops[i].field);
        if (!field || field->kind != HOPNHAT__VALUE_KIND__KIND_REFERENCE || edit->ops[i].value.size == 0)
            continue;
        const char *warning = missing_reference(call, field, edit->ops[i].value, error);
        if (!warning || (*warning && json_array_append_new(warnings, json_string(warning)) < 0)) {
            json_decref(warnings);
            return NULL;
        }
    }
    return warnings;
}

static json_t *answer_written(struct api_call *call, const struct new_edit *edit, bool changed,
                              struct error *error)
{
    const struct records *records = call->records;
    char id_text[RECORD_ID_TEXT_BYTES], token[TOKEN_TEXT_BYTES];
    struct record_id id;
    struct shown shown = {0};
    memcpy(id.bytes, edit->record, sizeof id.bytes);
    record_id_format(&id, id_text);
    if (!records->begin(records->context, error))
        return NULL;
    const Hopnhat__Record *record =
        records->get(records->context, edit->type, edit->record, call->arena, error);
    if (record)
        shown = records->shown_now(records->context, record);
    error->code = ERROR_NONE;
    json_t *warnings = warnings_of(call, edit, error);
    records->end(records->context);
    token_format(&shown, token);
    json_t *json = json_pack("{s:s, s:b, s:s}", "id", id_text, "changed", changed, "token", token);
    if (json && json_array_size(warnings))
        json_object_set(json, "warnings", warnings); /* the edit is on disk: without them it is no error */
    json_decref(warnings);
    if (!json)
        out_of_memory(error);
    return json;
}

static struct bytes owner_put(const struct new_edit *edit)
{
    for (size_t i = 0; i < edit->op_count; i++)
        if (edit->ops[i].field == HOPNHAT__SYSTEM_FIELD__SYSTEM_OWNER &&
            edit->ops[i].kind == HOPNHAT__OP_KIND__PUT)
            return edit->ops[i].value;
    return bytes_of(NULL, 0);
}

/* NULL: it is not known, or with error->code set. */
static const Hopnhat__Record *office_of_code(const struct records *records, const char *code, bool running,
                                             struct arena *arena, struct error *error)
{
    const uint32_t type = HOPNHAT__BUILT_IN_TYPE__TYPE_OFFICE;
    uint8_t id[RECORD_ID_BYTES];
    office_record_id(code, id);
    error->code = ERROR_NONE;
    if (running)
        return records->bulk->get(records->context, type, id, arena);
    if (!records->begin(records->context, error))
        return NULL;
    const Hopnhat__Record *office = records->get(records->context, type, id, arena, error);
    records->end(records->context);
    if (error->code == ERROR_NOT_FOUND)
        error->code = ERROR_NONE;
    return office;
}

bool owner_is_known(const struct records *records, const struct new_edit *edit, bool running,
                    struct arena *arena, struct error *error)
{
    struct bytes owner = owner_put(edit);
    const struct catalog_type *type = catalog_type(records->catalog(records->context), edit->type);
    const char *code = arena_string(arena, owner.data, owner.size), *own;
    if (!code)
        return out_of_memory(error);
    if (!*code || strcmp(code, HEADQUARTERS_OWNER) == 0 ||
        office_of_code(records, code, running, arena, error))
        return true;
    return error->code == ERROR_NONE &&
           records->defaults(records->context, type_definition(type), NULL, arena, NULL, &own, error) &&
           ((own && strcmp(code, own) == 0) ||
            error_set(error, ERROR_INPUT, "owner: there is no office %.60s", code));
}

json_t *call_write(struct api_call *call, const struct new_edit *edit, struct error *error)
{
    const struct records *records = call->records;
    const char *author;
    if (!api_author(call, &author, error))
        return NULL;
    if (edit->op_count == 0)
        return answer_written(call, edit, false, error);
    if (!owner_is_known(records, edit, false, call->arena, error) ||
        !records->write(records->context, edit, 1, author, call->wall_ms, error))
        return NULL;
    return answer_written(call, edit, true, error);
}

/* Adds group and owner where the request names none. */
static bool complete(struct api_call *call, const struct catalog_type *type, struct assignment_list *list,
                     struct error *error)
{
    const struct records *records = call->records;
    const struct assignment *group = assignment_of_field(list, HOPNHAT__SYSTEM_FIELD__SYSTEM_GROUP);
    const struct assignment *owner = assignment_of_field(list, HOPNHAT__SYSTEM_FIELD__SYSTEM_OWNER);
    const char *owner_text = NULL, *default_group = NULL, *default_owner = NULL;
    if (group && owner)
        return true;
    if (owner && owner->count)
        owner_text = arena_string(call->arena, owner->values[0].data, owner->values[0].size);
    if (!records->defaults(records->context, type_definition(type), owner_text, call->arena,
                           group ? NULL : &default_group, owner ? NULL : &default_owner, error))
        return false;
    return (group || assignment_add(list, type, HOPNHAT__SYSTEM_FIELD__SYSTEM_GROUP, default_group,
                                    call->arena, error)) &&
           (owner || assignment_add(list, type, HOPNHAT__SYSTEM_FIELD__SYSTEM_OWNER, default_owner,
                                    call->arena, error));
}

/* In a record that is not there yet, to set a thread is to add its first posts. */
static void set_threads_by_adding(struct assignment_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->items[i].kind == ASSIGN_SET && list->items[i].count &&
            list->items[i].definition->policy == HOPNHAT__MERGE_POLICY__THREAD)
            list->items[i].kind = ASSIGN_ADD;
}

json_t *handle_add(struct api_call *call, struct error *error)
{
    static const char *const keys[] = {"set", "add", "author", NULL};
    struct record_id id;
    struct assignment_list list;
    struct new_edit edit;
    uint8_t random[10];
    const struct catalog_type *type = call_writable_type(call, error);
    if (!type || !api_body_keys(call, keys, error) ||
        !assignment_read(type, call->body, call->arena, &list, error) || !complete(call, type, &list, error))
        return NULL;
    set_threads_by_adding(&list);
    keys_random(random, sizeof random);
    record_id_generate(&id, call->wall_ms, random);
    Hopnhat__Record *record = record_new(call->arena, type_definition(type)->number, id.bytes);
    if (!record) {
        out_of_memory(error);
        return NULL;
    }
    if (!edit_make(type, record, list.items, list.count, call->arena, &edit, error))
        return NULL;
    return call_write(call, &edit, error);
}

/* The record that the path names, with only what the request says it was shown; `list` is to be written to
 * it. NULL on error. */
static Hopnhat__Record *shown_record(struct api_call *call, const struct catalog_type *type,
                                     const struct assignment_list *list, struct error *error)
{
    struct shown shown;
    const Hopnhat__Record *record = call_record(call, type, error);
    if (!record || !call_shown(call, record, &shown, error) ||
        !edit_sums_were_shown(record, &shown, list->items, list->count, error))
        return NULL;
    Hopnhat__Record *seen = record_as_shown(record, &shown, call->arena);
    if (!seen)
        out_of_memory(error);
    return seen;
}

/* Whether nothing that the edit writes was erased since the writer was shown the record. */
static bool saw_erasures(struct api_call *call, const struct new_edit *edit, struct error *error)
{
    const struct records *records = call->records;
    const Hopnhat__Record *record, *erasure;
    uint8_t id[RECORD_ID_BYTES];
    struct error absent;
    struct shown shown;
    if (!json_object_get(call->body, "token"))
        return true;
    if (!records->begin(records->context, error))
        return false;
    erasure_record_id(edit->type, edit->record, id);
    erasure = records->get(records->context, HOPNHAT__BUILT_IN_TYPE__TYPE_ERASURE, id, call->arena, &absent);
    record = erasure ? records->get(records->context, edit->type, edit->record, call->arena, error) : NULL;
    records->end(records->context);
    if (!erasure)
        return absent.code == ERROR_NOT_FOUND || error_set(error, absent.code, "%s", absent.text);
    return record && call_shown(call, record, &shown, error) &&
           erasure_was_shown(erasure, edit, &shown, error);
}

json_t *handle_set(struct api_call *call, struct error *error)
{
    struct assignment_list list;
    struct new_edit edit;
    const struct catalog_type *type = call_writable_type(call, error);
    if (!type || !api_body_keys(call, write_keys, error) ||
        !assignment_read(type, call->body, call->arena, &list, error))
        return NULL;
    if (list.count == 0) {
        error_set(error, ERROR_INPUT, "there is nothing to set");
        return NULL;
    }
    Hopnhat__Record *shown = shown_record(call, type, &list, error);
    if (!shown || !edit_make(type, shown, list.items, list.count, call->arena, &edit, error) ||
        !saw_erasures(call, &edit, error))
        return NULL;
    return call_write(call, &edit, error);
}

json_t *handle_delete(struct api_call *call, struct error *error)
{
    static const char *const keys[] = {"author", "token", NULL};
    struct new_edit edit;
    bool deleted;
    const struct catalog_type *type = call_writable_type(call, error);
    if (!type || !api_body_keys(call, keys, error))
        return NULL;
    Hopnhat__Record *shown = shown_record(call, type, &(struct assignment_list){0}, error);
    if (!shown || !fold_deleted(type, shown, call->arena, &deleted, NULL, error) ||
        !edit_make_deletion(shown, call->arena, &edit, error))
        return NULL;
    if (deleted)
        edit.op_count = 0;
    return call_write(call, &edit, error);
}

json_t *handle_undelete(struct api_call *call, struct error *error)
{
    static const char *const keys[] = {"author", "token", NULL};
    struct new_edit edit;
    const struct catalog_type *type = call_writable_type(call, error);
    if (!type || !api_body_keys(call, keys, error))
        return NULL;
    const Hopnhat__Record *shown = shown_record(call, type, &(struct assignment_list){0}, error);
    if (!shown || !edit_make_restoration(type, shown, call->arena, &edit, error))
        return NULL;
    if (edit.op_count == 0) {
        error_set(error, ERROR_INPUT, "this %s is not deleted", type_definition(type)->name);
        return NULL;
    }
    return call_write(call, &edit, error);
}
