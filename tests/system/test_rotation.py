#!/usr/bin/env python3
"""Keys that change while everything runs: an installation's, and the hub's."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from federation import Federation, add, sees
from hopnhat_test import SOON_S, check, equal, main, wait_until
from wrong_clock import WrongClock


def rotate(world, name):
    """New keys for the agent, and waits until it works under them."""
    log = world[name].process.log().count("this installation has new keys")
    world[name].do("rotate-keys")
    wait_until(lambda: world[name].process.log().count("this installation has new keys") > log, SOON_S,
               f"{name} has new keys")


def test_an_installation_changes_its_keys(bench):
    world = Federation(bench, "hue", "da-nang")
    for number in range(3):
        add(world["hue"], "partner", f"name=Before {number}")
    world.sync()
    world.hub.do("backup", bench.path("before"))
    replica = world["hue"].status()["replica"]
    rotate(world, "hue")
    for number in range(3):
        add(world["hue"], "partner", f"name=Between {number}")
    world.sync()
    rotate(world, "hue")
    last = add(world["hue"], "partner", "name=After")
    sees(world["da-nang"], "partner", last, "name", "After")
    world.sync()
    equal(world["hue"].status()["replica"], replica, "the number under which it writes")
    office = world.hub.do("office", "list", "--json").lines()[1]
    equal((office["code"], office["installations"]), ("hue", 1), "installations")
    world.hub.do("verify")  # signatures of all three keys
    proved = world.hub.do("verify", "--chains", "--json").lines()
    logs = {row["replica"]: row for row in proved if row.get("office")}
    equal((logs[replica]["last"], logs[replica]["signed_to"]), (7, 7), f"hue's log: {proved}")
    world.hub.stop()
    world.start_hub()
    world["hue"].stop()
    world["hue"].start()
    add(world["hue"], "partner", "name=After all was started again")
    world.sync()
    world["hue"].do("verify")
    # a hub from before knows the first keys alone; the certificate tells of the others
    world.hub.stop()
    world.hub.do("restore", bench.path("before"), "--replace")
    world.hub.start("--listen", world.address, "--custody-wait", "30")
    for _ in range(2):
        for agent in world.offices.values():
            agent.do("sync", "--wait", "--timeout", "40", deadline_s=50)
    equal(len(world.hub.records("partner")), 8, "partners at the hub")
    equal(world.hub.do("office", "list", "--json").lines()[1]["installations"], 1, "installations")
    world.hub.do("verify")
    world.hub.do("revoke", "hue", "--replica", replica)
    add(world["hue"], "partner", "name=Thief")
    world["hue"].do("sync", "--wait", "--timeout", "2", status=1)


def test_the_former_keys_count_no_more(bench):
    """A copy of the machine from before, as a thief has it who took the keys."""
    world = Federation(bench, "hue")
    world["hue"].do("backup", bench.path("stolen"))
    rotate(world, "hue")
    add(world["hue"], "partner", "name=Owner")
    world.sync()
    thief = bench.agent("thief")
    thief.do("restore", bench.path("stolen"))
    thief.start()
    add(thief, "partner", "name=Thief")
    thief.do("sync", "--wait", "--timeout", "3", status=1)
    equal([r["fields"]["name"] for r in world.hub.records("partner")], ["Owner"], "partners at the hub")


def test_the_hub_changes_its_key(bench):
    world = Federation(bench, "hue", "da-nang")
    world.sync()
    world["da-nang"].stop()
    state = world.hub.do("rotate-keys", "--json").json()
    check(state["under_way"], f"the rotation: {state}")
    for refused in (("rotate-keys", "--finish"), ("rotate-keys", "--finish", "--force")):
        check("backup" in world.hub.do(*refused, status=1).err, "without a backup")
    world.hub.do("backup", bench.path("copy"))
    add(world.hub, "partner", "name=So that hue asks again")  # its link holds
    wait_until(lambda: world.hub.do("rotate-keys", "--json").json()["heard"] == 1, SOON_S, "hue has heard")
    check("not heard" in world.hub.do("rotate-keys", "--finish", status=1).err, "da-nang has not")
    world["da-nang"].start()
    wait_until(lambda: world.hub.do("rotate-keys", "--json").json()["heard"] == 2, SOON_S,
               "da-nang has heard")
    world["da-nang"].stop()
    world.hub.do("rotate-keys", "--finish")
    record = add(world["hue"], "partner", "name=Under the new key")
    world["da-nang"].start()
    sees(world["da-nang"], "partner", record, "name", "Under the new key", 30)
    for name in ("hue", "da-nang"):
        check("the hub has a new link key" in world[name].process.log(), f"{name} has the new key")
    world.hub.stop()
    world.start_hub()
    world.sync()
    world.join("da-nang", "newcomer")
    # what the backup holds is the former key with the next one beside it: it is finished once more
    world.hub.stop()
    world.hub.do("restore", bench.path("copy"), "--replace")
    world.hub.do("backup", bench.path("again"))
    world.hub.do("rotate-keys", "--finish", "--force")
    world.hub.start("--listen", world.address, "--custody-wait", "30")
    for agent in world.offices.values():
        agent.do("sync", "--wait", "--timeout", "40", deadline_s=50)


def test_a_clock_that_was_put_back_refuses_no_backup(bench):
    hub = bench.hub()
    clock = WrongClock(bench, hub)
    hub.do("init")
    hub.start("--listen", f"tcp://127.0.0.1:{bench.free_port()}")
    hub.do("backup", bench.path("before"))
    clock.set(-3600 * 1000)
    hub.do("rotate-keys")
    check("backup" in hub.do("rotate-keys", "--finish", status=1).err, "there is none with the key")
    hub.do("backup", bench.path("with"))
    hub.do("rotate-keys", "--finish")


if __name__ == "__main__":
    main(globals())
