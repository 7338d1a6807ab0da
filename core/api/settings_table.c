#include "api/settings_table.h"

#include "base/limits.h"
#include "base/log.h"

#include <inttypes.h>
#include <stddef.h>

enum { BOTH = SETTINGS_AGENT | SETTINGS_HUB };

#define AT(member) offsetof(struct settings, member)

const struct setting settings_table[] = {
    {.key = "listen",
     .programs = SETTINGS_HUB,
     .kind = SETTING_ENDPOINT,
     .offset = AT(listen),
     .absent = "tcp://*:7410",
     .unit = "tcp://ADDRESS:PORT",
     .help = "Where the offices' agents connect. The firewall has to let this port in."},
    {.key = "http",
     .programs = BOTH,
     .kind = SETTING_ADDRESS,
     .offset = AT(http),
     .absent = "",
     .unit = "ADDRESS:PORT, the address in numbers or localhost",
     .help = "HTTP besides the Unix socket in the data directory, for the holders of accounts. It is not "
             "encrypted:\n"
             "keep it on 127.0.0.1, behind a proxy with TLS where others are to reach it."},
    {.key = "http_names",
     .programs = BOTH,
     .kind = SETTING_NAMES,
     .offset = AT(http_names),
     .absent = "",
     .unit = "host names, with commas or blanks between them",
     .help =
         "The names under which others reach it by that proxy, as in records.example.org. What comes under\n"
         "another name than these, the address itself and localhost is turned away. Where a name is set, "
         "and\n"
         "the proxy runs on this machine, the last address in X-Forwarded-For is taken for that of who "
         "asks:\n"
         "the proxy has to write or extend it itself (Caddy does; nginx: proxy_set_header X-Forwarded-For\n"
         "$proxy_add_x_forwarded_for;), else whatever a client says there is believed."},
    {.key = "log_level",
     .programs = BOTH,
     .kind = SETTING_CHOICE,
     .offset = AT(log_level),
     .absent = "info",
     .live = true,
     .choices = {{"error", LOG_LEVEL_ERROR}, {"warning", LOG_LEVEL_WARNING}, {"info", LOG_LEVEL_INFO}},
     .help = "The least pressing of what is logged."},
    {.key = "backup_directory",
     .programs = BOTH,
     .kind = SETTING_PATH,
     .offset = AT(backup_directory),
     .absent = "",
     .unit = "absolute path",
     .live = true,
     .help =
         "Where backups are written by themselves, best on another disk or another machine; none are while\n"
         "this is not set. A directory on that disk, not its mount point, which is there without the disk,\n"
         "too. The service's user has to be allowed to write there: see docs/operations.md."},
    {.key = "backup_interval_hours",
     .programs = BOTH,
     .kind = SETTING_NUMBER,
     .offset = AT(backup_interval_h),
     .least = 1,
     .most = 24 * 31,
     .absent = "24",
     .unit = "hours",
     .live = true,
     .help =
         "How long after one backup the next is made. Where none is younger than two of these, that is an\n"
         "alarm."},
    {.key = "backup_keep",
     .programs = BOTH,
     .kind = SETTING_NUMBER,
     .offset = AT(backup_keep),
     .least = 2,
     .most = 64,
     .absent = "7",
     .unit = "backups",
     .live = true,
     .help = "How many of these backups are kept; older ones are removed."},
    {.key = "link_up_kbit_per_second",
     .programs = SETTINGS_AGENT,
     .kind = SETTING_NUMBER,
     .offset = AT(link_up_kbit),
     .least = 0,
     .most = 1000000,
     .absent = "0",
     .unit = "kilobits a second",
     .live = true,
     .help = "The most of the link to headquarters that is used for sending; 0: as much as there is."},
    {.key = "link_down_kbit_per_second",
     .programs = SETTINGS_AGENT,
     .kind = SETTING_NUMBER,
     .offset = AT(link_down_kbit),
     .least = 0,
     .most = 1000000,
     .absent = "0",
     .unit = "kilobits a second",
     .live = true,
     .help = "The most of it that is used for receiving; 0: as much as there is."},
    {.key = "link_bulk_hours",
     .programs = SETTINGS_AGENT,
     .kind = SETTING_HOURS,
     .offset = AT(link_bulk_hours),
     .absent = "",
     .unit = "hours as 19:00-06:00, by this machine's clock and zone",
     .live = true,
     .help =
         "When what is bulk may move: imported lists, a first sync, the rest of a long catch-up. What is\n"
         "written by hand, small news and what is urgent move at any hour. Not set: always."},
    {.key = "link_metered",
     .programs = SETTINGS_AGENT,
     .kind = SETTING_CHOICE,
     .offset = AT(link_metered),
     .absent = "no",
     .live = true,
     .choices = {{"no", false}, {"yes", true}},
     .help = "Each byte of the link costs money: nothing moves but what a person marked urgent (a record's\n"
             "field \"urgent\", or `sync --urgent`) and what keeps the link up."},
    {.key = "custody_wait_seconds",
     .programs = SETTINGS_HUB,
     .kind = SETTING_NUMBER,
     .offset = AT(custody_wait_s),
     .least = 0,
     .most = 86400,
     .absent = "60",
     .unit = "seconds",
     .help =
         "How long a restored hub waits for offices to give back headquarters' own log while nothing of it\n"
         "comes."},
    {.key = "office_mib_per_day",
     .programs = SETTINGS_HUB,
     .kind = SETTING_NUMBER,
     .offset = AT(office_mib_per_day),
     .least = 0,
     .most = 1048576,
     .absent = "1024",
     .unit = "MiB of changes",
     .live = true,
     .help =
         "The most that is taken from one office in a day (UTC), so that a broken or hostile one does not\n"
         "fill the disk for all; what is above waits in the office. 0: no bound."},
};

const size_t settings_count = sizeof settings_table / sizeof *settings_table;

static void help_row(const struct setting *row, FILE *to)
{
    fputs("\n# ", to);
    for (const char *at = row->help; *at; at++)
        fputs(*at == '\n' ? "\n# " : (const char[]){*at, '\0'}, to);
    fputs("\n# ", to);
    if (row->kind == SETTING_NUMBER)
        fprintf(to, "%" PRIu64 " to %" PRIu64 " %s", row->least, row->most, row->unit);
    else if (row->kind == SETTING_CHOICE)
        for (size_t i = 0; i < SETTING_CHOICES && row->choices[i].name; i++)
            fprintf(to, "%s%s", i ? ", " : "One of ", row->choices[i].name);
    else
        fprintf(to, "%s", row->unit);
    fprintf(to, "; default: %s; a change takes effect by %s.\n#%s:%s%s\n",
            *row->absent ? row->absent : "none", row->live ? "`systemctl reload`" : "`systemctl restart`",
            row->key, *row->absent ? " " : "", row->absent);
}

void settings_help(enum settings_program program, FILE *to)
{
    const char *name = program == SETTINGS_HUB ? "hub" : "agent";
    fprintf(
        to,
        "# Settings of hopnhat-%s: /etc/hopnhat/%s.yaml. What stands here commented out is the default.\n",
        name, name);
    for (size_t i = 0; i < settings_count; i++)
        if (settings_table[i].programs & program)
            help_row(&settings_table[i], to);
}
