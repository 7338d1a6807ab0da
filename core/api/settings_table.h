/* Every key of the settings: kind, range, default, unit, and what it is for. */
#ifndef HOPNHAT_API_SETTINGS_TABLE_H
#define HOPNHAT_API_SETTINGS_TABLE_H

#include "api/settings.h"

enum { SETTING_CHOICES = 4 };

enum setting_kind {
    SETTING_ENDPOINT,
    SETTING_ADDRESS,
    SETTING_PATH,
    SETTING_NAMES,
    SETTING_HOURS,
    SETTING_NUMBER,
    SETTING_CHOICE
};

struct setting {
    const char *key;
    unsigned programs;
    enum setting_kind kind;
    size_t offset;        /* in struct settings */
    uint64_t least, most; /* of a number */
    const char *absent;   /* the default; "": nothing */
    const char *unit;     /* of a number; of a text what it is */
    bool live;            /* a change takes effect by SIGHUP, without a new start */
    const char *help;
    struct {
        const char *name;
        uint64_t value;
    } choices[SETTING_CHOICES];
};

extern const struct setting settings_table[];
extern const size_t settings_count;

#endif
