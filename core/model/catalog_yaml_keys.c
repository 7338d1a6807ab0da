#include "model/catalog_yaml_keys.h"

#include "base/limits.h"

#include <catalog.pb-c.h>
#include <stddef.h>

static const struct word policies[] = {
    {"latest", HOPNHAT__MERGE_POLICY__LATEST},   {"authority", HOPNHAT__MERGE_POLICY__AUTHORITY},
    {"highest", HOPNHAT__MERGE_POLICY__HIGHEST}, {"lowest", HOPNHAT__MERGE_POLICY__LOWEST},
    {"sum", HOPNHAT__MERGE_POLICY__SUM},         {"union", HOPNHAT__MERGE_POLICY__UNION},
    {"thread", HOPNHAT__MERGE_POLICY__THREAD},   {"text", HOPNHAT__MERGE_POLICY__TEXT},
    {"review", HOPNHAT__MERGE_POLICY__REVIEW},   {NULL, 0},
};

/* Without bytes, which only built-in types have. */
static const struct word kinds[] = {
    {"text", HOPNHAT__VALUE_KIND__KIND_TEXT},       {"integer", HOPNHAT__VALUE_KIND__KIND_INTEGER},
    {"decimal", HOPNHAT__VALUE_KIND__KIND_DECIMAL}, {"date", HOPNHAT__VALUE_KIND__KIND_DATE},
    {"time", HOPNHAT__VALUE_KIND__KIND_TIME},       {"boolean", HOPNHAT__VALUE_KIND__KIND_BOOLEAN},
    {"enum", HOPNHAT__VALUE_KIND__KIND_ENUM},       {"reference", HOPNHAT__VALUE_KIND__KIND_REFERENCE},
    {"country", HOPNHAT__VALUE_KIND__KIND_COUNTRY}, {NULL, 0},
};

static const struct word audiences[] = {
    {"everyone", HOPNHAT__AUDIENCE__AUDIENCE_EVERYONE},
    {"office", HOPNHAT__AUDIENCE__AUDIENCE_OFFICE},
    {"cluster", HOPNHAT__AUDIENCE__AUDIENCE_CLUSTER},
    {NULL, 0},
};

static const struct word write_rules[] = {
    {"any", HOPNHAT__WRITE_RULE__WRITE_ANY},
    {"owner_or_headquarters", HOPNHAT__WRITE_RULE__WRITE_OWNER_OR_HEADQUARTERS},
    {"owner", HOPNHAT__WRITE_RULE__WRITE_OWNER},
    {"headquarters", HOPNHAT__WRITE_RULE__WRITE_HEADQUARTERS},
    {NULL, 0},
};

static const struct word deletions[] = {
    {"edit_wins", HOPNHAT__DELETE_POLICY__EDIT_WINS},
    {"delete_wins", HOPNHAT__DELETE_POLICY__DELETE_WINS},
    {NULL, 0},
};

#define TEXT_KEY(type, member, ...)                                                                          \
    {                                                                                                        \
        .key = #member, .shape = KEY_TEXT, .offset = offsetof(type, member), __VA_ARGS__                     \
    }
