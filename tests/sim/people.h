/* What people do in the simulator: they write, in offices and at headquarters. For tests/sim alone. */
#ifndef HOPNHAT_TESTS_SIM_PEOPLE_H
#define HOPNHAT_TESTS_SIM_PEOPLE_H

#include "world.h"

enum { EDIT_ARENA_BYTES = 64 * 1024 * 1024, MOST_ASSIGNMENTS = 4 };

/* Assignments under construction; values lie in the arena. */
struct wishes {
    const struct catalog_type *type;
    struct arena *arena;
    struct assignment list[MOST_ASSIGNMENTS + 2];
    size_t count;
};

/* wishes.c: one field more, unless it is there already; an empty value clears it. */
void wish(struct wishes *wishes, uint32_t field, enum assignment_kind kind, const char *value);
/* Anything, by chance. `shown` is what the writer looks at. */
void wish_anything(struct world *world, struct wishes *wishes, const Hopnhat__Record *shown);
/* A word that nobody has written before; now and then an empty one. */
const char *wish_word(struct world *world, struct arena *arena);

uint32_t type_of_key(size_t key);

/* What the edit writes, for the trace: " field=value" and the like; in the arena. */
const char *edit_told(const struct new_edit *edit, struct arena *arena);

/* offices.c: what the office sees of the record now; NULL: nothing. */
Hopnhat__Record *office_sees(struct node *node, uint32_t type, const uint8_t *id, struct arena *arena);
/* Somebody writes, from a form or not. */
void office_writes(struct node *node);
/* Somebody settles a conflict, if there is one. */
void office_resolves(struct node *node);

/* headquarters.c */
void headquarters_acts(struct world *world);

/* resolve.c: makes the edit that settles one of the open fields of the record as somebody sees it: one of the
 * values is taken, or another one is written. *field gets its number. False: none is open. */
bool resolve_make(struct world *world, const struct catalog_type *type, const Hopnhat__Record *shown,
                  struct arena *arena, struct new_edit *edit, uint32_t *field);
/* Notes who has settled it, and by what. */
void resolve_note(struct world *world, const char *office, const struct new_edit *edit, uint32_t field);
/* Whether the field of the record reads as open. */
bool resolve_is_open(struct world *world, const struct catalog_type *type, const Hopnhat__Record *record,
                     uint32_t field, struct arena *arena);

#endif
