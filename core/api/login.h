/* Logins under way: tokens, kept as hashes, in memory. Used by people.c and accounts.c alone. */
#ifndef HOPNHAT_API_LOGIN_H
#define HOPNHAT_API_LOGIN_H

#include "api/people.h"

enum { LOGIN_TOKEN_BYTES = 32, LOGIN_TOKEN_TEXT = 2 * LOGIN_TOKEN_BYTES + 1 };

/* Begins one for the account, as of whose password it counts. The one that was not used for longest makes
 * room. False: out of memory. */
bool login_begin(struct people *people, const Hopnhat__Account *account, uint64_t now_ms,
                 char token[LOGIN_TOKEN_TEXT]);

/* The account whose login the token is, in the arena; NULL: none, or not any more. */
const Hopnhat__Account *login_find(struct people *people, const char *token, uint64_t now_ms,
                                   struct arena *arena);

/* Ends it. */
void login_end(struct people *people, const char *token);

/* The token that the request carries, in the arena; NULL: none. *is_cookie: as a cookie. */
const char *login_token(const struct http_request *request, struct arena *arena, bool *is_cookie);

/* Checks a password: slowed, and logged, where it is wrong. ERROR_REFUSED, ERROR_UNAVAILABLE. account is NULL
 * where there is none of that name. */
bool login_check(struct people *people, const struct api_call *call, const char *name,
                 const Hopnhat__Account *account, const char *password, struct error *error);

/* accounts.c */
api_handler handle_accounts, handle_account_add, handle_account_set, handle_account_remove;

#endif
