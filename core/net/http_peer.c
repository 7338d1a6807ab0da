#include "net/http_peer.h"

#include "net/http_listen.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

bool http_peer_uid(struct MHD_Connection *connection, unsigned *uid)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct ucred peer;
    socklen_t size = sizeof peer;
    if (!info || getsockopt(info->connect_fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
        return false;
    *uid = peer.uid;
    return true;
}

static enum MHD_Result take_forwarded(void *user, enum MHD_ValueKind kind, const char *name,
                                      const char *value)
{
    (void)kind;
    const char **last = user;
    if (value && strcasecmp(name, "X-Forwarded-For") == 0)
        *last = value;
    return MHD_YES;
}

/* Some proxies write 192.0.2.7:4711 and [2001:db8::5]:4711. */
static const char *drop_port(char *hop)
{
    char *colon = strchr(hop, ':');
    if (*hop == '[') {
        hop[strcspn(hop, "]")] = '\0';
        return hop + 1;
    }
    if (colon && !strchr(colon + 1, ':'))
        *colon = '\0';
    return hop;
}

/* Leaves the text as it is where there is no address. */
static void read_forwarded(struct MHD_Connection *connection, char *text, size_t size)
{
    char hop[INET6_ADDRSTRLEN + sizeof "[]:65535"];
    struct in6_addr number;
    const char *value = "";
    MHD_get_connection_values(connection, MHD_HEADER_KIND, take_forwarded, &value);
    const char *comma = strrchr(value, ',');
    value = comma ? comma + 1 : value;
    value += strspn(value, " \t");
    size_t length = strcspn(value, " \t");
    if (length >= sizeof hop)
        return;
    memcpy(hop, value, length);
    hop[length] = '\0';
    const char *address = drop_port(hop);
    for (int i = 0; i < 2; i++) {
        int family = i ? AF_INET6 : AF_INET;
        if (inet_pton(family, address, &number) == 1)
            inet_ntop(family, &number, text, (socklen_t)size);
    }
}

void http_peer_address(struct MHD_Connection *connection, bool proxied, char *text, size_t size)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const struct sockaddr *address = info ? info->client_addr : NULL;
    *text = '\0';
    if (address && address->sa_family == AF_INET)
        inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)address)->sin_addr, text,
                  (socklen_t)size);
    else if (address && address->sa_family == AF_INET6)
        inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr, text,
                  (socklen_t)size);
    if (proxied && http_is_loopback(text, strlen(text)))
        read_forwarded(connection, text, size);
}