#define FLAG_KEY(type, member)                                                                               \
    {                                                                                                        \
        .key = #member, .shape = KEY_FLAG, .offset = offsetof(type, member),                                 \
        .has_offset = offsetof(type, has_##member)                                                           \
    }
#define WORD_KEY(type, member, list)                                                                         \
    {                                                                                                        \
        .key = #member, .shape = KEY_WORD, .offset = offsetof(type, member),                                 \
        .has_offset = offsetof(type, has_##member), .words = list                                            \
    }
#define LABEL_KEYS(type)                                                                                     \
    {.key = "vi", .shape = KEY_VI, .offset = offsetof(type, label)},                                         \
    {                                                                                                        \
        .key = "en", .shape = KEY_EN, .offset = offsetof(type, label)                                        \
    }
#define TEXTS_KEY(type, member)                                                                              \
    {                                                                                                        \
        .key = #member, .shape = KEY_TEXTS, .offset = offsetof(type, member),                                \
        .has_offset = offsetof(type, n_##member)                                                             \
    }
#define LIST_KEY(type, member, rule)                                                                         \
    {                                                                                                        \
        .key = #member, .shape = KEY_MESSAGES, .offset = offsetof(type, member),                             \
        .has_offset = offsetof(type, n_##member), .message = rule                                            \
    }
#define NUMBER_KEY(type, low, high)                                                                          \
    {                                                                                                        \
        .key = "number", .shape = KEY_NUMBER, .offset = offsetof(type, number), .required = true,            \
        .least = low, .most = high                                                                           \
    }

static const struct key_rule choice_keys[] = {
    TEXT_KEY(Hopnhat__Choice, name, .required = true),
    LABEL_KEYS(Hopnhat__Choice),
    TEXTS_KEY(Hopnhat__Choice, aliases),
    FLAG_KEY(Hopnhat__Choice, retired),
    {0},
};
static const struct message_rule choice_rule = {"a choice", &hopnhat__choice__descriptor, choice_keys};

static const struct key_rule field_keys[] = {
    NUMBER_KEY(Hopnhat__FieldDefinition, 16, LIMIT_FIELD_NUMBER),
    TEXT_KEY(Hopnhat__FieldDefinition, name, .required = true),
    WORD_KEY(Hopnhat__FieldDefinition, kind, kinds),
    WORD_KEY(Hopnhat__FieldDefinition, policy, policies),
    LABEL_KEYS(Hopnhat__FieldDefinition),
    TEXTS_KEY(Hopnhat__FieldDefinition, aliases),
    FLAG_KEY(Hopnhat__FieldDefinition, required),
    WORD_KEY(Hopnhat__FieldDefinition, write, write_rules),
    LIST_KEY(Hopnhat__FieldDefinition, choices, &choice_rule),
    TEXT_KEY(Hopnhat__FieldDefinition, reference, .required = false),
    FLAG_KEY(Hopnhat__FieldDefinition, indexed),
    FLAG_KEY(Hopnhat__FieldDefinition, yearly),
    {.key = "most_bytes",
     .shape = KEY_NUMBER,
     .offset = offsetof(Hopnhat__FieldDefinition, most_bytes),
     .has_offset = offsetof(Hopnhat__FieldDefinition, has_most_bytes),
     .least = 1,
     .most = LIMIT_VALUE_BYTES},
    TEXT_KEY(Hopnhat__FieldDefinition, least, .required = false),
    TEXT_KEY(Hopnhat__FieldDefinition, most, .required = false),
    TEXT_KEY(Hopnhat__FieldDefinition, pattern, .required = false),
    FLAG_KEY(Hopnhat__FieldDefinition, retired),
    TEXT_KEY(Hopnhat__FieldDefinition, unit, .required = false),
    FLAG_KEY(Hopnhat__FieldDefinition, personal),
    TEXT_KEY(Hopnhat__FieldDefinition, not_before, .required = false),
    {0},
};
static const struct message_rule field_rule = {"a field", &hopnhat__field_definition__descriptor, field_keys};

static const struct key_rule type_keys[] = {
    NUMBER_KEY(Hopnhat__TypeDefinition, 16, LIMIT_TYPE_NUMBER),
    TEXT_KEY(Hopnhat__TypeDefinition, name, .required = true),
    LABEL_KEYS(Hopnhat__TypeDefinition),
    TEXTS_KEY(Hopnhat__TypeDefinition, aliases),
    WORD_KEY(Hopnhat__TypeDefinition, audience, audiences),
    WORD_KEY(Hopnhat__TypeDefinition, write, write_rules),
    WORD_KEY(Hopnhat__TypeDefinition, deletion, deletions),
    LIST_KEY(Hopnhat__TypeDefinition, fields, &field_rule),
    TEXT_KEY(Hopnhat__TypeDefinition, title, .required = false),
    FLAG_KEY(Hopnhat__TypeDefinition, retired),
    FLAG_KEY(Hopnhat__TypeDefinition, ahead),
    TEXT_KEY(Hopnhat__TypeDefinition, urgent, .required = false),
    {0},
};
static const struct message_rule type_rule = {"a type", &hopnhat__type_definition__descriptor, type_keys};

static const struct key_rule catalog_keys[] = {
    {.key = "version",
     .shape = KEY_NUMBER,
     .offset = offsetof(Hopnhat__Catalog, version),
     .required = true,
     .least = 1,
     .most = UINT32_MAX},
    TEXT_KEY(Hopnhat__Catalog, name, .required = false),
    TEXT_KEY(Hopnhat__Catalog, time_zone, .required = false),
    LIST_KEY(Hopnhat__Catalog, types, &type_rule),
    {0},
};
const struct message_rule catalog_rule = {"the catalog", &hopnhat__catalog__descriptor, catalog_keys};
