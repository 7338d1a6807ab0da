#include "store/account.h"

#include "store/key.h"
#include "store/rows.h"

#include <sodium.h>

/* argon2id with one lane; the least that OWASP's Password Storage Cheat Sheet holds enough (2 passes over 19
 * MiB): each try holds the daemon's one thread up for so long */
enum { PASSES = 2, MEMORY_BYTES = 19 * 1024 * 1024 };

static const char *const role_names[] = {
    [ROLE_READER] = "reader",
    [ROLE_EDITOR] = "editor",
    [ROLE_MANAGER] = "manager",
    [ROLE_ADMINISTRATOR] = "administrator",
};

const char *role_name(enum role role)
{
    return role >= ROLE_READER && role <= ROLE_ADMINISTRATOR ? role_names[role] : "";
}

bool role_parse(const char *text, enum role *role, struct error *error)
{
    for (*role = ROLE_READER; *role <= ROLE_ADMINISTRATOR; ++*role)
        if (strcmp(text, role_names[*role]) == 0)
            return true;
    return error_set(error, ERROR_INPUT, "role: \"%.40s\" is none of reader, editor, manager, administrator",
                     text);
}

char *account_name(const char *text, struct arena *arena, struct error *error)
{
    size_t size = strlen(text);
    char *name = arena_string(arena, text, size > ACCOUNT_NAME_BYTES ? 0 : size);
    if (!name) {
        out_of_memory(error);
        return NULL;
    }
    for (char *at = name; *at; at++)
        if (*at >= 'A' && *at <= 'Z')
            *at = (char)(*at - 'A' + 'a');
    bool sound = *name && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789._-@") == strlen(name) &&
                 strspn(name, "._-@") == 0;
    if (sound)
        return name;
    error_set(error, ERROR_INPUT,
              "name: \"%.64s\" is no account's name: a-z and 0-9, within it also . _ - @, at most %d", text,
              ACCOUNT_NAME_BYTES);
    return NULL;
}

Hopnhat__Account *account_get(struct transaction *transaction, unsigned database, const char *name,
                              struct arena *arena)
{
    return row_get(transaction, database, bytes_of_string(name), &hopnhat__account__descriptor, arena);
}

void account_put(struct transaction *transaction, unsigned database, const Hopnhat__Account *account)
{
    row_put(transaction, database, bytes_of_string(account->name), &account->base);
}

void account_remove(struct transaction *transaction, unsigned database, const char *name)
{
    transaction_delete(transaction, database, bytes_of_string(name));
}

bool account_set_password(Hopnhat__Account *account, const char *password, uint64_t wall_ms,
                          struct arena *arena, struct error *error)
{
    size_t size = strlen(password);
    if (size < PASSWORD_LEAST_BYTES || size > PASSWORD_MOST_BYTES || strcmp(password, account->name) == 0)
        return error_set(error, ERROR_INPUT, "password: %d to %d bytes, and not the name",
                         PASSWORD_LEAST_BYTES, PASSWORD_MOST_BYTES);
    account->password = arena_alloc(arena, crypto_pwhash_STRBYTES);
    if (!account->password || crypto_pwhash_str_alg(account->password, password, size, PASSES, MEMORY_BYTES,
                                                    crypto_pwhash_ALG_ARGON2ID13) != 0)
        return error_set(error, ERROR_MEMORY, "out of memory for hashing a password");
    account->password_ms = wall_ms > account->password_ms ? wall_ms : account->password_ms + 1;
    return true;
}

bool account_check_password(const Hopnhat__Account *account, const char *password)
{
    /* of a password that nobody has, so that names cannot be told apart by the time that it takes */
    static const char nobody[crypto_pwhash_STRBYTES] =
        "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$"
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    bool right =
        crypto_pwhash_str_verify(account ? account->password : nobody, password, strlen(password)) == 0;
    return account && !account->disabled && right;
}
