/* What may become of a catalog: data is not rewritten when it changes, so a fresh one must read all of the
 * old data as what it was written as. Pure. */
#ifndef HOPNHAT_MODEL_CATALOG_CHANGE_H
#define HOPNHAT_MODEL_CATALOG_CHANGE_H

#include "model/catalog.h"
#include "model/catalog_check.h"

/* What a change is judged against. */
struct catalog_before {
    const struct catalog *catalog; /* in force */
    /* How many records hold the choice in that field, read or not; NULL: none does. A function that fails may
     * answer anything if its caller notices. */
    uint64_t (*choice_uses)(void *context, uint32_t type, uint32_t field, const char *choice);
    void *context;
    void (*note)(void *context, const char *text); /* what is allowed and worth knowing; NULL: nobody cares */
};

/* Tells every reason why the fresh catalog must not follow the one in force, each with what to do instead: a
 * version that is not higher, types and fields that are gone, numbers that mean something else now (those
 * under another name, unless the old one stands among the aliases; of what is retired, under any other: a
 * catalog keeps what is retired, and so remembers it), other kinds, other references, counters that are none
 * any more or the other way round, choices that are gone though records hold them (a choice is stored by its
 * name, so one of another name is another choice). */
void catalog_check_change(const struct catalog_before *before, const Hopnhat__Catalog *fresh,
                          struct catalog_report *report);

/* Whether a bag that was written under one policy can be read under the other. */
bool catalog_policies_agree(Hopnhat__MergePolicy one, Hopnhat__MergePolicy other);

#endif
