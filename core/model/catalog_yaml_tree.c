#include "model/catalog_yaml_tree.h"

#include "base/limits.h"
#include "base/text.h"

#include <stdio.h>
#include <yaml.h>

enum { MOST_DEPTH = 10, MOST_NODES = 100000, MOST_KEYS = 64 };

struct reader {
    yaml_parser_t parser;
    struct bytes yaml;
    struct arena *arena;
    const struct tree_report *report;
    size_t nodes;
    bool failed;
};

static struct tree_node *fail(struct reader *reader, unsigned line, const char *text)
{
    if (!reader->failed)
        reader->report->tell(reader->report->context, line, text);
    reader->failed = true;
    return NULL;
}

static unsigned line_of(yaml_mark_t mark)
{
    return (unsigned)mark.line + 1;
}

/* Where the parser stands with its error: of bytes that are no text it knows the offset alone. */
static unsigned line_of_problem(const struct reader *reader)
{
    if (reader->parser.error != YAML_READER_ERROR)
        return line_of(reader->parser.problem_mark);
    unsigned line = 1;
    for (size_t i = 0; i < reader->yaml.size && i < reader->parser.problem_offset; i++)
        line += reader->yaml.data[i] == '\n';
    return line;
}

/* The next event, which the caller deletes; false (told) at an error of the syntax. */
static bool next_event(struct reader *reader, yaml_event_t *event)
{
    if (yaml_parser_parse(&reader->parser, event))
        return true;
    char text[256];
    const yaml_parser_t *parser = &reader->parser;
    snprintf(text, sizeof text, "%s%s%s", parser->problem ? parser->problem : "the YAML cannot be read",
             parser->context ? ", " : "", parser->context ? parser->context : "");
    fail(reader, line_of_problem(reader), parser->error == YAML_MEMORY_ERROR ? "out of memory" : text);
    return false;
}

static struct tree_node *add_node(struct reader *reader, enum tree_shape shape, unsigned line)
{
    if (++reader->nodes > MOST_NODES)
        return fail(reader, line, "the file has too many entries");
    struct tree_node *node = arena_alloc(reader->arena, sizeof *node);
    if (!node)
        return fail(reader, line, "out of memory");
    *node = (struct tree_node){.shape = shape, .line = line};
    return node;
}

static struct tree_node *take_scalar(struct reader *reader, const yaml_event_t *event)
{
    struct error error;
    struct bytes text = bytes_of(event->data.scalar.value, event->data.scalar.length);
    struct tree_node *node = add_node(reader, TREE_SCALAR, line_of(event->start_mark));
    if (!node)
        return NULL;
    node->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    node->text = text_nfc(reader->arena, text, &error);
    return node->text ? node : fail(reader, node->line, error.text);
}

static struct tree_node *take_node(struct reader *reader, const yaml_event_t *event, int depth);

/* Whether an event carries what is refused: an anchor or a tag. */
static bool is_decorated(const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        return event->data.scalar.anchor || event->data.scalar.tag;
    case YAML_SEQUENCE_START_EVENT:
        return event->data.sequence_start.anchor || event->data.sequence_start.tag;
    case YAML_MAPPING_START_EVENT:
        return event->data.mapping_start.anchor || event->data.mapping_start.tag;
    default:
        return false;
    }
}

/* The value of a map's entry, with its key put on it. NULL without a message at a key that stands twice. */
static struct tree_node *take_entry(struct reader *reader, struct tree_node *map,
                                    const yaml_event_t *key_event, int depth)
{
    unsigned line = line_of(key_event->start_mark);
    if (key_event->type != YAML_SCALAR_EVENT || is_decorated(key_event))
        return fail(reader, line, "a key must be a plain word");
    struct tree_node *key = take_scalar(reader, key_event);
    yaml_event_t event;
    if (!key || !next_event(reader, &event))
        return NULL;
    struct tree_node *value = take_node(reader, &event, depth);
    yaml_event_delete(&event);
    if (!value)
        return NULL;
    if (tree_entry(map, key->text)) {
        char text[128];
        snprintf(text, sizeof text, "the key \"%.60s\" stands twice", key->text);
        reader->report->tell(reader->report->context, line, text);
        return NULL;
    }
    value->key = key->text;
    value->key_line = line;
    return value;
}

