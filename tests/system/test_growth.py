#!/usr/bin/env python3
"""What grows where an office is restored again and again, and where much is written side by side. With
HOPNHAT_FULL=1 (tests/run --full) there are 300 restores."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from federation import Federation, add, fields
from hopnhat_test import FULL, check, equal, main

RESTORES = 300 if FULL else 70  # more than there is room for in one Hello


def test_an_office_that_is_restored_again_and_again_without_a_link(bench):
    """Each time it writes under another number: all of it arrives, and the record holds one value."""
    world = Federation(bench, "hue", "da-nang")
    hue, backup = world["hue"], bench.path("backup")
    partner = add(hue, "partner", "name=One")
    world.sync()
    before = len(world.hub.do("get", "partner", partner, "--json").out)
    hue.stop()
    for number in range(RESTORES):
        hue.do("set", "partner", partner, f"address={number}")
        if number % 10 == 0:
            add(hue, "partner", f"name=Of restore {number}")
        if os.path.exists(backup):
            os.remove(backup)
        hue.do("backup", backup)
        hue.do("restore", backup, "--replace")
    hue.start()
    hue.do("sync", "--wait", "--timeout", "60", deadline_s=70)
    world["da-nang"].do("sync", "--wait", "--timeout", "30", deadline_s=40)
    for daemon in (hue, world.hub, world["da-nang"]):
        equal(fields(daemon, "partner", partner)["address"], str(RESTORES - 1), f"read at {daemon.name}")
        equal(len(daemon.records("partner")), 1 + (RESTORES + 9) // 10, f"partners at {daemon.name}")
        equal(daemon.status()["conflicts_open"], 0, f"conflicts at {daemon.name}")
    after = len(world.hub.do("get", "partner", partner, "--json").out)
    check(after < before + 100, f"the record says {after} bytes, and {before} before")


if __name__ == "__main__":
    main(globals())
