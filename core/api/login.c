#include "api/login.h"

#include "base/hex.h"
#include "base/limits.h"
#include "base/log.h"
#include "net/http_listen.h"
#include "net/keys.h"
#include "net/loop.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sodium.h>
#include <stdlib.h>
#include <strings.h>
#include <uthash.h>

#define COOKIE "hopnhat_session="

enum { HASH_BYTES = 32, HOUR_MS = 3600 * 1000, IDLE_MS = 12 * HOUR_MS, LONGEST_MS = 7 * 24 * HOUR_MS };

struct login {
    uint8_t hash[HASH_BYTES]; /* of the token */
    char account[ACCOUNT_NAME_BYTES + 1];
    uint64_t password_ms, begun_ms, used_ms;
    UT_hash_handle hh;
};

static const struct throttle_rule by_name = {5, 1000, 60 * 1000, HOUR_MS};
static const struct throttle_rule by_address = {20, 1000, 5 * 60 * 1000, HOUR_MS};

enum { TRIES_AT_ONCE = 20, TRY_EVERY_MS = 250 };

static void hash_of(const char *token, uint8_t hash[HASH_BYTES])
{
    crypto_generichash(hash, HASH_BYTES, (const uint8_t *)token, strlen(token), NULL, 0);
}

static void drop(struct people *people, struct login *login)
{
    HASH_DEL(people->logins, login);
    free(login);
}

void people_start(struct people *people, struct environment *environment, unsigned accounts, unsigned audit)
{
    *people = (struct people){.environment = environment, .accounts = accounts, .audit = audit};
}

void people_end(struct people *people)
{
    struct login *login, *next;
    HASH_ITER(hh, people->logins, login, next)
    {
        drop(people, login);
    }
}

/* Ends the least recently used login (of the account, or NULL: of all) while there are more than `most`. */
static void make_room(struct people *people, const char *account, size_t most)
{
    for (;;) {
        struct login *oldest = NULL;
        size_t count = 0;
        for (struct login *one = people->logins; one; one = one->hh.next) {
            if (account && strcmp(one->account, account) != 0)
                continue;
            count++;
            if (!oldest || one->used_ms < oldest->used_ms)
                oldest = one;
        }
        if (count <= most)
            return;
        drop(people, oldest);
    }
}

bool login_begin(struct people *people, const Hopnhat__Account *account, uint64_t now_ms,
                 char token[LOGIN_TOKEN_TEXT])
{
    uint8_t secret[LOGIN_TOKEN_BYTES];
    struct login *login = calloc(1, sizeof *login);
    if (!login)
        return false;
    keys_random(secret, sizeof secret);
    hex_encode(bytes_of(secret, sizeof secret), token);
    hash_of(token, login->hash);
    memcpy(login->account, account->name, strlen(account->name) + 1);
    login->password_ms = account->password_ms;
    login->begun_ms = login->used_ms = now_ms;
    make_room(people, login->account, LIMIT_LOGINS_PER_ACCOUNT - 1);
    make_room(people, NULL, LIMIT_LOGINS - 1);
    HASH_ADD(hh, people->logins, hash, HASH_BYTES, login);
    return true;
}

static struct login *find(struct people *people, const char *token)
{
    uint8_t hash[HASH_BYTES];
    struct login *login;
    hash_of(token, hash);
    HASH_FIND(hh, people->logins, hash, HASH_BYTES, login);
    return login;
}

const Hopnhat__Account *login_find(struct people *people, const char *token, uint64_t now_ms,
                                   struct arena *arena)
{
    struct login *login = find(people, token);
    struct transaction snapshot;
    struct error error;
    if (!login || !transaction_begin(&snapshot, people->environment, false, &error))
        return NULL;
    const Hopnhat__Account *account = account_get(&snapshot, people->accounts, login->account, arena);
    bool failed = snapshot.failed;
    transaction_abort(&snapshot);
    if (account && !account->disabled && account->password_ms == login->password_ms &&
        now_ms < login->used_ms + IDLE_MS && now_ms < login->begun_ms + LONGEST_MS) {
        login->used_ms = now_ms;
        return account;
    }
    if (!failed)
        drop(people, login);
    return NULL;
}

void login_end(struct people *people, const char *token)
{
    struct login *login = find(people, token);
    if (login)
        drop(people, login);
}

const char *login_token(const struct http_request *request, struct arena *arena, bool *is_cookie)
{
    static const char bearer[] = "Bearer ";
    const char *given = http_request_header(request, "Authorization");
    *is_cookie = false;
    if (given && strncasecmp(given, bearer, strlen(bearer)) == 0)
        return given + strlen(bearer);
    given = http_request_header(request, "Cookie");
    while (given && *given) {
        given += strspn(given, " ;");
        size_t size = strcspn(given, ";");
        if (strncmp(given, COOKIE, strlen(COOKIE)) == 0) {
            *is_cookie = true;
            return arena_string(arena, given + strlen(COOKIE), size - strlen(COOKIE));
        }
        given += size;
    }
    return NULL;
}

/* What counts as one address: of IPv6 a network, since whoever has one address has 2^64. */
static struct bytes address_key(const char *address, struct in6_addr *number)
{
    enum { NETWORK_BYTES = 8 };
    if (inet_pton(AF_INET6, address, number) == 1 && !IN6_IS_ADDR_V4MAPPED(number))
        return bytes_of(number->s6_addr, NETWORK_BYTES);
    return bytes_of_string(address);
}

/* An address of this machine itself has no wait of its own: it may be a proxy's that does not tell for whom
 * it asks, and then everybody would wait for the mistakes of all. */
bool login_check(struct people *people, const struct api_call *call, const char *name,
                 const Hopnhat__Account *account, const char *password, struct error *error)
{
    uint64_t now_ms = loop_now_ms();
    const char *address = call->request->address;
    struct in6_addr number;
    struct bytes by[] = {bytes_of_string(name), address_key(address, &number)};
    uint64_t wait_ms = throttle_wait_ms(&people->names, &by_name, by[0], now_ms);
    bool is_here = http_is_loopback(address, strlen(address));
    uint64_t other_ms = is_here ? 0 : throttle_wait_ms(&people->addresses, &by_address, by[1], now_ms);
    if (other_ms > wait_ms)
        wait_ms = other_ms;
    if (wait_ms)
        return error_set(error, ERROR_UNAVAILABLE, "too many wrong passwords: try again in %llu s",
                         (unsigned long long)(wait_ms / 1000 + 1));
    if (!budget_take(&people->tries, TRIES_AT_ONCE, TRY_EVERY_MS, now_ms))
        return error_set(error, ERROR_UNAVAILABLE, "too many logins at once: try again in a moment");
    if (account_check_password(account, password)) {
        throttle_succeeded(&people->names, by[0]);
        return true;
    }
    throttle_failed(&people->names, &by_name, by[0], now_ms);
    if (!is_here)
        throttle_failed(&people->addresses, &by_address, by[1], now_ms);
    log_warning("a login as %.64s from %s failed", name, *address ? address : "this machine");
    return error_set(error, ERROR_REFUSED, "the name or the password is wrong");
}
