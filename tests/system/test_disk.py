#!/usr/bin/env python3
"""Disks that are full, write-protected, or fail in the middle of a commit: nothing is acknowledged that is
not stored, the daemons say what is wrong, and go on by themselves as soon as the disk lets them."""
import errno
import json
import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import disk_faults as faults  # noqa: E402
from disk_faults import DiskFaults, SmallDisk  # noqa: E402
from federation import Federation, add, call_http, ids  # noqa: E402
from hopnhat_test import check, equal, main, wait_until  # noqa: E402

RECOVER_S = 30
KILLS = 24


def restart(world, daemon):
    """Stopped and started again, now under its faults."""
    daemon.stop()
    start(world, daemon)


def start(world, daemon):
    if daemon is world.hub:
        world.start_hub()
    else:
        daemon.start()


def recovered(daemon, before=0):
    """The daemon serves again after its store was opened anew."""
    wait_until(lambda: daemon.listens() and daemon.status()["incidents"] >= before + 2, RECOVER_S,
               f"{daemon.name} is back")
    incident = daemon.status()["last_incident"]
    check("verified" in incident and "sound" in incident, f"what was done is told: {incident}")


def same_everywhere(world, saved):
    world.sync()
    for daemon in (world.hub, *world.offices.values()):
        equal(ids(daemon, "partner"), sorted(saved), f"{daemon.name}'s partners")
    for daemon in (world.hub, *world.offices.values()):
        daemon.do("verify")


def try_to_add(agent, name):
    """The id, or None where the office was told that it was not saved."""
    result = agent.call("add", "partner", f"name={name}")
    check(result.status in (0, 1), result.describe())
    return result.out.strip() if result.status == 0 else None


def test_an_office_with_a_full_disk(bench):
    with SmallDisk(bench.path("hue"), 24 << 20) as disk:
        world = Federation(bench, "hue", "da-nang")
        hue = world["hue"]
        saved = [add(hue, "partner", "name=Before"), add(world["da-nang"], "partner", "name=Elsewhere")]
        disk.fill()
        large = "x" * 60000
        for _ in range(100):  # what LMDB has free already is used up
            result = hue.call("add", "partner", "name=Too much", f"notes={large}")
            if result.status != 0:
                break
            saved.append(result.out.strip())
        check(result.status == 1 and "make room on the disk" in result.err, result.describe())
        body = json.dumps({"set": {"name": "Too much"}, "add": {"notes": [large]}}).encode()
        status, answer = call_http(hue, "POST", "/v1/records/partner", body)
        equal(status, 507, f"the answer {answer}")
        check("make room" in hue.status()["store_trouble"], "the status says so")
        check(set(saved) <= set(ids(hue, "partner")) | {saved[1]}, "what was saved is read")
        later = add(world["da-nang"], "partner", "name=Meanwhile")  # what headquarters sends finds no room
        disk.make_room()
        saved += [add(hue, "partner", "name=After", f"notes={large}"), later]
        equal(hue.status()["store_trouble"], "", "trouble once there is room")
        same_everywhere(world, saved)


def test_a_list_that_finds_no_room(bench):
    """One large commit: nothing of it is stored, what was there stays, and it goes in when there is room."""
    with SmallDisk(bench.path("hue"), 128 << 20) as disk:
        hue = Federation(bench, "hue")["hue"]
        saved = [add(hue, "partner", "name=Before")]
        disk.fill(8 << 20)
        path, rows = bench.path("list.csv"), 20000
        with open(path, "w", encoding="utf-8") as file:
            file.write("name,address\n" + "".join(f"Partner {i},{'street ' * 8}{i}\n" for i in range(rows)))
        result = hue.call("import", "partner", path, deadline_s=60)
        check(result.status == 1 and "make room on the disk" in result.err, result.describe())
        equal(ids(hue, "partner"), saved, "records after an import that found no room")
        equal(hue.do("import", "--imports").out, "", "imports that are listed")
        equal(hue.status()["incidents"], 0, "nothing was closed")
        disk.make_room()
        equal(hue.do("import", "partner", path, "--json", deadline_s=60).json()["added"], rows, "added then")
        equal(hue.status()["store_trouble"], "", "trouble once there is room")
        hue.do("sync", "--wait", "--timeout", "60", deadline_s=70)
        equal(len(ids(hue, "partner")), rows + 1, "records")
        hue.do("verify")


