#!/usr/bin/env python3
"""What headquarters refused, what becomes of it, and machines that may sync no more."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from federation import Federation, add, call_http, fields, sees, told_that_it_is_revoked
from hopnhat_test import SOON_S, check, equal, main, wait_until




def hold_back(world, office, *command):
    """The command's change is made while the hub is away, and is refused when it comes: its dot."""
    world[office].do(*command)
    world.start_hub()
    world[office].do("sync", "--wait", "--timeout", "20")
    return wait_until(lambda: world.hub.do("quarantine", "list", "--json").lines(), SOON_S,
                      "it is in quarantine")


def dot_of(row):
    return f"{row['replica']}.{row['seq']}"


def moved_away(bench):
    """A record of cluster:1 that da-nang edited after it had lost that cluster: (world, record, dot)."""
    world = Federation(bench, "hue", "da-nang", groups={"hue": ["cluster:1"], "da-nang": ["cluster:1"]})
    record = add(world["hue"], "partner", "name=One", "address=Old", "group=cluster:1")
    world.sync()
    world.hub.stop()
    world.hub.do("office", "set", "da-nang", "--remove-group", "cluster:1")
    rows = hold_back(world, "da-nang", "set", "partner", record, "address=New", "website=w")
    equal(len(rows), 1, "refused changes")
    equal(rows[0]["reason"], "REFUSED_RIGHTS", "the reason")
    return world, record, dot_of(rows[0])


def test_release_admits_after_all(bench):
    world, record, dot = moved_away(bench)
    equal(fields(world.hub, "partner", record)["address"], "Old", "the address at the hub")
    equal(world["da-nang"].status()["refused"], 1, "refused at da-nang")
    world.hub.do("quarantine", "release", dot, status=1)  # the office is still not in that group
    equal(world.hub.status()["quarantined"], 1, "quarantined")
    world.hub.do("office", "set", "da-nang", "--group", "cluster:1")
    world["hue"].do("set", "partner", record, "website=later")  # concurrent: it did not see da-nang's
    world.sync()
    world.hub.do("quarantine", "release", dot, "--note", "it was right")
    status = world.hub.status()
    equal(status["quarantined"], 0, "quarantined")
    world.sync()
    for daemon in (world.hub, world["hue"], world["da-nang"]):
        equal(fields(daemon, "partner", record)["address"], "New", f"the address at {daemon.name}")
        equal(fields(daemon, "partner", record)["website"], "later", f"the website at {daemon.name}")
    equal(world["da-nang"].status()["refused"], 0, "refused at da-nang")
    equal(world["da-nang"].do("rejected").out, "", "rejected at da-nang")
    equal(world.hub.do("quarantine", "list").out, "", "the list")
    row = world.hub.do("quarantine", "list", "--all", "--json").lines()[0]
    equal((row["state"], row["note"]), ("released", "it was right"), "the record of it")
    world.hub.do("quarantine", "release", dot, status=1)
    world.hub.do("quarantine", "drop", dot, status=1)
    for daemon in (world.hub, world["da-nang"]):
        daemon.do("verify")


def test_what_was_superseded_stays_so(bench):
    world, record, dot = moved_away(bench)
    world.hub.do("office", "set", "da-nang", "--group", "cluster:1")
    world.sync()
    world["hue"].do("set", "partner", record, "address=Hue")
    world.sync()
    world.hub.do("quarantine", "release", dot)
    world.sync()
    # da-nang's superseded Old, and Hue's did too: they are concurrent, and the later one is read
    equal(fields(world.hub, "partner", record)["address"], "Hue", "the address")
    world["hue"].do("set", "partner", record, "address=Both seen")
    world.sync()
    for daemon in (world.hub, world["hue"], world["da-nang"]):
        equal(fields(daemon, "partner", record)["address"], "Both seen", f"the address at {daemon.name}")


def test_what_was_erased_of_it_is_said_so(bench):
    world, record, dot = moved_away(bench)
    world.hub.do("erase", "partner", record, "address", "--reason", "case 1")
    world.sync()
    for daemon, command in ((world.hub, ("quarantine", "show", dot)), (world["da-nang"], ("rejected",))):
        text = daemon.do(*command).out
        check("put address (erased)" in text and "put website w" in text, f"what: {text!r}")
        check("may quote what has been erased" in text, f"why: {text!r}")


