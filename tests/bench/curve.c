#include "curve.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { GREETING_BYTES = 64, FLAG_LONG = 2, FLAG_COMMAND = 4, INNER_COMMAND = 2, READ_BYTES = 16 * 1024 };
enum {
    HELLO_BYTES = 200,
    WELCOME_BYTES = 168,
    COOKIE_BYTES = 96,
    VOUCH_BYTES = 80,
    PING_TTL_DECISECONDS = 600
};

static bool queue(struct curve *curve, const void *data, size_t size)
{
    uint8_t *grown = realloc(curve->out, curve->out_size + size);
    if (!grown)
        return false;
    memcpy(grown + curve->out_size, data, size);
    curve->out = grown;
    curve->out_size += size;
    return true;
}

static bool flush(struct curve *curve)
{
    ssize_t sent = send(curve->fd, curve->out, curve->out_size, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0)
        return errno == EAGAIN || errno == EINTR;
    curve->out_size -= (size_t)sent;
    memmove(curve->out, curve->out + sent, curve->out_size);
    if (curve->out_size == 0) {
        free(curve->out);
        curve->out = NULL;
    }
    return true;
}

/* A frame of ZMTP around the body. */
static bool queue_frame(struct curve *curve, uint8_t flags, const uint8_t *body, size_t size)
{
    uint8_t head[9] = {flags, (uint8_t)size};
    if (size > UINT8_MAX) {
        head[0] |= FLAG_LONG;
        put_u64_be(head + 1, size);
    }
    return queue(curve, head, size > UINT8_MAX ? 9 : 2) && queue(curve, body, size);
}

/* A nonce: what it is for, then the connection's own count. */
static void next_nonce(struct curve *curve, const char *purpose, uint8_t nonce[24])
{
    memcpy(nonce, purpose, 16);
    put_u64_be(nonce + 16, ++curve->nonce);
}

static bool say_hello(struct curve *curve)
{
    static const uint8_t zeros[64];
    uint8_t body[HELLO_BYTES] = "\x05HELLO\x01", nonce[24];
    crypto_box_keypair(curve->short_public, curve->short_secret);
    next_nonce(curve, "CurveZMQHELLO---", nonce);
    memcpy(body + 80, curve->short_public, 32);
    memcpy(body + 112, nonce + 16, 8);
    curve->state = CURVE_SAID_HELLO;
    return crypto_box_easy(body + 120, zeros, sizeof zeros, nonce, curve->hub_key, curve->short_secret) ==
               0 &&
           queue_frame(curve, FLAG_COMMAND, body, sizeof body);
}

/* The proof that the short-term key is the long-term key's, for this very server. */
static bool vouch(const struct curve *curve, const uint8_t server_short[32], uint8_t text[16 + VOUCH_BYTES])
{
    uint8_t nonce[24] = "VOUCH---", plain[64];
    randombytes_buf(nonce + 8, 16);
    memcpy(plain, curve->short_public, 32);
    memcpy(plain + 32, curve->hub_key, 32);
    memcpy(text, nonce + 8, 16);
    return crypto_box_easy(text + 16, plain, sizeof plain, nonce, server_short, curve->own->secret_key) == 0;
}

static bool initiate(struct curve *curve, const uint8_t *welcome, size_t size)
{
    static const char metadata[] = "\x0bSocket-Type\0\0\0\x06"
                                   "DEALER\x08Identity\0\0\0";
    uint8_t nonce[24] = "WELCOME-", opened[32 + COOKIE_BYTES];
    uint8_t plain[32 + 16 + VOUCH_BYTES + sizeof metadata], body[9 + COOKIE_BYTES + 8 + 16 + sizeof plain];
    if (size != WELCOME_BYTES || memcmp(welcome, "\x07WELCOME", 8) != 0)
        return false;
    memcpy(nonce + 8, welcome + 8, 16);
    if (crypto_box_open_easy(opened, welcome + 24, size - 24, nonce, curve->hub_key, curve->short_secret) !=
        0)
        return false;
    memcpy(plain, curve->own->public_key, 32);
    memcpy(plain + 32 + 16 + VOUCH_BYTES, metadata, sizeof metadata);
    if (!vouch(curve, opened, plain + 32) ||
        crypto_box_beforenm(curve->shared, opened, curve->short_secret) != 0)
        return false;
    memcpy(body, "\x08INITIATE", 9);
    memcpy(body + 9, opened + 32, COOKIE_BYTES);
    next_nonce(curve, "CurveZMQINITIATE", nonce);
    memcpy(body + 9 + COOKIE_BYTES, nonce + 16, 8);
    curve->state = CURVE_INITIATED;
    return crypto_box_easy_afternm(body + 9 + COOKIE_BYTES + 8, plain, sizeof plain, nonce, curve->shared) ==
               0 &&
           queue_frame(curve, FLAG_COMMAND, body, sizeof body);
}

/* One command of the handshake. */
static bool take_command(struct curve *curve, const uint8_t *body, size_t size)
{
    if (curve->state == CURVE_SAID_HELLO)
        return initiate(curve, body, size);
    if (size < 6 + 8 + 16 || memcmp(body, "\x05READY", 6) != 0)
        return false; /* ERROR: the key is not admitted */
    curve->state = CURVE_UP;
    return true;
}

/* What has been read and not used. */
static struct bytes unread(const struct curve *curve)
{
    return bytes_of(curve->in + curve->in_used, curve->in_size - curve->in_used);
}

