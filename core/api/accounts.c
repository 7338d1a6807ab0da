#include "api/login.h"
#include "api/wall.h"
#include "base/limits.h"
#include "store/rows.h"

static json_t *account_json(const Hopnhat__Account *account, struct arena *arena)
{
    char *created = wall_text(account->created_ms, arena);
    return json_pack("{s:s, s:s, s:s, s:b, s:s}", "name", account->name, "role",
                     role_name((enum role)account->role), "full_name",
                     account->full_name ? account->full_name : "", "disabled", account->disabled, "created",
                     created ? created : "");
}

json_t *handle_accounts(struct api_call *call, struct error *error)
{
    struct transaction snapshot;
    struct cursor cursor;
    json_t *list = json_array(), *json = NULL;
    if (!list || !transaction_begin(&snapshot, call->people->environment, false, error)) {
        json_decref(list);
        return NULL;
    }
    cursor_open(&cursor, &snapshot, call->people->accounts);
    for (bool here = cursor_seek(&cursor, bytes_of(NULL, 0)); here; here = cursor_next(&cursor)) {
        const Hopnhat__Account *account =
            row_unpack(&snapshot, cursor.value, &hopnhat__account__descriptor, call->arena);
        if (!account || json_array_append_new(list, account_json(account, call->arena)) != 0)
            break;
    }
    cursor_close(&cursor);
    if (snapshot.failed)
        *error = snapshot.error;
    else if (!(json = json_pack("{s:O}", "accounts", list)))
        out_of_memory(error);
    transaction_abort(&snapshot);
    json_decref(list);
    return json;
}

/* Takes what the body says into the account. */
static bool fill(struct api_call *call, Hopnhat__Account *account, struct error *error)
{
    const json_t *disabled = json_object_get(call->body, "disabled");
    enum role role;
    error->code = ERROR_NONE;
    const char *role_text = api_body_string(call, "role", error);
    const char *password = error->code ? NULL : api_body_string(call, "password", error);
    const char *full_name = error->code ? NULL : api_body_string(call, "full_name", error);
    if (error->code || (role_text && !role_parse(role_text, &role, error)))
        return false;
    if (disabled && !json_is_boolean(disabled))
        return error_set(error, ERROR_INPUT, "disabled: give true or false");
    if (full_name && strlen(full_name) > LIMIT_AUTHOR_BYTES * 4)
        return error_set(error, ERROR_INPUT, "full_name: at most %d bytes", LIMIT_AUTHOR_BYTES * 4);
    if (role_text)
        account->role = (uint32_t)role;
    if (full_name)
        account->full_name = (char *)(uintptr_t)full_name;
    if (disabled)
        account->has_disabled = true, account->disabled = json_is_true(disabled);
    return !password || account_set_password(account, password, call->wall_ms, call->arena, error);
}

static json_t *store(struct api_call *call, struct transaction *transaction, const Hopnhat__Account *account,
                     struct error *error)
{
    account_put(transaction, call->people->accounts, account);
    if (!transaction_commit(transaction, error))
        return NULL;
    json_t *json = account_json(account, call->arena);
    if (!json)
        out_of_memory(error);
    return json;
}

json_t *handle_account_add(struct api_call *call, struct error *error)
{
    static const char *const keys[] = {"name", "role", "password", "full_name", "author", NULL};
    struct people *people = call->people;
    struct transaction transaction;
    Hopnhat__Account account = HOPNHAT__ACCOUNT__INIT;
    const char *given = json_string_value(json_object_get(call->body, "name"));
    if (!api_body_keys(call, keys, error) ||
        !(account.name = account_name(given ? given : "", call->arena, error)))
        return NULL;
    account.created_ms = call->wall_ms;
    if (!fill(call, &account, error))
        return NULL;
    if (account.role == 0 || !account.password) {
        error_set(error, ERROR_INPUT, "an account needs a name, a role and a password");
        return NULL;
    }
    if (!transaction_begin(&transaction, people->environment, true, error))
        return NULL;
    if (account_get(&transaction, people->accounts, account.name, call->arena))
        error_set(error, ERROR_INPUT, "there is an account %s already", account.name);
    else if (transaction_count(&transaction, people->accounts) >= LIMIT_ACCOUNTS)
        error_set(error, ERROR_LIMIT, "more than %d accounts (LIMIT_ACCOUNTS)", LIMIT_ACCOUNTS);
    else
        return store(call, &transaction, &account, error);
    transaction_abort(&transaction);
    return NULL;
}

/* The account that the path names, in a transaction that has begun. NULL: it has ended. */
static Hopnhat__Account *begin_change(struct api_call *call, struct transaction *transaction,
                                      struct error *error)
{
    char *name = account_name(call->parts[0], call->arena, error);
    if (!name || !transaction_begin(transaction, call->people->environment, true, error))
        return NULL;
    Hopnhat__Account *account = account_get(transaction, call->people->accounts, name, call->arena);
    if (account)
        return account;
    if (transaction->failed)
        *error = transaction->error;
    else
        error_set(error, ERROR_NOT_FOUND, "there is no account %s", name);
    transaction_abort(transaction);
    return NULL;
}

json_t *handle_account_set(struct api_call *call, struct error *error)
{
    static const char *const keys[] = {"role", "password", "full_name", "disabled", "author", NULL};
    struct transaction transaction;
    if (!api_body_keys(call, keys, error))
        return NULL;
    Hopnhat__Account *account = begin_change(call, &transaction, error);
    if (!account)
        return NULL;
    if (fill(call, account, error))
        return store(call, &transaction, account, error);
    transaction_abort(&transaction);
    return NULL;
}

json_t *handle_account_remove(struct api_call *call, struct error *error)
{
    static const char *const keys[] = {"author", NULL};
    struct transaction transaction;
    if (!api_body_keys(call, keys, error))
        return NULL;
    const Hopnhat__Account *account = begin_change(call, &transaction, error);
    if (!account)
        return NULL;
    account_remove(&transaction, call->people->accounts, account->name);
    return transaction_commit(&transaction, error) ? account_json(account, call->arena) : NULL;
}