static struct tree_node *take_children(struct reader *reader, struct tree_node *parent, int depth)
{
    yaml_event_type_t end = parent->shape == TREE_LIST ? YAML_SEQUENCE_END_EVENT : YAML_MAPPING_END_EVENT;
    struct tree_node **last = &parent->first;
    size_t count = 0;
    while (!reader->failed) {
        yaml_event_t event;
        if (!next_event(reader, &event))
            return NULL;
        bool done = event.type == end;
        struct tree_node *child = NULL;
        if (!done)
            child = parent->shape == TREE_LIST ? take_node(reader, &event, depth)
                                               : take_entry(reader, parent, &event, depth);
        yaml_event_delete(&event);
        if (done)
            return parent;
        if (child) {
            *last = child;
            last = &child->next;
        }
        if (parent->shape == TREE_MAP && ++count > MOST_KEYS)
            return fail(reader, parent->line, "there are too many keys here");
    }
    return NULL;
}

static struct tree_node *take_node(struct reader *reader, const yaml_event_t *event, int depth)
{
    unsigned line = line_of(event->start_mark);
    if (event->type == YAML_ALIAS_EVENT || is_decorated(event))
        return fail(reader, line, "anchors (&), aliases (*) and tags (!) are not allowed");
    if (event->type == YAML_SCALAR_EVENT)
        return take_scalar(reader, event);
    if (event->type != YAML_SEQUENCE_START_EVENT && event->type != YAML_MAPPING_START_EVENT)
        return fail(reader, line, "something is missing here");
    if (depth >= MOST_DEPTH)
        return fail(reader, line, "the file is nested too deeply");
    struct tree_node *node =
        add_node(reader, event->type == YAML_MAPPING_START_EVENT ? TREE_MAP : TREE_LIST, line);
    return node ? take_children(reader, node, depth + 1) : NULL;
}

/* Takes the events of one document and nothing after it. */
static struct tree_node *take_document(struct reader *reader)
{
    static const yaml_event_type_t around[] = {YAML_STREAM_START_EVENT, YAML_DOCUMENT_START_EVENT,
                                               YAML_NO_EVENT, YAML_DOCUMENT_END_EVENT, YAML_STREAM_END_EVENT};
    struct tree_node *root = NULL;
    for (size_t i = 0; i < sizeof around / sizeof *around; i++) {
        yaml_event_t event;
        if (!next_event(reader, &event))
            return NULL;
        unsigned line = line_of(event.start_mark);
        bool expected = true;
        if (around[i] == YAML_NO_EVENT)
            root = take_node(reader, &event, 0);
        else
            expected = event.type == around[i];
        yaml_event_delete(&event);
        if (!expected)
            return fail(reader, line, i == 1 ? "the file is empty" : "the file holds more than one document");
        if (reader->failed)
            return NULL;
    }
    return root;
}

struct tree_node *tree_read(struct bytes yaml, struct arena *arena, const struct tree_report *report)
{
    struct reader reader = {.yaml = yaml, .arena = arena, .report = report};
    if (yaml.size > LIMIT_CATALOG_BYTES)
        return fail(&reader, 0, "the file is larger than a catalog may be (1 MiB)");
    if (!yaml_parser_initialize(&reader.parser))
        return fail(&reader, 0, "out of memory");
    yaml_parser_set_input_string(&reader.parser, yaml.data, yaml.size);
    yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING);
    struct tree_node *root = take_document(&reader);
    yaml_parser_delete(&reader.parser);
    return root;
}

struct tree_node *tree_entry(const struct tree_node *map, const char *key)
{
    for (struct tree_node *node = map->first; node; node = node->next)
        if (strcmp(node->key, key) == 0)
            return node;
    return NULL;
}