/* The next whole frame; false where it has not come whole. */
static bool next_frame(struct curve *curve, uint8_t **body, size_t *size)
{
    struct bytes rest = unread(curve);
    size_t head = rest.size && rest.data[0] & FLAG_LONG ? 9 : 2;
    if (rest.size < head)
        return false;
    *size = head == 9 ? (size_t)get_u64_be(rest.data + 1) : rest.data[1];
    if (rest.size - head < *size)
        return false;
    *body = curve->in + curve->in_used + head;
    curve->in_used += head + *size;
    return true;
}

static bool shake_hands(struct curve *curve)
{
    uint8_t *body;
    size_t size;
    if (curve->state == CURVE_GREETED && unread(curve).size >= GREETING_BYTES) {
        curve->in_used += GREETING_BYTES;
        if (!say_hello(curve))
            return false;
    }
    while (curve->state > CURVE_GREETED && curve->state < CURVE_UP && next_frame(curve, &body, &size))
        if (!take_command(curve, body, size))
            return false;
    return true;
}

/* Moves what is unread to the front and makes room behind it. */
static bool make_room(struct curve *curve)
{
    struct bytes rest = unread(curve);
    if (rest.size)
        memmove(curve->in, rest.data, rest.size);
    curve->in_size = rest.size;
    curve->in_used = 0;
    if (curve->in_capacity - curve->in_size >= READ_BYTES)
        return true;
    uint8_t *grown = realloc(curve->in, curve->in_size + READ_BYTES);
    if (!grown)
        return false;
    curve->in = grown;
    curve->in_capacity = curve->in_size + READ_BYTES;
    return true;
}

/* An idle connection keeps no buffer. */
static void drop_empty(struct curve *curve)
{
    if (curve->in_used < curve->in_size)
        return;
    free(curve->in);
    curve->in = NULL;
    curve->in_size = curve->in_used = curve->in_capacity = 0;
}

static bool read_all(struct curve *curve)
{
    for (;;) {
        if (!make_room(curve))
            return false;
        ssize_t got = recv(curve->fd, curve->in + curve->in_size, READ_BYTES, MSG_DONTWAIT);
        if (got > 0)
            curve->in_size += (size_t)got;
        else
            return got < 0 && (errno == EAGAIN || errno == EINTR);
    }
}

bool curve_work(struct curve *curve)
{
    uint8_t greeting[GREETING_BYTES] = {[0] = 0xff, [8] = 1, [9] = 0x7f, [10] = 3, [11] = 1};
    if (curve->state == CURVE_CONNECTING) {
        int error = 0;
        socklen_t size = sizeof error;
        if (getsockopt(curve->fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error)
            return false;
        memcpy(greeting + 12, "CURVE", 5);
        curve->state = CURVE_GREETED;
        if (!queue(curve, greeting, sizeof greeting))
            return false;
    }
    bool open = read_all(curve) && shake_hands(curve) && (curve->out_size == 0 || flush(curve));
    drop_empty(curve);
    return open;
}

bool curve_receive(struct curve *curve, struct bytes *frame)
{
    uint8_t nonce[24] = "CurveZMQMESSAGES", *body;
    size_t size;
    while (curve->state == CURVE_UP && next_frame(curve, &body, &size)) {
        if (size < 33 || memcmp(body, "\x07MESSAGE", 8) != 0)
            continue;
        memcpy(nonce + 16, body + 8, 8);
        if (crypto_box_open_easy_afternm(body + 16, body + 16, size - 16, nonce, curve->shared) != 0 ||
            body[16] & INNER_COMMAND)
            continue;
        *frame = bytes_of(body + 17, size - 33);
        return true;
    }
    drop_empty(curve);
    return false;
}

static bool send_inner(struct curve *curve, uint8_t flags, struct bytes text)
{
    uint8_t nonce[24];
    size_t size = 16 + 16 + 1 + text.size;
    uint8_t *body = curve->state == CURVE_UP ? malloc(size) : NULL;
    if (!body)
        return false;
    memcpy(body, "\x07MESSAGE", 8);
    next_nonce(curve, "CurveZMQMESSAGEC", nonce);
    memcpy(body + 8, nonce + 16, 8);
    body[16] = flags;
    memcpy(body + 17, text.data, text.size);
    bool queued = crypto_box_easy_afternm(body + 16, body + 16, 1 + text.size, nonce, curve->shared) == 0 &&
                  queue_frame(curve, 0, body, size);
    free(body);
    return queued && flush(curve);
}

bool curve_send(struct curve *curve, struct bytes frame)
{
    return send_inner(curve, 0, frame);
}

bool curve_ping(struct curve *curve)
{
    const uint8_t ping[] = {4, 'P', 'I', 'N', 'G', PING_TTL_DECISECONDS >> 8, PING_TTL_DECISECONDS & 0xff};
    return send_inner(curve, INNER_COMMAND, bytes_of(ping, sizeof ping));
}

bool curve_connect(struct curve *curve, const struct sockaddr_in *address, const struct link_keys *own,
                   const uint8_t *hub_key)
{
    const int yes = 1;
    *curve = (struct curve){
        .fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), .own = own, .hub_key = hub_key};
    if (curve->fd < 0)
        return false;
    setsockopt(curve->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    if (connect(curve->fd, (const struct sockaddr *)address, sizeof *address) == 0 || errno == EINPROGRESS) {
        curve->state = CURVE_CONNECTING;
        return true;
    }
    curve_close(curve);
    return false;
}

void curve_close(struct curve *curve)
{
    if (curve->fd >= 0)
        close(curve->fd);
    free(curve->in);
    free(curve->out);
    *curve = (struct curve){.fd = -1};
}
