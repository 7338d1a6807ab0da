/* What may become of a catalog: data is not rewritten when it changes, so a fresh one must read all of the
 * old data as what it was written as. Pure. */
#ifndef HOPNHAT_MODEL_CATALOG_CHANGE_H
#define HOPNHAT_MODEL_CATALOG_CHANGE_H

#include "model/catalog.h"
#include "model/catalog_check.h"

/* Records of a type that a change would touch: `holds` tells of one whether it is such. Its arena is for one
 * record. */
struct catalog_use {
    const struct catalog_type *type;
    const Hopnhat__FieldDefinition *field;
    const char *choice;
    bool (*holds)(const struct catalog_use *use, const Hopnhat__Record *record, struct arena *arena);
};

/* What a change is judged against. */
struct catalog_before {
    const struct catalog *catalog; /* in force */
    /* How many records there are of the kind asked for; NULL: none. A function that fails may answer anything
     * if its caller notices. */
    uint64_t (*count)(void *context, const struct catalog_use *use);
    void *context;
    void (*note)(void *context, const char *text); /* what is allowed and worth knowing; NULL: nobody cares */
};

/* Tells every reason why the fresh catalog must not follow the one in force, each with what to do instead: a
 * version that is not higher, types and fields that are gone, numbers that mean something else now (those
 * under another name, unless the old one stands among the aliases; of what is retired, under any other: a
 * catalog keeps what is retired, and so remembers it), other kinds, other references, counters that are none
 * any more or the other way round, choices that are gone though records hold them (a choice is stored by its
 * name, so one of another name is another choice), dates of every year that are held where none may be any
 * more, another time zone where times are held. */
void catalog_check_change(const struct catalog_before *before, const Hopnhat__Catalog *fresh,
                          struct catalog_report *report);

#endif
