/* The accounts of the people who come over TCP: names, roles and hashed passwords. */
#ifndef HOPNHAT_STORE_ACCOUNT_H
#define HOPNHAT_STORE_ACCOUNT_H

#include "base/arena.h"
#include "store/environment.h"

#include "store.pb-c.h"

/* What a route asks for, and what somebody has; each may what those before may. Stored as numbers. */
enum role {
    ROLE_LOCAL,  /* of a route: the machine's own socket alone. Nobody has it */
    ROLE_ANYONE, /* has not said who he is */
    ROLE_READER,
    ROLE_EDITOR,  /* writes records, settles conflicts */
    ROLE_MANAGER, /* lists, offices, what was refused */
    ROLE_ADMINISTRATOR,
};

/* "reader", …; "" for what no account can have. */
const char *role_name(enum role role);

/* The role of that name among those that an account can have. ERROR_INPUT. */
bool role_parse(const char *text, enum role *role, struct error *error);

enum { ACCOUNT_NAME_BYTES = 64, PASSWORD_LEAST_BYTES = 10, PASSWORD_MOST_BYTES = 1024 };

/* The name in its one form (lower case), in the arena. NULL: ERROR_INPUT says what a name is. */
char *account_name(const char *text, struct arena *arena, struct error *error);

/* The account, in the arena; NULL where there is none or the transaction has failed. */
Hopnhat__Account *account_get(struct transaction *transaction, unsigned database, const char *name,
                              struct arena *arena);
void account_put(struct transaction *transaction, unsigned database, const Hopnhat__Account *account);
void account_remove(struct transaction *transaction, unsigned database, const char *name);

/* Sets the password, whose hash is in the arena; wall_ms is when. Slow on purpose (tens of milliseconds, 19
 * MiB for their time). ERROR_INPUT for one that is too short, too long or the name itself; ERROR_MEMORY. */
bool account_set_password(Hopnhat__Account *account, const char *password, uint64_t wall_ms,
                          struct arena *arena, struct error *error);

/* Whether it is the account's password; account NULL: no, and it takes as long. */
bool account_check_password(const Hopnhat__Account *account, const char *password);

#endif
