/* Who calls: over the Unix socket root or the daemon's own user, who may do everything; over TCP the holder
 * of an account, by the token of a login (as a cookie, or as "Authorization: Bearer TOKEN"). And the record
 * of administrative acts.
 *
 *   GET    /v1/session                     {"name","role"}, or {"role":"anyone"}
 *   POST   /v1/session                     body name, password: begins one, whose token is set as a cookie;
 *                                          with bearer: true it is in the answer instead
 *   DELETE /v1/session                     ends it
 *   POST   /v1/session/password            body password, new_password: the own one
 *   GET    /v1/accounts                    {"accounts":[{"name","role","full_name","disabled","created"}]}
 *   POST   /v1/accounts                    body name, role, password, full_name
 *   PATCH  /v1/accounts/{name}             body role, password, full_name, disabled
 *   DELETE /v1/accounts/{name}
 *   GET    /v1/audit?after=NUMBER&limit=N  {"audit":[{"number","time","actor","act","detail"}],"next"}
 *
 * Of a token the daemon keeps the hash, in memory only: a restart ends all logins. Rights are those that the
 * account has at the moment of the request. Who fails to log in is slowed, by name and by address. */
#ifndef HOPNHAT_API_PEOPLE_H
#define HOPNHAT_API_PEOPLE_H

#include "api/router.h"
#include "api/settings.h"
#include "base/throttle.h"
#include "store/account.h"

struct login;

struct people {
    struct environment *environment; /* of the daemon's store, with these two databases in it */
    unsigned accounts, audit;
    struct login *logins;
    struct throttle names, addresses;
    struct budget tries; /* of all together */
};

/* Fills in *people for an open store, which is borrowed; ends with people_end. */
void people_start(struct people *people, struct environment *environment, unsigned accounts, unsigned audit);
void people_end(struct people *people);

/* Finds out who calls: call->role and call->account. ERROR_REFUSED for a request that a foreign page may have
 * made a browser send. */
bool people_identify(struct people *people, struct api_call *call, struct error *error);

/* Puts an act of the caller on record, on disk when it returns; detail may be NULL. */
bool people_record(struct people *people, const struct api_call *call, const char *act, const char *detail,
                   struct error *error);

/* Reads the settings anew, as settings_reload, and puts on record what is in force then, or why nothing has
 * changed. */
void people_reload_settings(struct people *people, struct settings *settings,
                            const struct settings_source *source);

/* The routes above. */
extern const struct api_route people_routes[];
extern const size_t people_route_count;

#endif
