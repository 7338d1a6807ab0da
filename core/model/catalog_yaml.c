#include "model/catalog_yaml.h"

#include "base/limits.h"
#include "model/catalog.h"
#include "model/catalog_change.h"
#include "model/catalog_check.h"
#include "model/catalog_yaml_keys.h"
#include "model/catalog_yaml_tree.h"

#include <stdarg.h>
#include <stdio.h>

struct converter {
    struct arena *arena;
    const char *file_name;
    struct catalog_errors *errors;
    const struct tree_node *root;
    const struct catalog_before *before; /* NULL: it follows none */
    bool out_of_memory;
};

static void tell_line(void *context, unsigned line, const char *text)
{
    struct converter *converter = context;
    struct catalog_errors *errors = converter->errors;
    if (errors->count == CATALOG_MOST_ERRORS) {
        errors->more++;
        return;
    }
    const char *copy = line ? arena_format(converter->arena, "%s:%u: %s", converter->file_name, line, text)
                            : arena_format(converter->arena, "%s: %s", converter->file_name, text);
    errors->list[errors->count++] = (struct catalog_error){line, copy ? copy : "out of memory"};
}

static void tell(struct converter *converter, unsigned line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void tell(struct converter *converter, unsigned line, const char *format, ...)
{
    char text[400];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    tell_line(converter, line, text);
}

static void *make(struct converter *converter, size_t size)
{
    void *memory = arena_alloc(converter->arena, size);
    converter->out_of_memory = converter->out_of_memory || !memory;
    return memory;
}

static void *member(void *message, size_t offset)
{
    return (uint8_t *)message + offset;
}

/* The text of a scalar that says something; NULL (told) for anything else. */
static const char *text_of(struct converter *converter, const struct tree_node *node, const char *key)
{
    if (node->shape != TREE_SCALAR)
        tell(converter, node->line, "`%s` takes one value, not a list or a map", key);
    else if (!*node->text ||
             (node->plain && (strcmp(node->text, "~") == 0 || strcmp(node->text, "null") == 0)))
        tell(converter, node->line, "`%s` has no value", key);
    else
        return node->text;
    return NULL;
}

static char *copy_text(struct converter *converter, const char *text)
{
    char *copy = make(converter, strlen(text) + 1);
    return copy ? memcpy(copy, text, strlen(text) + 1) : NULL;
}

static void read_number(struct converter *converter, const struct key_rule *rule,
                        const struct tree_node *node, const char *text, void *message)
{
    uint64_t number = 0;
    bool good = strlen(text) <= 10 && strspn(text, "0123456789") == strlen(text);
    for (const char *at = text; good && *at; at++)
        number = number * 10 + (uint64_t)(*at - '0');
    if (!good || number < rule->least || number > rule->most) {
        tell(converter, node->line, "`%s` is \"%.60s\": it takes a number from %u to %u", rule->key, text,
             rule->least, rule->most);
        return;
    }
    *(uint32_t *)member(message, rule->offset) = (uint32_t)number;
    if (rule->has_offset)
        *(protobuf_c_boolean *)member(message, rule->has_offset) = true;
}

static void read_flag(struct converter *converter, const struct key_rule *rule, const struct tree_node *node,
                      const char *text, void *message)
{
    bool yes = strcmp(text, "true") == 0;
    if (!yes && strcmp(text, "false") != 0) {
        tell(converter, node->line, "`%s` is \"%.60s\": it takes true or false", rule->key, text);
        return;
    }
    *(protobuf_c_boolean *)member(message, rule->offset) = yes;
    *(protobuf_c_boolean *)member(message, rule->has_offset) = true;
}

static void read_word(struct converter *converter, const struct key_rule *rule, const struct tree_node *node,
                      const char *text, void *message)
{
    char list[200];
    size_t used = 0;
    for (const struct word *word = rule->words; word->text; word++) {
        if (strcmp(word->text, text) == 0) {
            *(int *)member(message, rule->offset) = word->value;
            *(protobuf_c_boolean *)member(message, rule->has_offset) = true;
            return;
        }
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", used ? ", " : "", word->text);
    }
    tell(converter, node->line, "unknown %s \"%.60s\": it is one of %s", rule->key, text, list);
}

static void read_label(struct converter *converter, const struct key_rule *rule, const char *text,
                       void *message)
{
    Hopnhat__Label **label = member(message, rule->offset);
    if (!*label) {
        *label = make(converter, sizeof **label);
        if (!*label)
            return;
        hopnhat__label__init(*label);
    }
    *(rule->shape == KEY_VI ? &(*label)->vi : &(*label)->en) = copy_text(converter, text);
}

/* Room for as many pointers as the list has items, put into the message. NULL (told) where it is no list. */
static void **make_list(struct converter *converter, const struct key_rule *rule,
                        const struct tree_node *node, void *message)
{
    size_t count = 0;
    if (node->shape != TREE_LIST) {
        tell(converter, node->line, "`%s` takes a list", rule->key);
        return NULL;
    }
    for (const struct tree_node *item = node->first; item; item = item->next)
        count++;
    void **list = make(converter, count * sizeof *list);
    *(void ***)member(message, rule->offset) = list;
    return list;
}

static void read_texts(struct converter *converter, const struct key_rule *rule, const struct tree_node *node,
                       void *message)
{
    void **list = make_list(converter, rule, node, message);
    size_t *count = member(message, rule->has_offset);
    for (const struct tree_node *item = list ? node->first : NULL; item; item = item->next) {
        const char *text = text_of(converter, item, rule->key);
        if (text)
            list[(*count)++] = copy_text(converter, text);
    }
}

static void *read_message(struct converter *converter, const struct message_rule *rule,
                          const struct tree_node *node);

static void read_messages(struct converter *converter, const struct key_rule *rule,
                          const struct tree_node *node, void *message)
{
    void **list = make_list(converter, rule, node, message);
    size_t *count = member(message, rule->has_offset);
    for (const struct tree_node *item = list ? node->first : NULL; item; item = item->next) {
        list[*count] = read_message(converter, rule->message, item);
        if (!list[*count])
            return; /* out of memory */
        ++*count;
    }
}

static void read_key(struct converter *converter, const struct key_rule *rule, const struct tree_node *node,
                     void *message)
{
    if (rule->shape == KEY_TEXTS) {
        read_texts(converter, rule, node, message);
        return;
    }
    if (rule->shape == KEY_MESSAGES) {
        read_messages(converter, rule, node, message);
        return;
    }
    const char *text = text_of(converter, node, rule->key);
    if (!text)
        return;
    switch (rule->shape) {
    case KEY_NUMBER:
        read_number(converter, rule, node, text, message);
        break;
    case KEY_FLAG:
        read_flag(converter, rule, node, text, message);
        break;
    case KEY_WORD:
        read_word(converter, rule, node, text, message);
        break;
    case KEY_VI:
    case KEY_EN:
        read_label(converter, rule, text, message);
        break;
    default:
        *(char **)member(message, rule->offset) = copy_text(converter, text);
        break;
    }
}

/* A message is always made, so that positions in the message and in the file agree; what a required key would
 * have said is an empty name or the number 0. NULL without memory. */
static void *read_message(struct converter *converter, const struct message_rule *rule,
                          const struct tree_node *node)
{
    void *message = make(converter, rule->descriptor->sizeof_message);
    if (!message)
        return NULL;
    protobuf_c_message_init(rule->descriptor, message);
    if (node->shape != TREE_MAP)
        tell(converter, node->line, "%s must be a map of keys and values", rule->what);
    for (const struct key_rule *key = rule->keys; key->key; key++) {
        const struct tree_node *entry = node->shape == TREE_MAP ? tree_entry(node, key->key) : NULL;
        if (entry)
            read_key(converter, key, entry, message);
        else if (key->required && node->shape == TREE_MAP)
            tell(converter, node->line, "%s has no `%s`", rule->what, key->key);
        if (key->required && key->shape == KEY_TEXT && !*(char **)member(message, key->offset))
            *(char **)member(message, key->offset) = copy_text(converter, "");
    }
    for (const struct tree_node *entry = node->shape == TREE_MAP ? node->first : NULL; entry;
         entry = entry->next) {
        const struct key_rule *key = rule->keys;
        while (key->key && strcmp(key->key, entry->key) != 0)
            key++;
        if (!key->key)
            tell(converter, entry->key_line, "%s has no key \"%.60s\"", rule->what, entry->key);
    }
    return message;
}

static const struct tree_node *item_at(const struct tree_node *map, const char *key, int position)
{
    const struct tree_node *list = map ? tree_entry(map, key) : NULL;
    const struct tree_node *item = list ? list->first : NULL;
    while (item && position-- > 0)
        item = item->next;
    return item;
}

/* Finds the line again that a place in the message came from. */
static void tell_place(void *context, struct catalog_place place, const char *text)
{
    struct converter *converter = context;
    const struct tree_node *node = converter->root;
    if (place.type >= 0)
        node = item_at(node, "types", place.type);
    if (node && place.field >= 0)
        node = item_at(node, "fields", place.field);
    const struct tree_node *entry =
        node && node->shape == TREE_MAP && place.key ? tree_entry(node, place.key) : NULL;
    tell_line(converter, entry ? entry->key_line : node ? node->line : 0, text);
}

static void sort_errors(struct catalog_errors *errors)
{
    for (size_t i = 1; i < errors->count; i++) {
        struct catalog_error moved = errors->list[i];
        size_t at = i;
        for (; at > 0 && errors->list[at - 1].line > moved.line; at--)
            errors->list[at] = errors->list[at - 1];
        errors->list[at] = moved;
    }
}

/* Packs the message and loads it once, so that what this writes is never refused by catalog_load. */
static void pack(struct converter *converter, const Hopnhat__Catalog *catalog, struct bytes *packed)
{
    struct error error;
    size_t size = hopnhat__catalog__get_packed_size(catalog);
    uint8_t *bytes = size <= LIMIT_CATALOG_BYTES ? make(converter, size) : NULL;
    if (size > LIMIT_CATALOG_BYTES)
        tell(converter, 0, "the catalog takes %zu bytes, more than %d", size, LIMIT_CATALOG_BYTES);
    if (!bytes)
        return;
    hopnhat__catalog__pack(catalog, bytes);
    *packed = bytes_of(bytes, size);
    struct catalog *loaded = catalog_load(*packed, &error);
    if (!loaded)
        tell(converter, 0, "%s", error.text);
    catalog_free(loaded);
}

static void convert(struct converter *converter, struct bytes yaml, struct bytes *packed)
{
    struct tree_report tree_report = {tell_line, converter};
    struct catalog_report report = {tell_place, converter, converter->arena};
    struct error error;
    const struct tree_node *root = tree_read(yaml, converter->arena, &tree_report);
    converter->root = root;
    Hopnhat__Catalog *catalog = root ? read_message(converter, &catalog_rule, root) : NULL;
    if (converter->out_of_memory) {
        tell(converter, 0, "out of memory");
        return;
    }
    if (!catalog || root->shape != TREE_MAP)
        return;
    if (!tree_entry(root, "types"))
        tell(converter, root->line, "the catalog has no `types`");
    if (!catalog_check(catalog, &report, &error))
        tell(converter, 0, "%s", error.text);
    if (converter->before && converter->errors->count == 0)
        catalog_check_change(converter->before, catalog, &report);
    if (converter->errors->count == 0)
        pack(converter, catalog, packed);
}

bool catalog_from_yaml(struct bytes yaml, const char *file_name, struct arena *arena, struct bytes *packed,
                       struct catalog_errors *errors)
{
    return catalog_from_yaml_after(NULL, yaml, file_name, arena, packed, errors);
}

bool catalog_from_yaml_after(const struct catalog_before *before, struct bytes yaml, const char *file_name,
                             struct arena *arena, struct bytes *packed, struct catalog_errors *errors)
{
    struct converter converter = {.arena = arena, .file_name = file_name, .before = before, .errors = errors};
    *errors = (struct catalog_errors){.count = 0};
    convert(&converter, yaml, packed);
    if (converter.out_of_memory && errors->count == 0)
        tell(&converter, 0, "out of memory");
    sort_errors(errors);
    return errors->count == 0;
}
