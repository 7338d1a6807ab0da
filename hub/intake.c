#include "hub/intake.h"

#include "base/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    DAY_MS = 24 * 3600 * 1000,
    RESERVE_PART = 20, /* of the disk, where that is less than LIMIT_DISK_RESERVE_BYTES */
    RETRY_DISK_MS = 5000,
    RETRY_SPENT_MS = 5 * 60 * 1000,
};

struct intake_office {
    char code[LIMIT_OFFICE_CODE_BYTES + 1];
    uint64_t day, bytes;
    bool told;
    UT_hash_handle hh;
};

static struct intake_office *find(struct hub *hub, const char *office, uint64_t wall_ms)
{
    struct intake_office *row;
    HASH_FIND_STR(hub->intake.offices, office, row);
    if (row && row->day != wall_ms / DAY_MS) {
        row->day = wall_ms / DAY_MS;
        row->bytes = 0;
        row->told = false;
    }
    return row;
}

void intake_stored(struct hub *hub, const char *office, uint64_t bytes, uint64_t wall_ms)
{
    struct intake_office *row = find(hub, office, wall_ms);
    if (!row && (row = calloc(1, sizeof *row))) {
        snprintf(row->code, sizeof row->code, "%s", office);
        row->day = wall_ms / DAY_MS;
        HASH_ADD_STR(hub->intake.offices, code, row);
        if (!row->hh.tbl) {
            free(row);
            return;
        }
    }
    if (row)
        row->bytes += bytes;
}

uint64_t intake_today(struct hub *hub, const char *office, uint64_t wall_ms)
{
    const struct intake_office *row = find(hub, office, wall_ms);
    return row ? row->bytes : 0;
}

bool intake_is_spent(struct hub *hub, const char *office, uint64_t wall_ms)
{
    return hub->intake.office_bytes_a_day &&
           intake_today(hub, office, wall_ms) >= hub->intake.office_bytes_a_day;
}

bool intake_disk_is_low(struct hub *hub)
{
    struct hub_intake *intake = &hub->intake;
    const struct environment_usage usage = environment_usage(hub->environment);
    const uint64_t part = usage.disk_bytes / RESERVE_PART;
    const uint64_t reserve = part < LIMIT_DISK_RESERVE_BYTES ? part : LIMIT_DISK_RESERVE_BYTES;
    const bool low = usage.disk_free_bytes < reserve;
    if (low && !intake->disk_is_low)
        log_error("the disk of %s has %" PRIu64 " bytes left: nothing is taken from offices until it has "
                  "%" PRIu64 ": make room on the disk",
                  hub->directory, usage.disk_free_bytes, reserve);
    if (!low && intake->disk_is_low)
        log_info("there is room on the disk of %s again", hub->directory);
    return intake->disk_is_low = low;
}

const char *intake_refuses(struct hub *hub, const char *office, uint64_t wall_ms, uint32_t *retry_ms)
{
    if (intake_disk_is_low(hub)) {
        *retry_ms = RETRY_DISK_MS;
        return "the disk at headquarters is nearly full: changes wait here until there is room";
    }
    if (!intake_is_spent(hub, office, wall_ms))
        return NULL;
    struct intake_office *row = find(hub, office, wall_ms);
    if (row && !row->told)
        log_with(LOG_LEVEL_ERROR, "HOPNHAT_OFFICE", office,
                 "office %s has sent %" PRIu64 " bytes today, and no more is taken until tomorrow (UTC): see "
                 "what it sends; office_mib_per_day lets it send more, revoke ends it",
                 office, row->bytes);
    if (row)
        row->told = true;
    *retry_ms = RETRY_SPENT_MS;
    return "this office has sent as much today as headquarters takes in a day: the rest waits here, and is "
           "offered again by itself";
}

void intake_clear(struct hub *hub)
{
    struct intake_office *row, *next;
    HASH_ITER(hh, hub->intake.offices, row, next)
    {
        HASH_DEL(hub->intake.offices, row);
        free(row);
    }
}