def test_headquarters_with_a_full_disk(bench):
    with SmallDisk(bench.path("hub"), 24 << 20) as disk:
        world = Federation(bench, "hue", "da-nang")
        hue = world["hue"]
        saved = [add(hue, "partner", "name=Before")]
        world.sync()
        disk.fill()
        for i in range(120):
            saved.append(add(hue, "partner", f"name=More {i}", f"notes={'x' * 60000}"))
        wait_until(lambda: world.hub.status()["disk_is_low"], RECOVER_S, "the hub says so")
        check("make room on the disk" in world.hub.process.log(), "so does its log")
        wait_until(lambda: "nearly full" in hue.status()["trouble"], RECOVER_S, "and the office is told")
        check(hue.status()["pending"] > 0, "not everything is acknowledged")
        at_hub = world.hub.do("list", "partner", "--json").lines()
        check(len(at_hub) < len(saved), "the hub serves what it has")
        for _ in range(100):  # what LMDB has free already is used up
            result = world.hub.call("add", "partner", "name=Own", "group=everyone", f"notes={'x' * 60000}")
            if result.status != 0:
                break
            saved.append(result.out.strip())
        check(result.status == 1 and "make room" in result.err, result.describe())
        check(world.hub.process.running(), "the hub runs")
        disk.make_room()
        same_everywhere(world, saved)
        equal(world.hub.status()["store_trouble"], "", "trouble once there is room")
        check(not world.hub.status()["disk_is_low"], "there is room again")


def test_headquarters_keeps_room_to_act(bench):
    """Offices fill the disk up to the reserve and no further: what headquarters does then finds room."""
    with SmallDisk(bench.path("hub"), 96 << 20) as disk:
        world = Federation(bench, "hue", "da-nang")
        hue = world["hue"]
        saved = [add(hue, "partner", "name=Before")]
        world.sync()
        disk.fill(leave_bytes=12 << 20)
        for i in range(240):
            saved.append(add(hue, "partner", f"name=More {i}", f"notes={'x' * 60000}"))
        wait_until(lambda: world.hub.status()["disk_is_low"], RECOVER_S, "the disk is nearly full")
        equal(world.hub.status()["store_trouble"], "", "and no commit has failed")
        check(world.hub.status()["disk_free_bytes"] > 100000, f"there is room left: {world.hub.status()}")
        own = world.hub.do("add", "partner", "name=Own", "group=everyone").out.strip()
        wait_until(lambda: own in ids(world["da-nang"], "partner"), RECOVER_S, "feeds go on")
        world.hub.do("revoke", "hue")
        equal(world.hub.status()["store_trouble"], "", "what headquarters does finds room")
        disk.make_room()
        saved.append(add(world["da-nang"], "partner", "name=After"))
        wait_until(lambda: saved[-1] in ids(world.hub, "partner"), RECOVER_S, "others go on")


def test_a_disk_that_is_write_protected(bench):
    with SmallDisk(bench.path("hue"), 64 << 20) as disk:
        world = Federation(bench, "hue")
        hue = world["hue"]
        saved = [add(hue, "partner", "name=Before")]
        hue.stop()
        disk.protect(True)
        result = hue.call("run")
        check(result.status == 1 and "Read-only file system" in result.err, result.describe())
        disk.protect(False)
        hue.start()
        same_everywhere(world, saved)


def test_a_disk_that_the_kernel_protects_while_in_use(bench):
    world = Federation(bench, "hoi-an")
    for daemon in (world.hub, world["hoi-an"]):
        plan = DiskFaults(bench, daemon)
        restart(world, daemon)
        world.sync()
        plan.arm(faults.FAIL_FROM, faults.WRITES, error=errno.EROFS)
        here = None if daemon is not world.hub else add(world["hoi-an"], "partner", "name=Waits")
        result = daemon.call("add", "partner", "name=Refused", "group=everyone")
        check(result.status == 1 and "Read-only" in result.err, result.describe())
        check("Read-only" in daemon.status()["store_trouble"], "the status says so")
        plan.clear()
        if here:
            wait_until(lambda: here in ids(world.hub, "partner"), RECOVER_S, "it goes on by itself")
        world.sync()
        equal(daemon.status()["incidents"], 0, "nothing was closed")


