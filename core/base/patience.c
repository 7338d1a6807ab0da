#include "base/patience.h"

#include <inttypes.h>
#include <systemd/sd-daemon.h>

#define PATIENCE_US (UINT64_C(3600) * 1000000)

void patience_ask(void)
{
    sd_notifyf(0, "WATCHDOG=1\nWATCHDOG_USEC=%" PRIu64 "\nEXTEND_TIMEOUT_USEC=%" PRIu64, PATIENCE_US,
               PATIENCE_US);
}
