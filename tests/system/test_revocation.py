#!/usr/bin/env python3
"""What headquarters revoked and decided holds in a hub that came back from an older backup."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from federation import Federation, add, fields, told_that_it_is_revoked
from hopnhat_test import SOON_S, check, equal, main, wait_until


def decide(world, verb, dot, note):
    """With da-nang's right given back for the moment, where the decision needs it."""
    if verb == "release":
        world.hub.do("office", "set", "da-nang", "--group", "cluster:1")
    world.hub.do("quarantine", verb, dot, "--note", note)
    if verb == "release":
        world.hub.do("office", "set", "da-nang", "--remove-group", "cluster:1")


def taken_away(world):
    """da-nang holds three records of cluster:1 and is taken out of it while the hub is away from it."""
    records = [add(world["hue"], "partner", f"name={name}", "address=Old", "group=cluster:1")
               for name in ("One", "Two", "Three")]
    world.sync()
    return records


def edits_after_the_right_was_lost(world, records):
    """The three edits of da-nang, made before it hears that it has lost the cluster: their names."""
    world.hub.stop()
    for record in records:
        world["da-nang"].do("set", "partner", record, "address=New")
    world.hub.do("office", "set", "da-nang", "--remove-group", "cluster:1")
    world.start_hub()
    world["da-nang"].do("sync", "--wait", "--timeout", "20")
    rows = wait_until(lambda: (lambda listed: listed if len(listed) == 3 else None)(
        world.hub.do("quarantine", "list", "--json").lines()), SOON_S, "three changes are in quarantine")
    return [f"{row['replica']}.{row['seq']}" for row in sorted(rows, key=lambda row: row["seq"])]


def test_a_restored_hub_keeps_what_was_revoked_and_decided(bench):
    world = Federation(bench, "hue", "da-nang", "vinh",
                       groups={"hue": ["cluster:1"], "da-nang": ["cluster:1"]})
    stolen = world.join("vinh", "stolen")
    records = taken_away(world)
    world.hub.do("backup", bench.path("before"))
    first, second, third = edits_after_the_right_was_lost(world, records)
    world.hub.do("backup", bench.path("after"))
    decide(world, "release", first, "it was right")
    decide(world, "drop", second, "no")
    world.hub.do("revoke", "hue")
    told_that_it_is_revoked(world["hue"])
    world.hub.do("revoke", "vinh", "--replica", stolen.status()["replica"])
    fresh = world.join("hue", "fresh")
    world.sync("da-nang", "vinh", "fresh")
    wait_until(lambda: world.hub.status()["not_in_custody"] == 0, SOON_S, "all of the log is in custody")
    expected = {first: ("released", "it was right"), second: ("dropped", "no"), third: ("waiting", None)}
    # one backup knows the changes as waiting, the other does not know them at all
    for backup in ("after", "before"):
        for daemon in (world.hub, *world.offices.values()):
            daemon.stop()
        world.hub.do("restore", bench.path(backup), "--replace")
        world.hub.start("--listen", world.address, "--custody-wait", "60")
        for name in ("da-nang", "vinh", "fresh", "hue", "stolen"):
            world[name].start()
        world.sync("da-nang", "vinh", "fresh")
        rows = world.hub.do("quarantine", "list", "--all", "--json").lines()
        states = {f"{row['replica']}.{row['seq']}": (row["state"], row.get("note")) for row in rows}
        check(states.pop(first, expected[first]) == expected[first], f"{backup}: the released one: {rows}")
        equal(states, {second: expected[second], third: expected[third]}, f"{backup}: the others")
        equal(world.hub.status()["quarantined"], 1, f"{backup}: what waits")
        equal([fields(world.hub, "partner", record)["address"] for record in records], ["New", "Old", "Old"],
              f"{backup}: the addresses")
        for name in ("hue", "stolen"):
            add(world[name], "partner", "name=Thief")
            world[name].do("sync", "--wait", "--timeout", "2", status=1)
        names = sorted(r["fields"]["name"] for r in world.hub.records("partner"))
        equal(names, ["One", "Three", "Two"], f"{backup}: partners at the hub")
        world.hub.do("verify")


if __name__ == "__main__":
    main(globals())
