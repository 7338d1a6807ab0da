#!/usr/bin/env python3
"""What grows where an office is restored again and again, and where much is written side by side. With
HOPNHAT_FULL=1 (tests/run --full) there are 300 restores."""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from federation import Federation, add, call_http, fields
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


MOST = 4096  # values in one field: LIMIT_ENTRIES_PER_FIELD


def say(daemon, record, *notes):
    """Adds notes to the thread of a partner: status of the answer, and the answer."""
    return call_http(daemon, "PATCH", f"/v1/records/partner/{record}",
                     json.dumps({"add": {"notes": notes}}).encode())


def notes_of(daemon, record):
    return sorted(fields(daemon, "partner", record)["notes"])


def test_a_thread_that_is_full(bench):
    """The writer is told. What two offices add side by side past the bound waits, and nothing is lost."""
    world = Federation(bench, "hue", "da-nang")
    hue, da_nang = world["hue"], world["da-nang"]
    partner = add(hue, "partner", "name=One", "group=everyone")
    status, answer = say(hue, partner, *(f"note {number}" for number in range(MOST - 1)))
    equal(status, 200, f"all but one: {answer}")
    world.sync()
    world.hub.stop()
    equal(say(hue, partner, "of hue")[0], 200, "the last place")
    status, answer = say(hue, partner, "too many")
    check(status >= 400 and "notes is full" in json.dumps(answer), f"a full thread: {status} {answer}")
    check("notes is full" in hue.do("set", "partner", partner, "notes+=x", status=1).err, "on the terminal")
    equal(say(da_nang, partner, "of da-nang")[0], 200, "there is room in da-nang")
    da_nang.do("set", "partner", partner, "address=somewhere")
    da_nang.stop()
    world.start_hub()
    hue.do("sync", "--wait")
    da_nang.start()
    world.sync()
    rejected, = da_nang.do("rejected", "--json").lines()
    check("notes is full" in json.dumps(rejected), f"da-nang is told: {rejected}")
    equal(fields(world.hub, "partner", partner)["address"], "somewhere", "what it wrote next")
    for daemon in (world.hub, hue, da_nang):
        check("of hue" in notes_of(daemon, partner) and len(notes_of(daemon, partner)) == MOST,
              f"the thread at {daemon.name}")
    hue.do("set", "partner", partner, "notes-=note 7")
    world.sync()
    waiting, = world.hub.do("quarantine", "list", "--json").lines()
    world.hub.do("quarantine", "release", f"{waiting['replica']}.{waiting['seq']}", "--note", "there is room")
    world.sync()
    for daemon in (world.hub, hue, da_nang):
        found = notes_of(daemon, partner)
        check("of da-nang" in found and "note 7" not in found and len(found) == MOST,
              f"the thread at {daemon.name} after the release")


if __name__ == "__main__":
    main(globals())
