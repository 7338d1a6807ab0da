#include "api/metrics.h"

#include "api/wall.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum form {
    NUMBER,
    MILLISECONDS, /* shown as seconds */
    YES_NO,
    MOMENT,  /* a text as wall_text makes it, shown as seconds since 1970 */
    TROUBLE, /* a text; 1 where there is one */
};

struct metric {
    const char *member, *name; /* without "hopnhat_" */
    enum form form;
    bool counter;
    const char *help;
};

static const struct metric metrics[] = {
    {"caught_up", "caught_up", YES_NO, false,
     "Nothing pending, at the hub's head, digests equal, same catalog"},
    {"hub_online", "hub_online", YES_NO, false, "Whether the agent is in session with the hub"},
    {"pending", "pending_changes", NUMBER, false, "Own changes that are not on the hub's disk"},
    {"pending_since", "pending_oldest_timestamp_seconds", MOMENT, false, "When the oldest of them was made"},
    {"bytes_to_send", "to_send_bytes", NUMBER, false,
     "Own changes that are not on the hub's disk, before compression"},
    {"records_to_come", "to_come_records", NUMBER, false, "Records that the hub has said are still to come"},
    {"seconds_to_go", "sync_remaining_seconds", NUMBER, false,
     "How long what is left takes at the pace of the link"},
    {"waits_for", "link_held_back", TROUBLE, false, "Whether the settings of the link hold something back"},
    {"drafts", "draft_records", NUMBER, false, "Records with own changes that the mirror does not hold yet"},
    {"refused", "refused_changes", NUMBER, false, "Own changes that headquarters did not take"},
    {"outvoted", "outvoted_values", NUMBER, false, "Own values that are not what is read"},
    {"conflicts_open", "open_conflicts", NUMBER, false, "Fields that a person has to settle"},
    {"digests_equal", "digests_equal", YES_NO, false, "Whether the last comparison with the hub was equal"},
    {"digest_mismatches", "digest_mismatches_total", NUMBER, true, "Comparisons that were not equal, ever"},
    {"last_contact", "last_contact_timestamp_seconds", MOMENT, false, "When the hub was last heard"},
    {"clock_offset_ms", "clock_offset_seconds", MILLISECONDS, false, "The hub's clock minus this machine's"},
    {"records", "records", NUMBER, false, "Records in the store"},
    {"rev", "rev", NUMBER, false, "The hub's counter of admitted edits"},
    {"catalog_version", "catalog_version", NUMBER, false, "Version of the catalog in force"},
    {"offices", "offices", NUMBER, false, "Offices"},
    {"installations", "installations", NUMBER, false, "Installations that have joined"},
    {"replicas", "replicas", NUMBER, false, "Sources of changes"},
    {"replicas_online", "replicas_online", NUMBER, false, "Agents heard in the last five minutes"},
    {"offices_stalled", "offices_stalled", NUMBER, false, "Offices that are connected and make no progress"},
    {"quarantined", "quarantined_changes", NUMBER, false, "Refused changes that wait for a decision"},
    {"malformed", "malformed_messages_total", NUMBER, true, "Messages that were none, since the start"},
    {"http_ended", "http_connections_ended_total", NUMBER, true,
     "HTTP connections that took too long for a request, since the start"},
    {"not_in_custody", "not_in_custody_changes", NUMBER, false,
     "Headquarters' own changes that neither enough agents nor the backups hold"},
    {"custody_awaited", "custody_awaited", YES_NO, false, "Restored, and waiting for headquarters' own log"},
    {"last_backup", "last_backup_timestamp_seconds", MOMENT, false, "When the newest backup was made"},
    {"backups", "backups_kept", NUMBER, false, "Backups that count as kept"},
    {"backup_scheduled", "backup_scheduled", YES_NO, false, "Whether backups are made by themselves"},
    {"backup_failures", "backup_failures_total", NUMBER, true, "Backups that failed, since the start"},
    {"backup_trouble", "backup_trouble", TROUBLE, false,
     "Whether the last backup failed or is overdue, or files that count are missing"},
    {"index_behind", "index_behind_changes", NUMBER, false, "Changes that the indexes do not hold yet"},
    {"index_building", "index_building", YES_NO, false, "Whether the indexes are being built anew"},
    {"index_skipped", "index_skipped_records", NUMBER, false, "Records that the indexes could not take"},
    {"index_trouble", "index_trouble", TROUBLE, false, "Whether the indexes are in trouble"},
    {"store_trouble", "store_trouble", TROUBLE, false, "Whether the last commit failed"},
    {"disk_is_low", "disk_low", YES_NO, false,
     "Whether the hub takes nothing in, for want of room on the disk"},
    {"store_used_bytes", "store_used_bytes", NUMBER, false, "Pages of the store that were handed out"},
    {"store_map_bytes", "store_map_bytes", NUMBER, false, "The most that the store may use"},
    {"oldest_reader", "store_oldest_reader_transactions", NUMBER, false,
     "How many commits ago the oldest reader of the store began"},
    {"disk_free_bytes", "disk_free_bytes", NUMBER, false, "Free on the disk of the store"},
    {"disk_bytes", "disk_size_bytes", NUMBER, false, "Size of the disk of the store"},
};

