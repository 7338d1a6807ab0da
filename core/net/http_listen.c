#include "net/http_listen.h"

#include "net/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BACKLOG = 128, HOST_BYTES = 256 };

static int fail(int fd, const char *what, const char *where, struct error *error)
{
    error_set(error, ERROR_NETWORK, "cannot %s %s: %s", what, where, strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}

/* Removes a socket that was left behind. */
static bool clear_path(const char *path, const struct sockaddr_un *address, struct error *error)
{
    struct stat status;
    if (lstat(path, &status) != 0)
        return errno == ENOENT ||
               error_set(error, ERROR_NETWORK, "cannot look at %s: %s", path, strerror(errno));
    if (!S_ISSOCK(status.st_mode))
        return error_set(error, ERROR_INPUT, "%s is in the way: it is not a socket", path);
    int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (probe < 0)
        return error_set(error, ERROR_NETWORK, "cannot make a socket: %s", strerror(errno));
    bool answered = connect(probe, (const struct sockaddr *)address, sizeof *address) == 0 || errno == EAGAIN;
    close(probe);
    if (answered)
        return error_set(error, ERROR_UNAVAILABLE, "another process listens on %s", path);
    if (unlink(path) != 0 && errno != ENOENT)
        return error_set(error, ERROR_NETWORK, "cannot replace %s: %s", path, strerror(errno));
    return true;
}

int http_listen_unix(const char *path, struct error *error)
{
    struct sockaddr_un address;
    if (!net_unix_address(path, &address, error) || !clear_path(path, &address, error))
        return -1;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    /* Linux gives the file the mode of the unbound socket, so that there is no moment in which others may
     * open it */
    if (fd < 0 || fchmod(fd, 0600) != 0 || bind(fd, (const struct sockaddr *)&address, sizeof address) != 0)
        return fail(fd, "listen on", path, error);
    if (chmod(path, 0600) != 0 || listen(fd, BACKLOG) != 0) {
        fail(fd, "listen on", path, error);
        unlink(path);
        return -1;
    }
    return fd;
}

/* The length of the host part of "host", "host:port" or "[v6]:port", brackets included. */
static size_t host_length(const char *text)
{
    if (*text == '[') {
        const char *end = strchr(text, ']');
        return end ? (size_t)(end - text) + 1 : 0;
    }
    return strcspn(text, ":");
}

static bool split_address(const char *address, char host[HOST_BYTES], const char **port, struct error *error)
{
    size_t length = host_length(address);
    size_t bracket = *address == '[';
    if (length == 0 || length >= HOST_BYTES || address[length] != ':' || address[length + 1] == '\0')
        return error_set(error, ERROR_INPUT, "%s is not of the form ADDRESS:PORT", address);
    *port = address + length + 1;
    if (length == strlen("localhost") && strncmp(address, "localhost", length) == 0) {
        address = "127.0.0.1";
        length = strlen(address);
    }
    memcpy(host, address + bracket, length - 2 * bracket);
    host[length - 2 * bracket] = '\0';
    return true;
}

static unsigned bound_port(int fd)
{
    struct sockaddr_storage bound = {0};
    socklen_t size = sizeof bound;
    if (getsockname(fd, (struct sockaddr *)&bound, &size) != 0)
        return 0;
    return ntohs(bound.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&bound)->sin6_port
                                             : ((struct sockaddr_in *)&bound)->sin_port);
}

/* The address in the system's form, for freeaddrinfo. NULL: ERROR_INPUT. */
static struct addrinfo *resolve(const char *address, struct error *error)
{
    enum { MOST_PORT = 65535, PORT_DIGITS = 5 };
    char host[HOST_BYTES];
    const char *service = NULL;
    if (!split_address(address, host, &service, error))
        return NULL;
    const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
                                   .ai_socktype = SOCK_STREAM};
    struct addrinfo *found;
    size_t digits = strspn(service, "0123456789");
    /* getaddrinfo would take a larger port for what is left of it in sixteen bits */
    if (service[digits] || digits > PORT_DIGITS || strtoul(service, NULL, 10) > MOST_PORT ||
        getaddrinfo(host, service, &hints, &found) != 0) {
        error_set(error, ERROR_INPUT, "%s is not of the form ADDRESS:PORT with numbers", address);
        return NULL;
    }
    return found;
}

bool http_address_check(const char *address, struct error *error)
{
    struct addrinfo *found = resolve(address, error);
    if (found)
        freeaddrinfo(found);
    return found != NULL;
}

int http_listen_tcp(const char *address, unsigned *port, struct error *error)
{
    const int on = 1;
    struct addrinfo *found = resolve(address, error);
    if (!found)
        return -1;
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool listening =
        fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
        (found->ai_family != AF_INET6 || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) == 0) &&
        bind(fd, found->ai_addr, found->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0;
    freeaddrinfo(found);
    if (!listening)
        return fail(fd, "listen on", address, error);
    *port = bound_port(fd);
    return fd;
}

static bool same_host(const char *host, size_t length, const char *other, size_t other_length)
{
    return length == other_length && strncasecmp(host, other, length) == 0;
}

bool http_is_loopback(const char *host, size_t length)
{
    char text[INET_ADDRSTRLEN];
    struct in_addr number;
    if (same_host(host, length, "localhost", strlen("localhost")) || same_host(host, length, "[::1]", 5) ||
        same_host(host, length, "::1", 3))
        return true;
    if (length >= sizeof text)
        return false;
    memcpy(text, host, length);
    text[length] = '\0';
    return inet_pton(AF_INET, text, &number) == 1 && ntohl(number.s_addr) >> 24 == 127;
}

bool http_address_is_loopback(const char *address)
{
    return http_is_loopback(address, host_length(address));
}

bool http_host_is_ours(const char *host, const char *address, const char *names)
{
    if (!host)
        return false;
    size_t length = host_length(host);
    if (length == 0 || (host[length] != ':' && host[length] != '\0'))
        return false;
    if (http_is_loopback(host, length) || same_host(host, length, address, host_length(address)))
        return true;
    size_t size = 0;
    for (; names && *(names += strspn(names, ", ")); names += size) {
        size = strcspn(names, ", ");
        if (same_host(host, length, names, size))
            return true;
    }
    return false;
}

bool http_origin_is_host(const char *origin, const char *host)
{
    static const char *const schemes[] = {"http://", "https://"};
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        size_t length = strlen(schemes[i]);
        if (strncasecmp(origin, schemes[i], length) == 0)
            return strcasecmp(origin + length, host) == 0;
    }
    return false;
}
