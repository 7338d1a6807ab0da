/* What the hub takes from its offices, and when it takes nothing: a broken or hostile office may not fill
 * headquarters' disk for all the others, and what headquarters itself has to write (a revocation before all)
 * finds room where offices do not any more. Nothing is lost: what is not taken now is offered again. */
#ifndef HOPNHAT_HUB_INTAKE_H
#define HOPNHAT_HUB_INTAKE_H

#include "hub/state.h"

/* Why nothing is taken from the office at this time, in words for people there, and when it may ask again;
 * NULL: it is taken. The first refusal of a day, or since there was room, is logged. */
const char *intake_refuses(struct hub *hub, const char *office, uint64_t wall_ms, uint32_t *retry_ms);

/* So many bytes of the office's changes have been stored. Without memory for it they are not counted. */
void intake_stored(struct hub *hub, const char *office, uint64_t bytes, uint64_t wall_ms);

/* How many bytes of the office were stored today (by UTC; none of before the start of this process). */
uint64_t intake_today(struct hub *hub, const char *office, uint64_t wall_ms);

/* Whether that is all that the office may send today. */
bool intake_is_spent(struct hub *hub, const char *office, uint64_t wall_ms);

/* Whether the disk is as full as offices may make it. */
bool intake_disk_is_low(struct hub *hub);

/* Frees what intake holds. */
void intake_clear(struct hub *hub);

#endif