def failing_disk(bench, name):
    """A disk that fails once at a call of each kind while an office writes."""
    world = Federation(bench, "hue", "da-nang")
    daemon = world.hub if name == "hub" else world["hue"]
    plan = DiskFaults(bench, daemon)
    restart(world, daemon)
    saved = [add(world["hue"], "partner", "name=Before")]
    for kinds in (faults.WRITES, faults.DSYNC_WRITES, faults.SYNCS):
        world.sync()  # nothing but the next change is on its way: that is what the disk fails for
        before = daemon.status()["incidents"]
        plan.arm(faults.FAIL_ONCE, kinds, error=errno.EIO)
        record = try_to_add(world["hue"], f"With {kinds}")
        if record:
            saved.append(record)
        check(daemon is world.hub or not record, "what failed is not called saved")
        wait_until(lambda: plan.read(faults.FIRED), RECOVER_S, "the disk fails")
        recovered(daemon, before)
        saved.append(add(world["hue"], "partner", f"name=After {kinds}"))
    world.sync()
    extra = set(ids(world["hue"], "partner")) - set(saved)
    names = [r["fields"]["name"] for r in world["hue"].records("partner") if r["id"] in extra]
    check(all(name.startswith("With ") for name in names), f"only what was in doubt may be there: {names}")
    same_everywhere(world, saved + list(extra))


def test_an_office_whose_disk_fails(bench):
    failing_disk(bench, "hue")


def test_headquarters_whose_disk_fails(bench):
    failing_disk(bench, "hub")


def test_a_disk_that_fails_for_long(bench):
    world = Federation(bench, "hue")
    plan = DiskFaults(bench, world.hub)
    restart(world, world.hub)
    plan.arm(faults.FAIL_FROM, error=errno.EIO)
    saved = [add(world["hue"], "partner", "name=One"), add(world["hue"], "partner", "name=Two")]
    wait_until(lambda: "the store is closed" in world.hub.process.log(), RECOVER_S, "the hub sees it")
    saved.append(add(world["hue"], "partner", "name=Three"))
    check(world["hue"].status()["pending"] >= 3, "nothing is acknowledged")
    check(world.hub.process.running(), "the hub stays")
    plan.clear()
    recovered(world.hub)
    same_everywhere(world, saved)


def kills_in_commits(bench, name):
    """The process is killed at chosen writes of commits; whatever was saved is there, once."""
    chance = random.Random(7)
    world = Federation(bench, "hue", "da-nang")
    daemon = world.hub if name == "hub" else world["hue"]
    plan = DiskFaults(bench, daemon)
    restart(world, daemon)
    saved, doubtful = [], 0
    for kill in range(KILLS):
        plan.arm(chance.choice((faults.KILL_BEFORE, faults.KILL_TORN, faults.KILL_AFTER)),
                 chance.choice((faults.ALL_KINDS, faults.DSYNC_WRITES, faults.SYNCS)), chance.randrange(1, 9))
        for i in range(40):
            if not daemon.process.running():
                break
            result = world["hue"].call("add", "partner", f"name=Partner {kill}-{i}")
            if result.status == 0:
                saved.append(result.out.strip())
            else:
                doubtful += 1
        wait_until(lambda: not daemon.process.running(), RECOVER_S, "it is killed")
        plan.clear()
        start(world, daemon)
    world.sync()
    found = ids(world["hue"], "partner")
    check(set(saved) <= set(found), "all that was saved is there")
    check(len(found) <= len(saved) + doubtful, "and nothing that nobody wrote")
    same_everywhere(world, found)
    print(f"# {len(saved)} saved, {doubtful} in doubt, {KILLS} kills of {daemon.name}", flush=True)


def test_kills_in_an_offices_commits(bench):
    kills_in_commits(bench, "hue")


def test_kills_in_headquarters_commits(bench):
    kills_in_commits(bench, "hub")


def test_a_machine_with_few_addresses(bench):
    """Where 8 GiB of map are not to be had, a smaller one serves."""
    agent = bench.agent("hue")
    world = Federation(bench, "da-nang")
    world.add_office("hue")
    agent.do("join", "--hub", world.address, "--code", world.enrol("hue"))
    program = agent.program
    agent.program = bench.path("limited")
    with open(agent.program, "w", encoding="ascii") as script:
        script.write(f"#!/bin/sh\nulimit -v 3000000\nexec {program} \"$@\"\n")
    os.chmod(agent.program, 0o755)
    agent.start()
    world.offices["hue"] = agent
    same_everywhere(world, [add(agent, "partner", "name=Small")])


if __name__ == "__main__":
    main(globals())
