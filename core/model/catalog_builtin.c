#include "model/catalog_builtin.h"

#include <record.pb-c.h>

struct builtin_field {
    uint32_t number;
    const char *name;
    Hopnhat__ValueKind kind;
    Hopnhat__MergePolicy policy;
    const char *vi, *en;
    bool required;
    const char *choices[4];
};

struct builtin_type {
    uint32_t number;
    const char *name, *vi, *en, *title, *urgent;
    struct builtin_field fields[12]; /* ends with one without a name */
};

#define TEXT      HOPNHAT__VALUE_KIND__KIND_TEXT
#define INTEGER   HOPNHAT__VALUE_KIND__KIND_INTEGER
#define DATE      HOPNHAT__VALUE_KIND__KIND_DATE
#define BOOLEAN   HOPNHAT__VALUE_KIND__KIND_BOOLEAN
#define ENUM      HOPNHAT__VALUE_KIND__KIND_ENUM
#define BYTES     HOPNHAT__VALUE_KIND__KIND_BYTES
#define LATEST    HOPNHAT__MERGE_POLICY__LATEST
#define AUTHORITY HOPNHAT__MERGE_POLICY__AUTHORITY
#define HIGHEST   HOPNHAT__MERGE_POLICY__HIGHEST
#define UNION     HOPNHAT__MERGE_POLICY__UNION

static const struct builtin_field system_table[SYSTEM_FIELDS] = {
    {HOPNHAT__SYSTEM_FIELD__SYSTEM_GROUP, "group", TEXT, AUTHORITY, "Nhóm", "Group", false, {0}},
    {HOPNHAT__SYSTEM_FIELD__SYSTEM_OWNER,
     "owner",
     TEXT,
     AUTHORITY,
     "Đơn vị giữ bản ghi",
     "Owner",
     false,
     {0}},
    {HOPNHAT__SYSTEM_FIELD__SYSTEM_DELETED, "deleted", BYTES, LATEST, "Đã xoá", "Deleted", false, {0}},
    {HOPNHAT__SYSTEM_FIELD__SYSTEM_PURGED, "purged", BYTES, LATEST, "Đã bỏ hẳn", "Purged", false, {0}},
};

static const struct builtin_type type_table[BUILTIN_TYPES] = {
    {HOPNHAT__BUILT_IN_TYPE__TYPE_OFFICE,
     "office",
     "Đơn vị",
     "Office",
     "name",
     NULL,
     {
         {16, "code", TEXT, LATEST, "Mã", "Code", true, {0}},
         {17, "name", TEXT, LATEST, "Tên", "Name", true, {0}},
         {18, "groups", TEXT, UNION, "Các nhóm", "Groups", false, {0}},
         {19, "headquarters", BOOLEAN, LATEST, "Cơ quan trung ương", "Headquarters", false, {0}},
         {20, "status", ENUM, LATEST, "Trạng thái", "Status", false, {"active", "merged", "closed"}},
         {21, "merged_into", TEXT, LATEST, "Sáp nhập vào", "Merged into", false, {0}},
         {22, "revoked", BOOLEAN, LATEST, "Bị thu hồi", "Revoked", false, {0}},
         {23, "replicas", TEXT, UNION, "Các bản sao", "Replicas", false, {0}},
         {24, "revoked_before", INTEGER, HIGHEST, "Thu hồi trước", "Revoked before", false, {0}},
         {25, "revoked_keys", TEXT, UNION, "Khoá bị thu hồi", "Revoked keys", false, {0}},
         {26, "retired", TEXT, UNION, "Máy đã ngừng chờ", "Retired", false, {0}},
     }},
    {HOPNHAT__BUILT_IN_TYPE__TYPE_CATALOG,
     "catalog",
     "Danh mục",
     "Catalog",
     "version",
     NULL,
     {
         {16, "version", INTEGER, LATEST, "Phiên bản", "Version", true, {0}},
         {17, "body", BYTES, LATEST, "Nội dung", "Body", true, {0}},
         {18, "hash", TEXT, LATEST, "Mã băm", "Hash", true, {0}},
     }},
    {HOPNHAT__BUILT_IN_TYPE__TYPE_NOTICE,
     "notice",
     "Thông báo",
     "Notice",
     "title",
     "urgent",
     {
         {16, "title", TEXT, LATEST, "Tiêu đề", "Title", true, {0}},
         {17, "body", TEXT, LATEST, "Nội dung", "Body", false, {0}},
         {18, "issued", DATE, LATEST, "Ngày", "Issued", false, {0}},
         {19, "urgent", BOOLEAN, LATEST, "Khẩn", "Urgent", false, {0}},
     }},
    {HOPNHAT__BUILT_IN_TYPE__TYPE_ERASURE,
     "erasure",
     "Xoá vĩnh viễn",
     "Erasure",
     "target",
     NULL,
     {
         {16, "fields", TEXT, UNION, "Các trường", "Fields", false, {0}},
         {17, "reason", TEXT, LATEST, "Lý do", "Reason", true, {0}},
         {18, "target", TEXT, LATEST, "Bản ghi", "Record", true, {0}},
     }},
    {HOPNHAT__BUILT_IN_TYPE__TYPE_QUARANTINE_DECISION,
     "quarantine_decision",
     "Quyết định về thay đổi bị từ chối",
     "Decision on a refused change",
     "change",
     NULL,
     {
         {16, "change", TEXT, LATEST, "Thay đổi", "Change", true, {0}},
         {17, "state", ENUM, LATEST, "Quyết định", "Decision", true, {"released", "dropped"}},
         {18, "decided_by", TEXT, LATEST, "Người quyết định", "Decided by", false, {0}},
         {19, "note", TEXT, LATEST, "Ghi chú", "Note", false, {0}},
     }},
};

