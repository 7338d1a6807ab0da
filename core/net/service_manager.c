#include "net/service_manager.h"

#include <inttypes.h>
#include <systemd/sd-daemon.h>
#include <time.h>

enum { SIGNS_A_PERIOD = 3 }; /* one may be late, and one may be lost */

static int64_t wait_ms(void *user)
{
    const struct service_manager *manager = user;
    return loop_until_ms(manager->next_ms);
}

static void give_sign(void *user)
{
    struct service_manager *manager = user;
    sd_notify(0, "WATCHDOG=1");
    manager->next_ms = loop_now_ms() + manager->interval_ms;
}

bool service_manager_ready(struct service_manager *manager, struct loop *loop, struct error *error)
{
    uint64_t period_us = 0;
    *manager = (struct service_manager){0};
    if (sd_watchdog_enabled(0, &period_us) > 0 && period_us > 0) {
        manager->interval_ms = period_us / 1000 / SIGNS_A_PERIOD + 1;
        if (!loop_add_timer(loop, wait_ms, give_sign, manager, error))
            return false;
    }
    if (manager->interval_ms)
        sd_notifyf(0, "WATCHDOG_USEC=%" PRIu64 "\nREADY=1", period_us);
    else
        sd_notify(0, "READY=1");
    return true;
}

void service_manager_reloading(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
               (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000);
}

void service_manager_reloaded(void)
{
    sd_notify(0, "READY=1");
}

void service_manager_stopping(void)
{
    sd_notify(0, "STOPPING=1");
}