/* Of each office in the member "by_office", whose code (small letters, digits and dashes) is the label. */
static const struct metric office_metrics[] = {
    {"online", "office_online", YES_NO, false, "Whether an agent of the office is in session"},
    {"last_contact", "office_last_contact_timestamp_seconds", MOMENT, false,
     "When the office was last heard"},
    {"behind", "office_behind_edits", NUMBER, false, "Revs that the office has not confirmed, at most"},
    {"stalled", "office_stalled", YES_NO, false, "Whether the office is connected and makes no progress"},
    {"digest_mismatches", "office_digest_mismatches_total", NUMBER, true,
     "Comparisons of the office with the hub that were not equal, ever"},
    {"taken_today_bytes", "office_taken_today_bytes", NUMBER, false,
     "Changes of the office that were stored today (UTC), since the start at most"},
    {"held_back", "office_held_back", YES_NO, false, "Whether the office has sent all that it may today"},
};

/* The value's text; false where there is nothing to show. */
static bool value_text(const json_t *value, enum form form, char *text, size_t size)
{
    uint64_t ms;
    if (!value || json_is_null(value))
        return false;
    if (form == MOMENT) {
        if (!json_is_string(value) || !wall_parse(json_string_value(value), &ms))
            return false;
        snprintf(text, size, "%" PRIu64, ms / 1000);
    } else if (form == TROUBLE) {
        snprintf(text, size, "%d", json_string_length(value) > 0);
    } else if (form == YES_NO) {
        snprintf(text, size, "%d", json_is_true(value));
    } else if (form == MILLISECONDS) {
        json_int_t number = json_integer_value(value);
        snprintf(text, size, "%s%lld.%03lld", number < 0 ? "-" : "", llabs(number) / 1000,
                 llabs(number) % 1000);
    } else {
        snprintf(text, size, "%lld", (long long)json_integer_value(value));
    }
    return true;
}

static void put_head(FILE *to, const struct metric *metric)
{
    fprintf(to, "# HELP hopnhat_%s %s\n# TYPE hopnhat_%s %s\n", metric->name, metric->help, metric->name,
            metric->counter ? "counter" : "gauge");
}

static void put_offices(FILE *to, const struct metric *metric, const json_t *offices)
{
    char text[64];
    bool headed = false;
    const char *code;
    const json_t *office;
    json_object_foreach((json_t *)(uintptr_t)offices, code, office)
    {
        if (!value_text(json_object_get(office, metric->member), metric->form, text, sizeof text))
            continue;
        if (!headed)
            put_head(to, metric);
        headed = true;
        fprintf(to, "hopnhat_%s{office=\"%s\"} %s\n", metric->name, code, text);
    }
}

json_t *metrics_text(const json_t *status, struct error *error)
{
    char *text = NULL, value[64];
    size_t size;
    FILE *to = open_memstream(&text, &size);
    const char *version = json_string_value(json_object_get(status, "version"));
    if (to) {
        fprintf(to,
                "# HELP hopnhat_build_info The program's version\n# TYPE hopnhat_build_info gauge\n"
                "hopnhat_build_info{version=\"%s\"} 1\n",
                version ? version : "");
        for (size_t i = 0; i < sizeof metrics / sizeof *metrics; i++) {
            const struct metric *metric = &metrics[i];
            if (!value_text(json_object_get(status, metric->member), metric->form, value, sizeof value))
                continue;
            put_head(to, metric);
            fprintf(to, "hopnhat_%s %s\n", metric->name, value);
        }
        for (size_t i = 0; i < sizeof office_metrics / sizeof *office_metrics; i++)
            put_offices(to, &office_metrics[i], json_object_get(status, "by_office"));
    }
    json_t *json = to && fclose(to) == 0 ? json_stringn(text, size) : NULL;
    free(text);
    if (!json)
        out_of_memory(error);
    return json;
}