def test_drop_keeps_it_on_record(bench):
    world, record, dot = moved_away(bench)
    world.hub.do("quarantine", "drop", dot, "--note", "no")
    equal(world.hub.status()["quarantined"], 0, "quarantined")
    equal(world.hub.do("quarantine", "list", "--json").lines(), [], "waiting")
    row = world.hub.do("quarantine", "show", dot, "--json").json()
    equal((row["state"], row["note"]), ("dropped", "no"), "the record of it")
    check(row["edits"], "what it said")
    world.hub.do("quarantine", "drop", dot, status=1)
    equal(fields(world.hub, "partner", record)["address"], "Old", "the address at the hub")
    equal(world["da-nang"].status()["refused"], 1, "refused at da-nang")
    world.hub.stop()
    world.start_hub()
    equal(world.hub.status()["quarantined"], 0, "quarantined after a restart")


def test_wrong_decisions(bench):
    world = Federation(bench, "hue")
    for verb in ("release", "drop", "show"):
        result = world.hub.do("quarantine", verb, "0123456789abcdef.7", status=1)
        check("not in quarantine" in result.err, f"{verb}: {result.err!r}")
        check("REPLICA.SEQ" in world.hub.do("quarantine", verb, "x", status=1).err, "it says how to name one")
    check("no office" in world.hub.do("revoke", "vinh", status=1).err, "revoke of no office")
    for number, says in (("0123456789abcdef", "no replica"), ("17", "16 hex")):
        check(says in world.hub.do("revoke", "hue", "--replica", number, status=1).err, says)
    for path in ("/v1/quarantine/0123456789abcdef.7/release", "/v1/offices/hue/revoke"):
        equal(call_http(world.hub, "POST", path, b'{"more":1}')[0], 400, path)


def test_revoke_ends_an_office(bench):
    world = Federation(bench, "hue", "da-nang")
    code = world.enrol("hue")
    record = add(world["hue"], "partner", "name=One")
    world.sync()
    result = world.hub.do("revoke", "hue", "--json").json()
    equal(result, {"installations": 1, "replicas": 1, "codes": 1}, "what was revoked")
    world["hue"].do("set", "partner", record, "name=Two")
    told_that_it_is_revoked(world["hue"])
    said = world["hue"].do("sync", "--wait", "--timeout", "1", status=1).err
    check("the hub refuses us" in said or "does not admit" in said, f"why it does not sync: {said!r}")
    check("connected" not in said, f"the link is not what is wrong: {said!r}")
    equal(fields(world.hub, "partner", record)["name"], "One", "the name at the hub")
    late = bench.agent("late")
    late.do("join", "--hub", world.address, "--code", code, status=1)
    world.hub.stop()
    world.start_hub()
    world["hue"].stop()
    world["hue"].start()
    world["hue"].do("sync", "--wait", "--timeout", "3", status=1)
    again = world.hub.do("revoke", "hue", "--json").json()
    equal(again, {"installations": 0, "replicas": 0, "codes": 0}, "what was revoked again")
    world["da-nang"].do("set", "partner", record, "name=Three")
    world["da-nang"].do("sync", "--wait")
    fresh = world.join("hue", "fresh")
    sees(fresh, "partner", record, "name", "Three")


def test_revoke_of_one_machine(bench):
    world = Federation(bench, "hue")
    other = world.join("hue", "other")
    world.sync()
    office = world.hub.do("office", "list", "--json").lines()[0]
    equal(len(office["replicas"]), 2, "replicas of hue")
    stolen = other.status()["replica"]
    equal(world.hub.do("revoke", "hue", "--replica", stolen, "--json").json(),
          {"installations": 1, "replicas": 1, "codes": 0}, "what was revoked")
    add(other, "partner", "name=Thief")
    other.do("sync", "--wait", "--timeout", "3", status=1)
    add(world["hue"], "partner", "name=Owner")
    world.sync("hue")
    equal([r["fields"]["name"] for r in world.hub.records("partner")], ["Owner"], "partners at the hub")


if __name__ == "__main__":
    main(globals())
