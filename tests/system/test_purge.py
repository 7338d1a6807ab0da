#!/usr/bin/env python3
"""Deleted records: restored, purged once nobody can bring them back, and installations that stay away."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from federation import Federation, add, fields, ids
from hopnhat_test import check, equal, main, wait_until

PURGED_S = 60


def purge(world, *arguments):
    return world.hub.do("purge", *arguments, "--json").json()


def gone(daemon, record):
    daemon.do("get", "partner", record, status=1)


def test_a_deleted_record_is_restored(bench):
    world = Federation(bench, "hue", "da-nang")
    record = add(world["hue"], "partner", "name=One", "group=everyone")
    world.sync()
    world["hue"].do("delete", "partner", record)
    world.sync()
    check(world["da-nang"].record("partner", record).get("deleted"), "it is deleted at da-nang")
    equal(ids(world["da-nang"], "partner"), [], "the list")
    world["da-nang"].do("undelete", "partner", record)
    world.sync()
    for daemon in (world.hub, world["hue"], world["da-nang"]):
        check(not daemon.record("partner", record).get("deleted"), f"it is there at {daemon.name}")
        equal(fields(daemon, "partner", record)["name"], "One", f"the name at {daemon.name}")
    world["hue"].do("undelete", "partner", record, status=1)  # it is not deleted


def test_a_deletion_is_forgotten_when_all_have_read_it(bench):
    world = Federation(bench, "hue", "da-nang")
    record = add(world["hue"], "partner", "name=One", "group=everyone")
    world.sync()
    world["da-nang"].stop()
    world["da-nang"].do("set", "partner", record, "address=offline")
    world["hue"].do("delete", "partner", record)
    world["hue"].do("sync", "--wait")
    equal(purge(world, "--purge-after", "0")["purged"], 0, "purged while da-nang is away")
    world["da-nang"].start()
    world.sync()
    check(not world.hub.record("partner", record).get("deleted"), "da-nang's edit, which did not know, wins")
    world["hue"].do("delete", "partner", record)
    world.sync()
    wait_until(lambda: world.sync() or purge(world)["purged"] == 1, PURGED_S, "it is purged")
    world.sync()
    for daemon in (world.hub, world["hue"], world["da-nang"]):
        gone(daemon, record)
        daemon.do("verify")
    equal(purge(world)["purged"], 0, "nothing is purged twice")
    equal(world.hub.status()["purged"], 1, "purged ids that are remembered")


def test_who_was_away_too_long_comes_back(bench):
    world = Federation(bench, "hue", "da-nang")
    record = add(world["hue"], "partner", "name=One", "group=everyone")
    kept = add(world["hue"], "partner", "name=Two", "group=everyone")
    world.sync()
    world["da-nang"].stop()
    world["da-nang"].do("set", "partner", record, "address=offline")
    world["da-nang"].do("set", "partner", kept, "address=offline")
    new = add(world["da-nang"], "partner", "name=Three", "group=everyone")
    world["hue"].do("delete", "partner", record)
    world["hue"].do("sync", "--wait")
    first = purge(world, "--purge-after", "0", "--retire-after", "0")
    check(first["retired"] >= 1, f"da-nang is retired: {first}")
    world["hue"].do("sync", "--wait")  # retired with it, for no more than that: it comes back at once
    world.hub.do("purge", "--retire-after", "400")
    wait_until(lambda: world["hue"].do("sync", "--wait") and purge(world) and
               world.hub.call("get", "partner", record).status == 1, PURGED_S, "it is purged without da-nang")
    world["da-nang"].start()
    world.sync()
    row = world.hub.do("quarantine", "list", "--json").lines()
    equal([one["reason"] for one in row], ["REFUSED_PURGED"], "the old change to what was purged")
    for daemon in (world.hub, world["hue"], world["da-nang"]):
        gone(daemon, record)
        equal(fields(daemon, "partner", kept)["address"], "offline", f"the other change at {daemon.name}")
        equal(fields(daemon, "partner", new)["name"], "Three", f"the new record at {daemon.name}")
        daemon.do("verify")
    equal(world["da-nang"].status()["refused"], 1, "da-nang is told")
    equal(world["da-nang"].status()["digest_mismatches"], 0, "digests")
    world["da-nang"].stop()
    world["da-nang"].start()
    world.sync()
    equal(world.hub.record("office", office_id(world, "da-nang"))["fields"].get("retired"), None, "retired")


def office_id(world, code):
    return next(row["id"] for row in world.hub.records("office") if row["fields"]["code"] == code)


if __name__ == "__main__":
    main(globals())
