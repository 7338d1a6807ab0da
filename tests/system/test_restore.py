#!/usr/bin/env python3
"""Stores that come back from their backups: an agent's, the hub's, both, with a backup that was not kept."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from federation import Federation, add, fields  # noqa: E402
from hopnhat_test import SOON_S, check, equal, main, wait_until  # noqa: E402
from restored import SYNC, catch_up, in_custody, restore, same_everywhere, trimmed  # noqa: E402


def test_an_agent_comes_back_from_an_old_backup(bench):
    world = Federation(bench, "hue", "da-nang")
    old = add(world["hue"], "partner", "name=Old")
    world.sync()
    world["hue"].do("backup", bench.path("b"))
    number = world["hue"].status()["replica"]
    after = add(world["hue"], "partner", "name=After the backup")
    world["hue"].do("set", "partner", old, "address=Huế")
    world.sync()
    for _ in range(2):  # twice from the same backup
        restore(world["hue"], bench.path("b"))
        check(world["hue"].status()["replica"] != number, "a new number at once")
        number = world["hue"].status()["replica"]
        offline = add(world["hue"], "partner", "name=Written before the first contact")
        world["hue"].start()
        catch_up(world)
        shown = same_everywhere(world, "partner")
        check({old, after, offline} <= set(shown), "nothing is lost")
    equal(shown[old]["fields"]["address"], "Huế", "the address")
    equal(len(shown), 4, "partners")


def test_the_hub_comes_back_from_an_old_backup(bench):
    world = Federation(bench, "hue", "da-nang")
    old = add(world["hue"], "partner", "name=Old")
    world.sync()
    world.hub.do("backup", bench.path("b"))
    before = world.hub.status()
    after = add(world["hue"], "partner", "name=After the backup")
    world["da-nang"].do("set", "partner", old, "website=https://example.org")
    world.join("da-nang", "joined-after")
    late = add(world["joined-after"], "partner", "name=By an agent that joined after the backup")
    world.sync()
    for _ in range(2):
        restore(world.hub, bench.path("b"))
        status = world.hub.status()
        check(status["epoch"] != before["epoch"] and status["replica"] != before["replica"], "new numbers")
        world.start_hub()
        catch_up(world)
        shown = same_everywhere(world, "partner")
        equal(set(shown), {old, after, late}, "nothing is lost")
        equal(shown[old]["fields"]["website"], "https://example.org", "the website")


def test_a_backup_that_was_not_kept_leaves_a_gap_on_record(bench):
    world = Federation(bench, "hue", "da-nang")
    hue = world["hue"]
    old = [add(hue, "partner", f"name=Old {i}") for i in range(5)]
    world.sync()
    world.hub.do("backup", bench.path("old"))
    lost = [add(hue, "partner", f"name=Lost {i}") for i in range(5)]
    world.sync()
    world.hub.do("backup", bench.path("new"), "--keep", "1")  # the old one is not counted on any more
    kept = [add(hue, "partner", f"name=Kept {i}") for i in range(5)]
    world.sync()
    trimmed(world, hue, 5)
    restore(world.hub, bench.path("old"))
    world.start_hub()
    catch_up(world)
    gap = world.hub.status()["gaps"]
    equal([(one["office"], one["to"] - one["from"] + 1) for one in gap], [("hue", len(lost))], "the gap")
    check("are lost" in world.hub.process.log(), "and the log says so")
    kept.append(add(hue, "partner", "name=And on"))
    catch_up(world)
    equal(set(same_everywhere(world, "partner")), set(old + kept), "partners")


def test_a_gap_in_headquarters_own_log_blocks_nothing(bench):
    world = Federation(bench, "hue", "da-nang", "vinh")
    world.sync()
    world.hub.do("backup", bench.path("old"))
    add(world.hub, "partner", "name=Lost", "owner=hue")
    in_custody(world)
    world.hub.do("backup", bench.path("new"), "--keep", "1")  # agents need not keep what is in it
    kept = [add(world.hub, "partner", "name=Kept", "owner=hue")]
    in_custody(world)
    restore(world.hub, bench.path("old"))
    world.hub.start("--listen", world.address, "--custody-wait", "60")
    catch_up(world)
    gap = world.hub.status()["gaps"]
    equal([(one["office"], one["to"] - one["from"] + 1) for one in gap], [("headquarters", 1)], "the gap")
    check("are lost" in world.hub.process.log(), "and the log says so")
    check("the time to wait" not in world.hub.process.log(), "nobody waited for it")
    kept.append(add(world.hub, "partner", "name=And on", "owner=hue"))
    in_custody(world)
    restore(world.hub, bench.path("old"))  # once more, and all comes back behind the gap
    world.hub.start("--listen", world.address, "--custody-wait", "60")
    catch_up(world)
    equal(set(same_everywhere(world, "partner")), set(kept), "partners")


def test_a_machine_is_replaced(bench):
    """As docs/operations.md has it: the store of a new machine, from a backup, and without one."""
    world = Federation(bench, "hue", "da-nang")
    saved = add(world["hue"], "partner", "name=Saved")
    world.sync()
    world["hue"].do("backup", bench.path("b"))
    after = add(world["hue"], "partner", "name=After the backup")
    world.sync()
    world["hue"].kill()
    world["da-nang"].kill()
    new = world.offices["hue"] = bench.agent("hue-new")
    new.do("restore", bench.path("b"))
    new.start()
    del world.offices["da-nang"]
    world.join("da-nang", "da-nang-new")
    catch_up(world)
    equal(set(same_everywhere(world, "partner")), {saved, after}, "nothing is lost")


def both(bench, first, between=False):
    """The agent of hue and then the hub come back; `first` is the first office that the hub hears of then."""
    world = Federation(bench, "hue", "da-nang")
    hue, other = world["hue"], world["da-nang"]
    old = add(hue, "partner", "name=Old")
    world.sync()
    world.hub.do("backup", bench.path("b-hub"))
    hue.do("backup", bench.path("b-hue"))
    theirs = add(other, "partner", "name=Of the other office")
    world.sync()
    hue.stop()
    restore(hue, bench.path("b-hue"))
    offline = add(hue, "partner", "name=Offline")
    if between:
        hue.start()
        hue.do(*SYNC, deadline_s=70)
        hue.stop()
    other.stop()
    restore(world.hub, bench.path("b-hub"))
    world.hub.start("--listen", world.address, "--custody-wait", "1")
    for agent in sorted((hue, other), key=lambda agent: agent.name != first):
        agent.start()
        agent.do(*SYNC, deadline_s=70)
    catch_up(world)
    equal(set(same_everywhere(world, "partner")), {old, theirs, offline}, "nothing is lost")


def test_an_agent_then_the_hub_and_the_agent_comes_first(bench):
    both(bench, "hue")


def test_an_agent_then_the_hub_and_the_other_office_comes_first(bench):
    both(bench, "da-nang")


def test_an_agent_then_the_hub_with_a_sync_between(bench):
    both(bench, "hue", between=True)


def test_a_private_record_is_shown_to_nobody_in_between(bench):
    """Headquarters took da-nang out of a cluster, and hue wrote there since: the backup knows neither."""
    secret = "Phòng kín 117"
    world = Federation(bench, "hue", "da-nang", "vinh", "ha-noi", "can-tho",
                       groups={"hue": ["cluster:1"], "da-nang": ["cluster:1"]})
    hue, away = world["hue"], world["da-nang"]
    record = add(hue, "partner", "name=Before", "group=cluster:1")
    world.sync()
    world.hub.do("backup", bench.path("b"))
    hue.stop()
    away.stop()
    world.hub.do("office", "set", "da-nang", "--remove-group", "cluster:1")
    world.sync("vinh", "ha-noi", "can-tho")
    wait_until(lambda: world.hub.status()["not_in_custody"] == 0, SOON_S,
               "three others keep headquarters' log")
    hue.start()
    hue.do("set", "partner", record, f"address={secret}")
    world.sync("hue")
    for name in ("hue", "vinh", "ha-noi", "can-tho"):
        world[name].stop()
    restore(world.hub, bench.path("b"))
    world.hub.start("--listen", world.address, "--custody-wait", "60")
    away.start()
    hue.start()
    for agent in (away, hue):  # nothing moves before what headquarters did is back
        agent.call("sync", "--wait", "--timeout", "1")
    for name in ("vinh", "ha-noi", "can-tho"):
        world[name].start()
    catch_up(world)
    equal(fields(world.hub, "partner", record)["address"], secret, "what hue wrote")
    equal(away.call("get", "partner", record).status, 1, "the record is not da-nang's to see")
    for folder, _, names in os.walk(away.data):
        for name in names:
            path = os.path.join(folder, name)
            if os.path.isfile(path):
                with open(path, "rb") as file:
                    check(secret.encode() not in file.read(), f"da-nang was never sent it: {path}")


def test_what_headquarters_did_since_the_backup_comes_back_from_custody(bench):
    world = Federation(bench, "hue", "da-nang")
    record = add(world["hue"], "partner", "name=Old", "status=prospect")
    world.sync()
    world.hub.do("backup", bench.path("b"))
    world.hub.do("set", "partner", record, "status=active")
    of_headquarters = add(world.hub, "partner", "name=Made at headquarters", "owner=hue")
    world.hub.do("office", "add", "ha-noi", "--name", "Hà Nội")
    world.join("ha-noi")
    theirs = add(world["ha-noi"], "partner", "name=Of an office that the backup does not know")
    in_custody(world)
    # the newest office reaches the restored hub first, and is let in
    world["hue"].stop()
    world["da-nang"].stop()
    restore(world.hub, bench.path("b"))
    check(world.hub.status()["custody_awaited"], "the hub waits for custody")
    world.hub.start("--listen", world.address, "--custody-wait", "60")
    wait_until(lambda: "ha-noi" in world.hub.do("office", "list").out, 30, "the office is known again")
    wait_until(lambda: "headquarters was restored, and waits" in
               world["ha-noi"].do("sync", "--wait", "--timeout", "2", status=1).err, SOON_S,
               "why it is not caught up is told")
    world["hue"].start()
    world["da-nang"].start()
    catch_up(world)
    shown = same_everywhere(world, "partner")
    equal(set(shown), {record, of_headquarters, theirs}, "nothing is lost")
    equal(shown[record]["fields"]["status"], "active", "what headquarters settled")
    check(not world.hub.status()["custody_awaited"], "the hub serves")
    equal(world.hub.status()["quarantined"], 0, "nothing was refused")


if __name__ == "__main__":
    main(globals())
