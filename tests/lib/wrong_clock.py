"""A machine whose clock is wrong, for system tests: an offset for tests/lib/clock.c."""
import mmap
import os
import struct

from hopnhat_test import BUILD

LIBRARY = os.path.join(BUILD, "tests", "libhopnhat_clock.so")
LAYOUT = struct.Struct("=q")
YEARS_MS = 31557600000


class WrongClock:
    """The clock of a daemon's machine, from its next start on, and of its tools; right at first."""

    def __init__(self, bench, daemon):
        path = bench.path(f"{daemon.name}.clock")
        with open(path, "wb") as file:
            file.write(LAYOUT.pack(0))
        with open(path, "r+b") as file:
            self.offset = mmap.mmap(file.fileno(), LAYOUT.size)
        daemon.machine.update({"LD_PRELOAD": LIBRARY, "HOPNHAT_CLOCK": path,
                               "ASAN_OPTIONS": "verify_asan_link_order=0"})  # in a build with sanitizers

    def set(self, offset_ms):
        """By how much it is ahead from now on (below 0: behind)."""
        self.offset[:] = LAYOUT.pack(offset_ms)
