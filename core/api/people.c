#include "api/people.h"

#include "api/login.h"
#include "api/wall.h"
#include "base/limits.h"
#include "base/log.h"
#include "net/loop.h"
#include "store/audit.h"

enum { AUDIT_PAGE = 1000, CALL_ARENA_BYTES = 64 * 1024 };

bool people_identify(struct people *people, struct api_call *call, struct error *error)
{
    bool is_cookie;
    call->role = call->request->local ? ROLE_ADMINISTRATOR : ROLE_ANYONE;
    if (call->request->local || !people)
        return true;
    const char *token = login_token(call->request, call->arena, &is_cookie);
    if (!token)
        return true;
    /* a browser sends the cookie by itself, also for a page that is not ours; it then names that page */
    if (is_cookie && strcmp(call->request->method, "GET") != 0 &&
        !http_request_header(call->request, "Origin"))
        return error_set(error, ERROR_REFUSED, "a request with a cookie needs an Origin");
    const Hopnhat__Account *account = login_find(people, token, loop_now_ms(), call->arena);
    if (account) {
        call->account = account->name;
        call->role = (enum role)account->role;
    }
    return true;
}

static char *actor_of(const struct api_call *call)
{
    const char *author = json_string_value(json_object_get(call->body, "author"));
    if (call->account)
        return arena_format(call->arena, "%s from %s", call->account, call->request->address);
    return arena_format(call->arena, "uid %u%s%.*s", call->request->uid, author ? " as " : "",
                        LIMIT_AUTHOR_BYTES, author ? author : "");
}

bool people_record(struct people *people, const struct api_call *call, const char *act, const char *detail,
                   struct error *error)
{
    const struct audit_act entry = {
        .actor = actor_of(call), .act = act, .detail = detail, .wall_ms = call->wall_ms};
    if (!entry.actor)
        return out_of_memory(error);
    return audit_write(people->environment, people->audit, &entry, error);
}

void people_reload_settings(struct people *people, struct settings *settings,
                            const struct settings_source *source)
{
    struct arena arena;
    struct error error;
    arena_init(&arena, CALL_ARENA_BYTES);
    bool done = settings_reload(settings, source, &error);
    const struct audit_act act = {
        .actor = "SIGHUP",
        .act = done ? "settings reload" : "failed: settings reload",
        .detail = done ? settings_text(settings, source->program, &arena) : error.text,
        .wall_ms = wall_now_ms(),
    };
    if (!audit_write(people->environment, people->audit, &act, &error))
        log_error("settings reload: %s", error.text);
    arena_release(&arena);
}

static json_t *session_json(const struct api_call *call, const char *token, struct error *error)
{
    json_t *json = json_pack("{s:s?, s:s, s:s*}", "name", call->account, "role",
                             call->role == ROLE_ANYONE ? "anyone" : role_name(call->role), "token", token);
    if (!json)
        out_of_memory(error);
    return json;
}

static json_t *handle_session(struct api_call *call, struct error *error)
{
    return session_json(call, NULL, error);
}

/* The account of that name (NULL in *account: there is none), read in a snapshot of its own. */
static bool read_account(struct api_call *call, const char *name, Hopnhat__Account **account,
                         struct error *error)
{
    struct people *people = call->people;
    struct transaction snapshot;
    if (!transaction_begin(&snapshot, people->environment, false, error))
        return false;
    *account = account_get(&snapshot, people->accounts, name, call->arena);
    bool done = transaction_is_sound(&snapshot, error);
    transaction_abort(&snapshot);
    return done;
}

static json_t *handle_login(struct api_call *call, struct error *error)
{
    static const char *const keys[] = {"name", "password", "bearer", NULL};
    struct people *people = call->people;
    const char *password = json_string_value(json_object_get(call->body, "password"));
    const char *given = json_string_value(json_object_get(call->body, "name"));
    const char *proto = http_request_header(call->request, "X-Forwarded-Proto");
    bool bearer = json_is_true(json_object_get(call->body, "bearer"));
    char token[LOGIN_TOKEN_TEXT];
    Hopnhat__Account *account;
    if (!api_body_keys(call, keys, error))
        return NULL;
    const char *name = given && password ? account_name(given, call->arena, error) : NULL;
    if (!name) {
        error_set(error, ERROR_REFUSED, "the name or the password is wrong");
        return NULL;
    }
    if (!read_account(call, name, &account, error) ||
        !login_check(people, call, name, account, password, error))
        return NULL;
    call->account = account->name;
    call->role = (enum role)account->role;
    if (!login_begin(people, account, loop_now_ms(), token)) {
        out_of_memory(error);
        return NULL;
    }
    log_info("%s has logged in from %s", name, call->request->address);
    if (!bearer)
        call->cookie = arena_format(call->arena,
                                    "hopnhat_session=%s; Path=/; HttpOnly; SameSite=Strict; Max-Age=604800%s",
                                    token, proto && strcmp(proto, "https") == 0 ? "; Secure" : "");
    return session_json(call, bearer ? token : NULL, error);
}

