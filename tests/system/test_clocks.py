#!/usr/bin/env python3
"""A clock that is ten years wrong in one office wins or loses no field longer than one contact. One that
is set at headquarters neither shortens nor lengthens what the hub waits for, and dates no last contact."""
import datetime
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from federation import Federation, add, fields, time_passes
from hopnhat_test import SOON_S, check, equal, main, wait_until
from restored import restore
from wrong_clock import YEARS_MS, WrongClock

SLACK_S = 1


def start(bench):
    """hue's clock goes wrong later; da-nang's and the hub's are right."""
    world = Federation(bench)
    for code in ("hue", "da-nang"):
        world.add_office(code)
    world.join("da-nang")
    hue = bench.agent("hue")
    clock = WrongClock(bench, hue)
    hue.do("join", "--hub", world.address, "--code", world.enrol("hue"))
    hue.start()
    world.offices["hue"] = hue
    records = [add(world["da-nang"], "partner", f"name={name}", "status=prospect") for name in ("P", "Q")]
    world.sync()
    return world, clock, records


def write(daemon, record, status, what):
    """Both fields: address is read as the latest, status is for a person to settle."""
    daemon.do("set", "partner", record, f"address={daemon.name} {what}", f"status={status}")


def write_in_turns(world, records, what):
    """Of the first record hue's writing is the earlier one, of the second da-nang's."""
    begun = time.time()
    first, second = records
    write(world["hue"], first, "active", what)
    time_passes()
    write(world["da-nang"], first, "dormant", what)
    write(world["da-nang"], second, "dormant", what)
    time_passes()
    write(world["hue"], second, "active", what)
    return begun


def written_s(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def check_later_wins(world, records, what, begun):
    """The one that was later in truth is read everywhere, and both are there with true times."""
    for daemon in (world.hub, world["hue"], world["da-nang"]):
        for record, winner, status in ((records[0], "da-nang", "dormant"), (records[1], "hue", "active")):
            read = fields(daemon, "partner", record)
            equal((read["address"], read["status"]), (f"{winner} {what}", status),
                  f"what {winner} wrote later is read at {daemon.name}")
        rows = [row for row in daemon.do("conflicts", "--json").lines() if row["field"] == "status"]
        equal(sorted(row["id"] for row in rows), sorted(records), f"open at {daemon.name}")
        for row in rows:
            equal([value["value"] for value in row["values"]],
                  ["active", "dormant"] if row["id"] == records[0] else ["dormant", "active"],
                  f"in the order of writing at {daemon.name}")
            for value in row["values"]:
                written = written_s(value["time"])
                check(begun - SLACK_S <= written <= time.time() + SLACK_S,
                      f"{daemon.name} has a true time for {value['value']}: {value['time']}")
    equal([row["value"] for row in outvoted(world["hue"], records[0])], [f"hue {what}"], "hue is told")
    equal([row["value"] for row in outvoted(world["da-nang"], records[1])], [f"da-nang {what}"],
          "da-nang is told")


def outvoted(daemon, record):
    return [row for row in daemon.do("outvoted", "--json").lines()
            if row["id"] == record and row["field"] == "address"]


def settle(world, records, what):
    """Whoever has seen both writes, with a clock wrong or right: that stands, and nothing is open."""
    by = {records[0]: "hue", records[1]: "da-nang"}
    for record, office in by.items():
        world[office].do("resolve", "partner", record, "status", "--value", "ended", "--note", what)
        world[office].do("set", "partner", record, f"address=after {what}")
    world.sync()
    for daemon in (world.hub, world["hue"], world["da-nang"]):
        equal(daemon.do("conflicts", "--json").lines(), [], f"settled at {daemon.name}")
        for record in records:
            read = fields(daemon, "partner", record)
            equal((read["address"], read["status"]), (f"after {what}", "ended"), f"and read at {daemon.name}")


def away(world, records, what, before=lambda: None, after=lambda: None):
    """All write while the hub is away; then it comes back."""
    world.hub.stop()
    before()
    begun = write_in_turns(world, records, what)
    after()
    world.start_hub()
    world.sync()
    check_later_wins(world, records, what, begun)
    settle(world, records, what)


def during(world, records, what):
    """hue is in contact and its changes go up at once; da-nang is not, and has seen none of them."""
    world["da-nang"].stop()
    begun = write_in_turns(world, records, what)
    wait_until(lambda: world["hue"].status()["pending"] == 0, SOON_S, "hue's changes are at the hub")
    world["da-nang"].start()
    world.sync()
    check_later_wins(world, records, what, begun)
    settle(world, records, what)


def wrong_by(bench, offset_ms):
    world, clock, records = start(bench)
    away(world, records, "before it went wrong", after=lambda: clock.set(offset_ms))
    clock.set(0)
    world.sync()
    away(world, records, "before the first contact", before=lambda: clock.set(offset_ms))
    during(world, records, "in contact")
    away(world, records, "after contacts")
    clock.set(0)
    world.sync()  # the contact after which it is right again
    away(world, records, "put right")


def test_ten_years_ahead(bench):
    wrong_by(bench, 10 * YEARS_MS)


def test_ten_years_behind(bench):
    wrong_by(bench, -10 * YEARS_MS)


def test_a_restored_hub_whose_clock_is_set_waits_as_long_as_it_was_told(bench):
    world = Federation(bench, "hue", "da-nang")
    clock = WrongClock(bench, world.hub)
    world.sync()
    world.hub.do("backup", bench.path("backup"))
    world["da-nang"].stop()
    restore(world.hub, bench.path("backup"))
    clock.set(-3 * YEARS_MS)
    world.hub.start("--listen", world.address, "--custody-wait", "600")
    wait_until(lambda: "was restored" in world["hue"].status()["trouble"], SOON_S, "hue is told to wait")
    clock.set(3 * YEARS_MS)
    asked_again = time.monotonic() + 3  # hue asks every second or two
    wait_until(lambda: time.monotonic() > asked_again, SOON_S, "hue asks again")
    check(world.hub.status()["custody_awaited"], "the hub waits though its clock was set ahead")
    world.hub.stop()
    world.hub.start("--listen", world.address, "--custody-wait", "5")
    wait_until(lambda: world.hub.status()["replicas_online"] == 1, SOON_S, "hue is told again")
    clock.set(0)
    wait_until(lambda: not world.hub.status()["custody_awaited"], SOON_S, "the wait is over")


def test_whom_a_wrong_clock_heard_was_heard_by_now(bench):
    world = Federation(bench, "hue")
    clock = WrongClock(bench, world.hub)
    clock.set(YEARS_MS)
    world.hub.stop()
    world.start_hub()
    add(world["hue"], "partner", "name=written")
    world.sync()
    world["hue"].kill()
    killed_s = time.time()
    clock.set(0)

    def last_contact():
        return written_s(world.hub.status()["by_office"]["hue"]["last_contact"])

    check(killed_s - SOON_S < last_contact() <= time.time() + SLACK_S, "after the clock was set right")
    world.hub.stop()
    world.start_hub()
    check(killed_s - SOON_S < last_contact() <= time.time() + SLACK_S, "and after a restart")


def test_an_office_whose_clock_was_ahead_tells_of_no_contact_to_come(bench):
    world = Federation(bench, "hue")
    hue = world["hue"]
    clock = WrongClock(bench, hue)
    clock.set(YEARS_MS)
    hue.stop()
    hue.start()
    add(hue, "partner", "name=written")
    world.sync()
    world.hub.stop()
    clock.set(0)
    check(written_s(hue.status()["last_contact"]) <= time.time() + SLACK_S, "heard by now")


if __name__ == "__main__":
    main(globals())