/* Messages are made in an arena; the first allocation that fails is remembered and nothing is made after it.
 */
struct maker {
    struct arena *arena;
    bool failed;
};

static void *make(struct maker *maker, size_t size)
{
    void *memory = maker->failed ? NULL : arena_alloc(maker->arena, size);
    maker->failed = !memory;
    return memory;
}

static void *make_message(struct maker *maker, const ProtobufCMessageDescriptor *descriptor)
{
    void *message = make(maker, descriptor->sizeof_message);
    if (message)
        protobuf_c_message_init(descriptor, message);
    return message;
}

static char *make_string(struct maker *maker, const char *text)
{
    char *copy = make(maker, strlen(text) + 1);
    return copy ? memcpy(copy, text, strlen(text) + 1) : NULL;
}

static Hopnhat__Label *make_label(struct maker *maker, const char *vi, const char *en)
{
    Hopnhat__Label *label = make_message(maker, &hopnhat__label__descriptor);
    if (!label)
        return NULL;
    label->vi = make_string(maker, vi);
    label->en = make_string(maker, en);
    return label;
}

static Hopnhat__FieldDefinition *make_field(struct maker *maker, const struct builtin_field *row)
{
    Hopnhat__FieldDefinition *field = make_message(maker, &hopnhat__field_definition__descriptor);
    if (!field)
        return NULL;
    field->number = row->number;
    field->name = make_string(maker, row->name);
    field->has_kind = field->has_policy = field->has_required = true;
    field->kind = row->kind;
    field->policy = row->policy;
    field->required = row->required;
    field->label = make_label(maker, row->vi, row->en);
    field->choices = make(maker, sizeof row->choices);
    for (size_t i = 0; !maker->failed && row->choices[i]; i++) {
        Hopnhat__Choice *choice = make_message(maker, &hopnhat__choice__descriptor);
        if (choice)
            choice->name = make_string(maker, row->choices[i]);
        field->choices[field->n_choices++] = choice;
    }
    return field;
}

static Hopnhat__TypeDefinition *make_type(struct maker *maker, const struct builtin_type *row)
{
    Hopnhat__TypeDefinition *type = make_message(maker, &hopnhat__type_definition__descriptor);
    if (!type)
        return NULL;
    type->number = row->number;
    type->name = make_string(maker, row->name);
    type->label = make_label(maker, row->vi, row->en);
    type->has_audience = type->has_write = true;
    type->audience = HOPNHAT__AUDIENCE__AUDIENCE_EVERYONE;
    type->write = HOPNHAT__WRITE_RULE__WRITE_HEADQUARTERS;
    type->title = make_string(maker, row->title);
    type->has_ahead = type->ahead = row->urgent != NULL;
    type->urgent = row->urgent ? make_string(maker, row->urgent) : NULL;
    type->fields = make(maker, sizeof row->fields / sizeof *row->fields * sizeof *type->fields);
    for (size_t i = 0; !maker->failed && row->fields[i].name; i++)
        type->fields[type->n_fields++] = make_field(maker, &row->fields[i]);
    return type;
}

bool builtin_types(struct arena *arena, Hopnhat__TypeDefinition *types[BUILTIN_TYPES], struct error *error)
{
    struct maker maker = {.arena = arena};
    for (size_t i = 0; i < BUILTIN_TYPES; i++)
        types[i] = make_type(&maker, &type_table[i]);
    return !maker.failed || error_set(error, ERROR_MEMORY, "no memory for the built-in types");
}

bool system_fields(struct arena *arena, Hopnhat__FieldDefinition *fields[SYSTEM_FIELDS], struct error *error)
{
    struct maker maker = {.arena = arena};
    for (size_t i = 0; i < SYSTEM_FIELDS; i++)
        fields[i] = make_field(&maker, &system_table[i]);
    return !maker.failed || error_set(error, ERROR_MEMORY, "no memory for the system fields");
}

bool builtin_type_has_name(const char *name)
{
    for (size_t i = 0; i < BUILTIN_TYPES; i++)
        if (strcmp(type_table[i].name, name) == 0)
            return true;
    return false;
}

bool field_name_is_reserved(const char *name)
{
    static const char *const words[] = {"id", "rev", "type", "group", "owner", "deleted", "open", "purged"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(words[i], name) == 0)
            return true;
    return false;
}
