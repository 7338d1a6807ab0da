/* Records, feed and digests of a hub's store, for hub_verify. */
#ifndef HOPNHAT_HUB_VERIFY_RECORDS_H
#define HOPNHAT_HUB_VERIFY_RECORDS_H

#include "store/verify.h"

/* `rev`: the store's. False: out of memory. */
bool hub_verify_records(struct verify *verify, struct transaction *transaction, uint64_t rev,
                        struct error *error);

#endif
