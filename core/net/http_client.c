#include "net/http_client.h"

#include "net/net.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { CONNECT_TRIES = 10, CONNECT_PAUSE_NS = 100 * 1000 * 1000 };

struct http_client {
    CURL *curl;
    char *socket_path;
    char *body;
    size_t size, capacity;
    bool too_large;
};

static size_t take_body(char *data, size_t unit, size_t count, void *user)
{
    struct http_client *client = user;
    size_t size = unit * count;
    if (size > HTTP_ANSWER_BYTES - client->size) {
        client->too_large = true;
        return 0;
    }
    if (client->size + size + 1 > client->capacity) {
        size_t capacity = 2 * (client->size + size + 1);
        char *body = realloc(client->body, capacity);
        if (!body)
            return 0;
        client->body = body;
        client->capacity = capacity;
    }
    memcpy(client->body + client->size, data, size);
    client->size += size;
    client->body[client->size] = '\0';
    return size;
}

struct http_client *http_client_new(const char *socket_path, struct error *error)
{
    struct sockaddr_un address;
    if (!net_unix_address(socket_path, &address, error))
        return NULL;
    struct http_client *client = calloc(1, sizeof *client);
    if (client) {
        client->curl = curl_easy_init();
        client->socket_path = strdup(socket_path);
    }
    if (!client || !client->curl || !client->socket_path) {
        http_client_free(client);
        error_set(error, ERROR_MEMORY, "out of memory for the HTTP client");
        return NULL;
    }
    return client;
}

void http_client_free(struct http_client *client)
{
    if (!client)
        return;
    if (client->curl)
        curl_easy_cleanup(client->curl);
    free(client->socket_path);
    free(client->body);
    free(client);
}

/* Sets all options anew; the connection outlives the reset. */
static bool prepare(struct http_client *client, const char *method, const char *url, struct bytes body,
                    long timeout_ms, struct curl_slist *headers)
{
    CURL *curl = client->curl;
    curl_easy_reset(curl);
    bool set = curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, client->socket_path) == CURLE_OK &&
               curl_easy_setopt(curl, CURLOPT_URL, url) == CURLE_OK &&
               curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method) == CURLE_OK &&
               curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers) == CURLE_OK &&
               curl_easy_setopt(curl, CURLOPT_PROXY, "") == CURLE_OK &&
               curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http") == CURLE_OK &&
               curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
               curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L) == CURLE_OK &&
               curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, timeout_ms) == CURLE_OK &&
               curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body) == CURLE_OK &&
               curl_easy_setopt(curl, CURLOPT_WRITEDATA, client) == CURLE_OK;
    if (set && strcmp(method, "HEAD") == 0)
        set = curl_easy_setopt(curl, CURLOPT_NOBODY, 1L) == CURLE_OK;
    else if (set && strcmp(method, "GET") != 0)
        set =
            curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.size) == CURLE_OK &&
            curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.size ? (const char *)body.data : "") == CURLE_OK;
    return set;
}

static bool fail(const struct http_client *client, CURLcode code, struct error *error)
{
    if (client->too_large)
        return error_set(error, ERROR_LIMIT, "the daemon's answer passes HTTP_ANSWER_BYTES");
    if (code == CURLE_COULDNT_CONNECT)
        return error_set(error, ERROR_UNAVAILABLE, "no daemon answers at %s", client->socket_path);
    if (code == CURLE_OPERATION_TIMEDOUT)
        return error_set(error, ERROR_UNAVAILABLE, "no answer in time from the daemon at %s",
                         client->socket_path);
    if (code == CURLE_OUT_OF_MEMORY)
        return error_set(error, ERROR_MEMORY, "out of memory for the daemon's answer");
    return error_set(error, ERROR_NETWORK, "the call to the daemon at %s failed: %s", client->socket_path,
                     curl_easy_strerror(code));
}

static bool perform(struct http_client *client, struct http_answer *answer, struct error *error)
{
    long status = 0;
    char *type = NULL;
    client->size = 0;
    client->too_large = false;
    CURLcode code = curl_easy_perform(client->curl);
    /* a daemon that makes its store anew is away for a moment; nothing of the call has reached it */
    for (int i = 0; code == CURLE_COULDNT_CONNECT && i < CONNECT_TRIES; i++) {
        nanosleep(&(struct timespec){.tv_nsec = CONNECT_PAUSE_NS}, NULL);
        code = curl_easy_perform(client->curl);
    }
    if (code != CURLE_OK)
        return fail(client, code, error);
    curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(client->curl, CURLINFO_CONTENT_TYPE, &type);
    *answer = (struct http_answer){
        .status = (int)status,
        .body = bytes_of(client->size ? client->body : "", client->size),
        .content_type = type ? type : "",
    };
    return true;
}

bool http_call(struct http_client *client, const char *method, const char *path_and_query, struct bytes body,
               long timeout_ms, struct http_answer *answer, struct error *error)
{
    static const char place[] = "http://localhost";
    size_t size = sizeof place + strlen(path_and_query);
    char *url = malloc(size);
    /* no "Expect: 100-continue", which costs a turn, and no form's content type */
    struct curl_slist *headers = curl_slist_append(NULL, "Expect:");
    struct curl_slist *longer = headers ? curl_slist_append(headers, "Content-Type: application/json") : NULL;
    bool done = false;
    if (!url || !longer) {
        error_set(error, ERROR_MEMORY, "out of memory for a call");
    } else {
        snprintf(url, size, "%s%s", place, path_and_query);
        done = prepare(client, method, url, body, timeout_ms, longer)
                   ? perform(client, answer, error)
                   : error_set(error, ERROR_INTERNAL, "libcurl does not take the call's options");
    }
    curl_slist_free_all(headers);
    free(url);
    return done;
}
