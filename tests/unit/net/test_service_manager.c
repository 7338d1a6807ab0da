#include "net/service_manager.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

/* What the service manager's end of the socket got next; "" where there is nothing within 10 s. */
static const char *heard(int manager)
{
    static char text[256];
    struct timeval most = {.tv_sec = 10};
    assert_int_equal(setsockopt(manager, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof most), 0);
    ssize_t size = recv(manager, text, sizeof text - 1, 0);
    text[size > 0 ? size : 0] = '\0';
    return text;
}

static int listen_as_manager(void)
{
    /* an abstract address: nothing to remove */
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int length = snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "hn-notify-%ld", (long)getpid());
    char name[64] = "@";
    int manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_true(manager >= 0);
    assert_int_equal(bind(manager, (struct sockaddr *)&address,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length)),
                     0);
    memcpy(name + 1, address.sun_path + 1, (size_t)length);
    assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
    return manager;
}

static void a_watchdog_hears_the_loop_turn(void **state)
{
    (void)state;
    struct error error;
    struct service_manager told;
    int manager = listen_as_manager();
    char pid[32];
    snprintf(pid, sizeof pid, "%ld", (long)getpid());
    assert_int_equal(setenv("WATCHDOG_USEC", "60000", 1), 0);
    assert_int_equal(setenv("WATCHDOG_PID", pid, 1), 0);
    struct loop *loop = loop_new(&error);
    assert_non_null(loop);
    assert_true(service_manager_ready(&told, loop, &error));
    assert_string_equal(heard(manager), "WATCHDOG_USEC=60000\nREADY=1");
    for (int i = 0; i < 3; i++) {
        assert_true(loop_run_once(loop, -1, &error)); /* the timer alone ends the wait */
        assert_string_equal(heard(manager), "WATCHDOG=1");
    }
    assert_true(told.interval_ms < 60 / 2);
    service_manager_reloading();
    assert_memory_equal(heard(manager), "RELOADING=1\nMONOTONIC_USEC=", 27);
    service_manager_reloaded();
    assert_string_equal(heard(manager), "READY=1");
    service_manager_stopping();
    assert_string_equal(heard(manager), "STOPPING=1");
    loop_free(loop);
    close(manager);
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
}

static void nobody_is_told_where_nobody_wants_to_know(void **state)
{
    (void)state;
    struct error error;
    struct service_manager told;
    struct loop *loop = loop_new(&error);
    assert_non_null(loop);
    assert_true(service_manager_ready(&told, loop, &error));
    assert_int_equal(told.interval_ms, 0);
    service_manager_stopping();
    loop_free(loop);
}

int main(void)
{
    alarm(300);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_watchdog_hears_the_loop_turn),
        cmocka_unit_test(nobody_is_told_where_nobody_wants_to_know),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
