/* The hub's store made anew from what is whole in a damaged one: records, feed and digests follow from the
 * log. */
#ifndef HOPNHAT_HUB_REPAIR_H
#define HOPNHAT_HUB_REPAIR_H

#include "base/error.h"

/* Makes fresh/store out of the store in the directory `damaged` (the one with data.mdb). A record that is
 * damaged is merged again from its changes; rows of the feed and digests are made from the records. `told`
 * hears what was lost. Blocks for long; damaged pages may end the process. ERROR_CORRUPT: what nothing else
 * tells is damaged, above all the log. Then the newest backup has to be restored, and offices offer what came
 * since. */
bool hub_repair(const char *damaged, const char *fresh, void (*told)(void *context, const char *text),
                void *context, struct error *error);

#endif
