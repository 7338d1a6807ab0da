#include "net/net.h"

#include "net/keys.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <zmq.h>

struct net {
    void *context;
};

struct net *net_new(struct error *error)
{
    if (!keys_start(error))
        return NULL;
    struct net *net = calloc(1, sizeof *net);
    if (net)
        net->context = zmq_ctx_new();
    if (!net || !net->context) {
        error_set(error, ERROR_MEMORY, "cannot start libzmq: %s",
                  net ? zmq_strerror(errno) : "out of memory");
        free(net);
        return NULL;
    }
    return net;
}

void net_free(struct net *net)
{
    if (!net)
        return;
    while (zmq_ctx_term(net->context) != 0 && errno == EINTR)
        ;
    free(net);
}

void *net_context(struct net *net)
{
    return net->context;
}

uint64_t net_raise_file_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 0;
    rlim_t before = limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max;
    return setrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : before;
}

bool net_unix_address(const char *path, struct sockaddr_un *address, struct error *error)
{
    size_t length = strlen(path), most = sizeof address->sun_path - 1;
    if (length == 0)
        return error_set(error, ERROR_INPUT, "the path of a socket is empty");
    if (length > most)
        return error_set(error, ERROR_INPUT,
                         "the socket's path has %zu bytes and may have %zu; choose a shorter directory: %s",
                         length, most, path);
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(address->sun_path, path, length + 1);
    return true;
}
