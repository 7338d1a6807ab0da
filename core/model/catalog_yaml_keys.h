/* Which keys the maps of a catalog in YAML have, and where their values go in the messages: tables for
 * catalog_yaml.c. */
#ifndef HOPNHAT_MODEL_CATALOG_YAML_KEYS_H
#define HOPNHAT_MODEL_CATALOG_YAML_KEYS_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>

/* What stands behind a key of a map: how its value is read, and where in the message it goes. */
enum key_shape { KEY_TEXT, KEY_NUMBER, KEY_FLAG, KEY_WORD, KEY_TEXTS, KEY_VI, KEY_EN, KEY_MESSAGES };

struct word {
    const char *text;
    int value;
};

struct message_rule;

struct key_rule {
    const char *key;
    enum key_shape shape;
    size_t offset;     /* of the value; of the label for KEY_VI and KEY_EN */
    size_t has_offset; /* of has_… or n_…; 0: there is none (a message begins with its base) */
    bool required;
    uint32_t least, most;               /* KEY_NUMBER */
    const struct word *words;           /* KEY_WORD, ends with NULL */
    const struct message_rule *message; /* KEY_MESSAGES */
};

struct message_rule {
    const char *what;
    const ProtobufCMessageDescriptor *descriptor;
    const struct key_rule *keys; /* ends with NULL */
};

/* The outermost map. */
extern const struct message_rule catalog_rule;

#endif