static json_t *handle_logout(struct api_call *call, struct error *error)
{
    bool is_cookie;
    const char *token = login_token(call->request, call->arena, &is_cookie);
    if (token)
        login_end(call->people, token);
    if (is_cookie)
        call->cookie = arena_string(call->arena, "hopnhat_session=; Path=/; Max-Age=0", 35);
    call->account = NULL;
    call->role = ROLE_ANYONE;
    return session_json(call, NULL, error);
}

static json_t *handle_own_password(struct api_call *call, struct error *error)
{
    static const char *const keys[] = {"password", "new_password", NULL};
    struct people *people = call->people;
    const char *present = json_string_value(json_object_get(call->body, "password"));
    const char *fresh = json_string_value(json_object_get(call->body, "new_password"));
    struct transaction transaction;
    Hopnhat__Account *account;
    if (!api_body_keys(call, keys, error))
        return NULL;
    if (!call->account || !present || !fresh) {
        error_set(error, ERROR_INPUT, "give the present password and the new_password");
        return NULL;
    }
    if (!read_account(call, call->account, &account, error) ||
        !login_check(people, call, call->account, account, present, error) ||
        !account_set_password(account, fresh, call->wall_ms, call->arena, error) ||
        !people_record(people, call, "changed the own password", NULL, error) ||
        !transaction_begin(&transaction, people->environment, true, error))
        return NULL;
    account_put(&transaction, people->accounts, account);
    return transaction_commit(&transaction, error) ? session_json(call, NULL, error) : NULL;
}

/* A page of the audit log under way. */
struct page {
    json_t *list;
    uint64_t limit, last;
    struct arena *arena;
    bool failed;
};

static bool add_entry(void *user, const Hopnhat__AuditEntry *entry)
{
    struct page *page = user;
    char *time = wall_text(entry->time_ms, page->arena);
    if (json_array_size(page->list) >= page->limit)
        return false;
    page->failed = json_array_append_new(page->list, json_pack("{s:I, s:s, s:s, s:s, s:s*}", "number",
                                                               (json_int_t)entry->number, "time",
                                                               time ? time : "", "actor", entry->actor, "act",
                                                               entry->act, "detail", entry->detail)) != 0;
    page->last = entry->number;
    return !page->failed;
}

static json_t *handle_audit(struct api_call *call, struct error *error)
{
    struct people *people = call->people;
    struct page page = {.list = json_array(), .arena = call->arena};
    struct transaction snapshot;
    uint64_t after;
    json_t *json = NULL;
    if (page.list &&
        api_number(http_request_query(call->request, "after"), "after", 0, INT64_MAX, &after, error) &&
        api_number(http_request_query(call->request, "limit"), "limit", AUDIT_PAGE, AUDIT_PAGE, &page.limit,
                   error) &&
        transaction_begin(&snapshot, people->environment, false, error)) {
        if (!audit_list(&snapshot, people->audit, after, call->arena, add_entry, &page))
            *error = snapshot.error;
        else if (page.failed || !(json = json_pack("{s:O}", "audit", page.list)))
            out_of_memory(error);
        transaction_abort(&snapshot);
        if (json && page.limit && json_array_size(page.list) == page.limit)
            json_object_set_new(json, "next", json_sprintf("%llu", (unsigned long long)page.last));
    }
    json_decref(page.list);
    return json;
}

const struct api_route people_routes[] = {
    {"GET", "/v1/session", handle_session, ROLE_ANYONE},
    {"POST", "/v1/session", handle_login, ROLE_ANYONE},
    {"DELETE", "/v1/session", handle_logout, ROLE_READER},
    {"POST", "/v1/session/password", handle_own_password, ROLE_READER},
    {"GET", "/v1/accounts", handle_accounts, ROLE_ADMINISTRATOR},
    {"POST", "/v1/accounts", handle_account_add, ROLE_ADMINISTRATOR},
    {"PATCH", "/v1/accounts/{name}", handle_account_set, ROLE_ADMINISTRATOR},
    {"DELETE", "/v1/accounts/{name}", handle_account_remove, ROLE_ADMINISTRATOR},
    {"GET", "/v1/audit", handle_audit, ROLE_ADMINISTRATOR},
};
const size_t people_route_count = sizeof people_routes / sizeof *people_routes;
