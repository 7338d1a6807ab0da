/* Values as bytes whose order is the order that people expect: text as in a Vietnamese dictionary (An, Ăn,
 * Ân, Dương, Đà Nẵng), numbers by size, choices in the catalog's order, dates by day. */
#ifndef HOPNHAT_STORE_SORT_KEY_H
#define HOPNHAT_STORE_SORT_KEY_H

#include "base/bytes.h"
#include "base/error.h"

#include "catalog.pb-c.h"

/* The rules of one language, for one thread. */
struct collation;

/* NULL: ERROR_INTERNAL where ICU lacks its data, ERROR_MEMORY. The caller ends it with collation_close. */
struct collation *collation_open(struct error *error);
void collation_close(struct collation *collation); /* NULL is allowed */

/* Names the rules' version: keys made under another one do not compare. */
uint64_t collation_version(const struct collation *collation);

/* A sort key: 0 alone for a value that is cleared or in no stored form, which comes first; else 1 and the
 * value. A key of a long text is cut: then equal keys do not mean equal values. No key begins another one
 * within one field, so that something may follow it. */
enum { SORT_KEY_TEXT_BYTES = 160, SORT_KEY_BYTES = SORT_KEY_TEXT_BYTES + 2 };
struct sort_key {
    uint8_t size;
    bool cut;
    uint8_t data[SORT_KEY_BYTES];
};

/* Makes the key of a value of the field. Errors: ERROR_INTERNAL. */
bool sort_key_make(const struct collation *collation, const Hopnhat__FieldDefinition *field,
                   struct bytes value, struct sort_key *key, struct error *error);

/* Reads the key that `from` begins with. False where there is none of that field. */
bool sort_key_read(const Hopnhat__FieldDefinition *field, struct bytes from, struct sort_key *key);

static inline struct bytes sort_key_bytes(const struct sort_key *key)
{
    return bytes_of(key->data, key->size);
}

static inline int sort_key_compare(const struct sort_key *a, const struct sort_key *b)
{
    return bytes_compare(sort_key_bytes(a), sort_key_bytes(b));
}

/* Orders two values of the field whose keys are equal and cut. */
int sort_compare_values(const struct collation *collation, const Hopnhat__FieldDefinition *field,
                        struct bytes a, struct bytes b);

#endif
