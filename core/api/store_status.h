/* What both statuses tell of the store and its disk. */
#ifndef HOPNHAT_API_STORE_STATUS_H
#define HOPNHAT_API_STORE_STATUS_H

#include "store/environment.h"

#include <jansson.h>

/* Adds store_used_bytes, store_map_bytes, oldest_reader (how many commits ago the oldest snapshot that
 * somebody still holds was taken; 0: nobody does), disk_free_bytes (for this user) and disk_bytes of the disk
 * that it is on. ERROR_MEMORY. */
bool store_status_add(json_t *status, struct environment *environment, struct error *error);

#endif
