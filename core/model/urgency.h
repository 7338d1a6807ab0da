/* What travels before the rest: by its type, or because a person marked it. Pure. */
#ifndef HOPNHAT_MODEL_URGENCY_H
#define HOPNHAT_MODEL_URGENCY_H

#include "model/catalog.h"

enum urgency {
    URGENCY_MARKED, /* the boolean field that its type names in `urgent` reads true */
    URGENCY_AHEAD,  /* its type says `ahead: true` */
    URGENCY_NONE,
};

/* How urgent the record is under that catalog; of an unknown type: URGENCY_NONE. */
enum urgency urgency_of(const struct catalog *catalog, const Hopnhat__Record *record);

#endif
