/* YAML read into a small tree with line numbers. Bounded in size, depth and count; anchors, aliases, tags and
 * several documents are refused. For catalogs and settings. */
#ifndef HOPNHAT_MODEL_CATALOG_YAML_TREE_H
#define HOPNHAT_MODEL_CATALOG_YAML_TREE_H

#include "base/arena.h"
#include "base/bytes.h"

enum tree_shape { TREE_SCALAR, TREE_LIST, TREE_MAP };

struct tree_node {
    enum tree_shape shape;
    unsigned line;   /* 1 and above */
    const char *key; /* of an entry in a map, else NULL */
    unsigned key_line;
    const char *text;        /* of a scalar: UTF-8 in NFC */
    bool plain;              /* a scalar without quotes */
    struct tree_node *first; /* of a list or map */
    struct tree_node *next;
};

/* Who is told of errors: a line (0: none) and a text that lives as long as the call. */
struct tree_report {
    void (*tell)(void *context, unsigned line, const char *text);
    void *context;
};

/* The tree, in the arena; NULL where the file cannot be read as one (told), and where it is empty (told).
 * Keys that stand twice are told, and the first one is kept. */
struct tree_node *tree_read(struct bytes yaml, struct arena *arena, const struct tree_report *report);

/* The entry of a map with that key; NULL if there is none. */
struct tree_node *tree_entry(const struct tree_node *map, const char *key);

#endif
