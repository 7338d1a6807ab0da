/* What one record puts into the views: rows of the index and of the words. They are kept beside the views as
 * one row for each record, so that they can be taken back when the record changes.
 *
 *   index   type (4), field (4), sort key (store/sort_key.h), record id (16)
 *   words   word, 0, type (4), record id (16)
 *
 * Both rows are without a value. A record stands in the index of a field once for each of its values, and
 * once as cleared where it has none. */
#ifndef HOPNHAT_STORE_CONTRIBUTION_H
#define HOPNHAT_STORE_CONTRIBUTION_H

#include "model/catalog.h"
#include "store/key.h"
#include "store/sort_key.h"

#include "base/arena.h"

/* Databases of the environment of views. */
enum view_database {
    VIEW_META,
    VIEW_CONTRIBUTION, /* type, record -> flags (1), then for each row: database (1), length (2), its own part
                        */
    VIEW_INDEX,
    VIEW_WORDS,
    VIEW_COUNT, /* type (4) -> how many records of it are not deleted (8) */
    VIEW_DATABASES,
};

/* One row: its key without type and record. */
struct contribution_row {
    uint8_t database;
    struct bytes part; /* index: field, sort key; words: word, 0 */
};

enum contribution_flag {
    CONTRIBUTION_LIVE = 1,    /* a record that is there, and not deleted */
    CONTRIBUTION_SKIPPED = 2, /* it could not be read */
};

/* Rows in an arena, ascending by database and part, each once; begin with all zero. */
struct contribution {
    struct contribution_row *rows;
    size_t count, capacity;
    uint8_t flags;
};

/* Whether the field is in the index: those that the catalog says, and the owner. */
bool field_is_indexed(const Hopnhat__FieldDefinition *field);

/* What the record puts in. Nothing for a deleted one, and for a type that the catalog does not know.
 * Errors: ERROR_CORRUPT (a record that cannot be folded), ERROR_MEMORY. */
bool contribution_make(const struct catalog *catalog, const struct collation *collation,
                       const Hopnhat__Record *record, struct arena *arena, struct contribution *contribution,
                       struct error *error);

/* As the row of VIEW_CONTRIBUTION, in the arena, and back (borrowing from `stored`). ERROR_MEMORY,
 * ERROR_CORRUPT. */
bool contribution_pack(const struct contribution *contribution, struct arena *arena, struct bytes *stored,
                       struct error *error);
bool contribution_unpack(struct bytes stored, struct arena *arena, struct contribution *contribution,
                         struct error *error);

/* Less, equal or greater than 0. */
int contribution_compare(const struct contribution_row *a, const struct contribution_row *b);

/* The row's whole key. */
void contribution_key(const struct contribution_row *row, uint32_t type, const uint8_t id[16],
                      struct key *key);

/* The words of all text of the record, sorted, each once. Errors: as contribution_make. */
struct words;
bool contribution_words(const struct catalog_type *type, const Hopnhat__Record *record, struct arena *arena,
                        struct words *words, struct error *error);

#endif
