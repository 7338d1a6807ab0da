#include "net/admission.h"

#include "base/hex.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <zmq.h>

/* The parts of a request, in their order. */
enum { VERSION, REQUEST_ID, DOMAIN, ADDRESS, IDENTITY, MECHANISM, KEY, REQUEST_PARTS };
enum { PART_BYTES = 256, ANSWERS_A_TURN = 200 };

struct request {
    uint8_t parts[REQUEST_PARTS][PART_BYTES];
    size_t sizes[REQUEST_PARTS];
    size_t count;
};

struct admission {
    void *socket;
    struct loop *loop;
    struct loop_source *source;
    enum link_admission (*admit)(void *user, const uint8_t key[LINK_KEY_BYTES], const char *address);
    void *user;
    uint64_t admitted, refused;
};

/* Takes all parts of one request; false when none waits. */
static bool receive(void *socket, struct request *request)
{
    int more = 1;
    size_t more_size = sizeof more;
    request->count = 0;
    while (more) {
        uint8_t spare[PART_BYTES];
        bool kept = request->count < REQUEST_PARTS;
        int size = zmq_recv(socket, kept ? request->parts[request->count] : spare, PART_BYTES, ZMQ_DONTWAIT);
        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0 || zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &more_size) != 0)
            return false;
        if (kept)
            request->sizes[request->count] = size > PART_BYTES ? 0 : (size_t)size;
        request->count++;
    }
    return true;
}

static bool part_is(const struct request *request, int part, const char *text)
{
    return bytes_equal(bytes_of(request->parts[part], request->sizes[part]), bytes_of_string(text));
}

static bool is_admitted(struct admission *admission, const struct request *request)
{
    char address[64];
    if (request->count != REQUEST_PARTS || !part_is(request, VERSION, "1.0") ||
        !part_is(request, MECHANISM, "CURVE") || request->sizes[KEY] != LINK_KEY_BYTES)
        return false;
    snprintf(address, sizeof address, "%.*s", (int)request->sizes[ADDRESS],
             (const char *)request->parts[ADDRESS]);
    return admission->admit(admission->user, request->parts[KEY], address) == LINK_ADMIT;
}

static void answer(struct admission *admission, const struct request *request)
{
    char user[ADMISSION_USER_BYTES] = "";
    bool admitted = is_admitted(admission, request);
    if (admitted)
        hex_encode(bytes_of(request->parts[KEY], LINK_KEY_BYTES), user);
    admitted ? admission->admitted++ : admission->refused++;
    const struct bytes parts[] = {
        bytes_of_string("1.0"), bytes_of(request->parts[REQUEST_ID], request->sizes[REQUEST_ID]),
        /* 400 ends the peer's attempts; 300 and 500 would keep it trying on the same socket */
        bytes_of_string(admitted ? "200" : "400"), bytes_of_string(admitted ? "OK" : "unknown key"),
        bytes_of_string(user), bytes_of_string(""), /* no metadata */
    };
    const size_t count = sizeof parts / sizeof *parts;
    for (size_t i = 0; i < count; i++)
        if (zmq_send(admission->socket, parts[i].data, parts[i].size,
                     ZMQ_DONTWAIT | (i + 1 < count ? ZMQ_SNDMORE : 0)) < 0)
            return; /* the peer is gone; the handshake's time limit ends what is left of it */
}

static void answer_waiting(void *user)
{
    struct admission *admission = user;
    struct request request;
    for (int i = 0; i < ANSWERS_A_TURN && receive(admission->socket, &request); i++)
        answer(admission, &request);
}

struct admission *admission_new(struct net *net, struct loop *loop, const struct link_hub_options *options,
                                struct error *error)
{
    struct admission *admission = calloc(1, sizeof *admission);
    if (!admission) {
        error_set(error, ERROR_MEMORY, "out of memory for the link");
        return NULL;
    }
    *admission = (struct admission){.loop = loop, .admit = options->admit, .user = options->user};
    admission->socket = zmq_socket(net_context(net), ZMQ_REP);
    const int no_linger = 0;
    if (!admission->socket ||
        zmq_setsockopt(admission->socket, ZMQ_LINGER, &no_linger, sizeof no_linger) != 0 ||
        zmq_bind(admission->socket, "inproc://zeromq.zap.01") != 0) {
        error_set(error, ERROR_NETWORK, "cannot judge keys: %s", zmq_strerror(errno));
        admission_free(admission);
        return NULL;
    }
    admission->source = loop_add_socket(loop, admission->socket, answer_waiting, admission, error);
    if (!admission->source) {
        admission_free(admission);
        return NULL;
    }
    return admission;
}

void admission_free(struct admission *admission)
{
    if (!admission)
        return;
    loop_remove(admission->loop, admission->source);
    if (admission->socket)
        zmq_close(admission->socket);
    free(admission);
}

void admission_count(const struct admission *admission, struct link_hub_counts *counts)
{
    counts->admitted = admission->admitted;
    counts->refused = admission->refused;
}
