/* What status says, as text for Prometheus: one table from members of the status to metrics. */
#ifndef HOPNHAT_API_METRICS_H
#define HOPNHAT_API_METRICS_H

#include "base/error.h"

#include <jansson.h>

/* The text (version 0.0.4 of the format) as a JSON string, of a status object as both daemons make it;
 * members that are not there or null are left out. NULL: ERROR_MEMORY. */
json_t *metrics_text(const json_t *status, struct error *error);

#endif
