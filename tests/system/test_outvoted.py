#!/usr/bin/env python3
"""An office is told when a value that it wrote is not what is read, and can bring it back."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from federation import Federation, add, apart, fields
from hopnhat_test import ROOT, SOON_S, check, equal, main, wait_until
from restored import trimmed


PURGED_S = 60
DELETE_WINS = ("    name: partner\n", "    deletion: delete_wins\n")


def outvoted(daemon):
    return daemon.do("outvoted", "--json").lines()


def start(bench):
    world = Federation(bench, "hue", "da-nang")
    record = add(world["hue"], "partner", "name=One", "status=prospect")
    world.sync()
    return world, record


def test_outvoted_by_rule(bench):
    world, record = start(bench)
    apart(world, record, hue="address=Hue", da_nang="address=Da Nang")  # da-nang's is the latest
    row, = outvoted(world["hue"])
    equal((row["field"], row["value"], row["by"]), ("address", "Hue", "rule"), "what was outvoted")
    equal((row["winner"]["value"], row["winner"]["office"]), ("Da Nang", "da-nang"), "the winner")
    equal(outvoted(world["da-nang"]), [], "da-nang lost nothing")
    equal(world["da-nang"].status()["outvoted"], 0, "in da-nang's status")
    equal(world["hue"].status()["outvoted"], 1, "in status")
    text = world["hue"].do("outvoted").out
    check('written here: "Hue"' in text and "outvoted take-back" in text, f"for people: {text!r}")
    world["hue"].do("outvoted", "take-back", "partner", record, "address")
    world.sync()
    for daemon in (world.hub, world["hue"], world["da-nang"]):
        equal(fields(daemon, "partner", record)["address"], "Hue", f"the address at {daemon.name}")
    equal(outvoted(world["hue"]), [], "nothing at hue")
    row, = outvoted(world["da-nang"])
    equal((row["value"], row["by"], row["winner"]["value"]), ("Da Nang", "person", "Hue"), "da-nang's turn")
    world["da-nang"].do("outvoted", "dismiss", "partner", record, "address")
    equal((outvoted(world["da-nang"]), world["da-nang"].status()["outvoted"]), ([], 0), "dismissed")


def test_outvoted_by_a_person(bench):
    world, record = start(bench)
    apart(world, record, hue="status=active", da_nang="status=dormant")
    row, = outvoted(world["hue"])
    equal(row["by"], "open", "not settled yet")
    world["hue"].do("verify")
    equal(outvoted(world["da-nang"]), [], "da-nang's is read for now")
    world.hub.do("resolve", "partner", record, "status", "--value", "ended")
    world.sync()
    for office, value in (("hue", "active"), ("da-nang", "dormant")):
        row, = outvoted(world[office])
        equal((row["value"], row["by"], row["winner"]["value"], row["winner"]["office"]),
              (value, "person", "ended", "headquarters"), f"the row of {office}")
    world["hue"].do("set", "partner", record, "status=prospect")
    equal(outvoted(world["hue"]), [], "hue has written again")
    world.sync()
    row, = outvoted(world["da-nang"])
    equal(row["winner"]["value"], "prospect", "what is read now")


def test_outvoted_before_it_was_seen(bench):
    """hue's value comes to headquarters, and is settled there before hue hears anything."""
    world, record = start(bench)
    world["hue"].stop()
    world["hue"].do("set", "partner", record, "status=active", "address=Hue")
    world["da-nang"].do("set", "partner", record, "status=dormant")
    world["da-nang"].do("sync", "--wait")
    before = bench.path("hue-before")
    bench.run(["cp", "-a", world["hue"].data, before])
    world["hue"].do("sync", "--wait")
    world.hub.do("resolve", "partner", record, "status", "--value", "ended")
    bench.run(["rm", "-r", world["hue"].data])
    bench.run(["mv", before, world["hue"].data])  # as if its link had been cut after the push
    world["hue"].start()
    world["hue"].do("sync", "--wait")
    row, = outvoted(world["hue"])
    equal((row["field"], row["value"], row["by"]), ("status", "active", "person"), "the row")
    equal(row["winner"]["value"], "ended", "the winner")
    equal(fields(world["hue"], "partner", record)["address"], "Hue", "the address stands")


def test_what_is_not_outvoted(bench):
    world, record = start(bench)
    world["da-nang"].do("set", "partner", record, "name=Two")  # it saw One
    world.sync()
    apart(world, record, hue="address=Same", da_nang="address=Same")
    apart(world, record, hue="sectors+=a", da_nang="sectors+=b")
    for office in ("hue", "da-nang"):
        equal(outvoted(world[office]), [], f"of {office}")
    world["hue"].do("outvoted", "take-back", "partner", record, "name", status=1)
    world["hue"].do("outvoted", "dismiss", "partner", record, "name", status=1)
    world["hue"].do("outvoted", "dismiss", "partner", record, "bogus", status=1)


def test_a_unit_comes_back_whole(bench):
    world = Federation(bench, "hue", "da-nang")
    project = add(world["hue"], "aid_project", "title=One", "approval_no=1", "committed_usd=100")
    world.sync()
    world.hub.stop()
    world["hue"].do("set", "aid_project", project, "approval_no=2", "committed_usd=200")
    world.hub.do("set", "aid_project", project, "approval_no=3", "committed_usd=300")
    world.start_hub()
    world.sync()
    world.hub.do("set", "aid_project", project, "approval_no=4", "committed_usd=400")
    world.sync()
    equal({row["field"] for row in outvoted(world["hue"])}, {"approval_no", "committed_usd"}, "both are told")
    world["hue"].do("outvoted", "take-back", "aid_project", project, "committed_usd")
    world.sync()
    got = fields(world.hub, "aid_project", project)
    equal((got["approval_no"], got["committed_usd"]), ("2", "200"), "one writing")
    equal(outvoted(world["hue"]), [], "nothing left")


def test_a_loss_is_told_anew(bench):
    """What is read did not lose: there is nothing to dismiss or take back, and a loss to come is told."""
    world = Federation(bench, "hue", "da-nang", "vinh")
    hue, da_nang, vinh = world["hue"], world["da-nang"], world["vinh"]
    record = add(hue, "activity", "title=One")
    for office in ("da-nang", "vinh"):
        world.hub.do("office", "set", office, "--headquarters", "yes")
    world.sync()

    def decide(what, status):
        hue.do("outvoted", what, "activity", record, "participants", status=status)

    def told():
        return [(row["value"], row["winner"]["value"]) for row in outvoted(hue)]

    hue.stop()
    hue.do("set", "activity", record, "participants=5")
    da_nang.do("set", "activity", record, "participants=7")
    world.sync("da-nang", "vinh")
    for agent in (da_nang, vinh):
        agent.stop()
    hue.start()
    world.sync("hue")
    equal(told(), [(5, 7)], "hue lost to the highest")
    decide("dismiss", 0)
    equal(told(), [], "dismissed")
    da_nang.do("set", "activity", record, "participants=3")  # which had seen the 7 alone
    da_nang.start()
    world.sync("da-nang", "hue")
    equal(fields(hue, "activity", record)["participants"], 5, "hue's is read")
    decide("dismiss", 1)
    decide("take-back", 1)
    vinh.do("set", "activity", record, "participants=9")
    vinh.start()
    world.sync()
    equal(told(), [(5, 9)], "a new loss")
    da_nang.do("set", "activity", record, "participants=")
    world.sync()
    row, = outvoted(hue)
    equal((row["by"], row["winner"]["value"], row["winner"]["office"], bool(row["winner"]["time"])),
          ("person", None, "da-nang", True), "who cleared it")
    check("read is:      (cleared) of da-nang, 2" in hue.do("outvoted").out, "for people")


def trim(bench, world, agent):
    """Backs up until the agent has trimmed what it wrote before."""
    for i in range(2):
        world.hub.do("backup", bench.path(f"backup-{i}"))
        add(agent, "partner", f"name=Later {i}")
        agent.do("sync", "--wait")
    trimmed(world, agent, 2)


def test_a_unit_comes_back_whole_off_a_trimmed_log(bench):
    """What lost after the log had been trimmed is told by what stands; where nothing tells it, all stays."""
    world = Federation(bench, "hue", "da-nang")
    hue, da_nang = world["hue"], world["da-nang"]
    standing, settled, half, part = (
        add(hue, "aid_project", f"title={title}", "approval_no=1", "committed_usd=100")
        for title in ("Standing", "Settled", "Half", "Part"))
    world.hub.do("office", "set", "da-nang", "--headquarters", "yes")
    world.sync()
    da_nang.stop()
    for project in (standing, settled, half, part):
        hue.do("set", "aid_project", project, "approval_no=2", "committed_usd=200")
    hue.do("sync", "--wait")
    for project in (standing, settled):
        da_nang.do("set", "aid_project", project, "approval_no=3", "committed_usd=300")
    for project in (half, part):
        da_nang.do("set", "aid_project", project, "approval_no=3", "committed_usd=200")
    trim(bench, world, hue)
    da_nang.start()
    world.sync()
    for project in (settled, part):
        world.hub.do("set", "aid_project", project, "approval_no=4", "committed_usd=400")
    world.sync()
    equal({(row["id"], row["field"]) for row in outvoted(hue)},
          {(standing, "approval_no"), (standing, "committed_usd"), (settled, "approval_no"),
           (settled, "committed_usd"), (half, "approval_no"), (part, "approval_no")}, "what hue is told")
    for project in (standing, settled, half):
        hue.do("outvoted", "take-back", "aid_project", project, "approval_no")
    refused = hue.do("outvoted", "take-back", "aid_project", part, "approval_no", status=1)
    check("together with committed_usd" in refused.err, f"the reason: {refused.err!r}")
    world.sync()
    for project in (standing, settled, half, part):
        wanted = ("4", "400") if project == part else ("2", "200")
        for daemon in (world.hub, hue, da_nang):
            got = fields(daemon, "aid_project", project)
            equal((got["approval_no"], got["committed_usd"]), wanted, f"one writing at {daemon.name}")
    row, = outvoted(hue)
    equal((row["id"], row["field"], row["value"]), (part, "approval_no", "2"), "it is told still")


def apply_catalog(bench, world, *additions):
    """The built-in catalog comes into force with each text followed by the other."""
    with open(os.path.join(ROOT, "deploy", "catalog", "vufo.yaml"), encoding="utf-8") as file:
        text = file.read().replace("version: 1\n", "version: 2\n")
    for place, addition in additions:
        equal(text.count(place), 1, f"{place!r} in the catalog")
        text = text.replace(place, place + addition)
    with open(bench.path("new.yaml"), "w", encoding="utf-8") as file:
        file.write(text)
    world.hub.do("catalog", "apply", bench.path("new.yaml"))
    world.sync()


def test_a_deletion_took_it_along(bench):
    world, record = start(bench)
    apply_catalog(bench, world, DELETE_WINS)
    other = add(world["hue"], "partner", "name=Two")
    world.sync()
    world.hub.stop()
    for each in (record, other):
        world["hue"].do("set", "partner", each, "address=Hue", "sectors+=education")
        world.hub.do("delete", "partner", each)
    world.start_hub()
    world.sync()
    got = world["hue"].do("get", "partner", record, "--json").json()
    equal((got.get("deleted"), got.get("revived")), (True, None), "deleted, and not revived")
    rows = {(row["id"], row["field"]): row for row in outvoted(world["hue"])}
    equal(set(rows), {(each, field) for each in (record, other) for field in ("address", "sectors")}, "rows")
    row = rows[record, "address"]
    equal((row["value"], row["by"], row["winner"]["office"]), ("Hue", "deletion", "headquarters"), "the row")
    equal(world["hue"].status()["outvoted"], 4, "in hue's status")
    equal(outvoted(world["da-nang"]), [], "da-nang lost nothing")
    check(f"undelete partner {record}" in world["hue"].do("outvoted").out, "the way back")
    world["hue"].do("verify")
    world["hue"].do("undelete", "partner", record)
    world.sync()
    equal(fields(world.hub, "partner", record)["address"], "Hue", "the address is back")
    world["hue"].do("outvoted", "dismiss", "partner", other, "sectors")
    row, = outvoted(world["hue"])
    equal((row["id"], row["field"]), (other, "address"), "what is left")
    purge = ("purge", "--purge-after", "0", "--json")
    wait_until(lambda: world.sync() or world.hub.do(*purge).json()["purged"] == 1, PURGED_S, "it is purged")
    world.sync()
    world["hue"].do("get", "partner", other, status=1)
    row, = outvoted(world["hue"])
    equal((row["id"], row["value"], row["by"]), (other, "Hue", "purge"), "after the purge")
    check("outvoted dismiss" in world["hue"].do("outvoted").out, "for people")
    world["hue"].do("outvoted", "dismiss", "partner", other, "address")
    equal((outvoted(world["hue"]), world["hue"].status()["outvoted"]), ([], 0), "dismissed")


def test_erased_of_what_a_deletion_took(bench):
    world, record = start(bench)
    apply_catalog(bench, world, DELETE_WINS)
    world.hub.stop()
    world["hue"].do("set", "partner", record, "address=Hue")
    world["da-nang"].do("delete", "partner", record)
    world.start_hub()
    world.sync()
    row, = outvoted(world["hue"])
    equal(row["winner"]["office"], "da-nang", "who deleted it")
    world.hub.do("erase", "partner", record, "--reason", "case 1")
    world.sync()
    wait_until(lambda: outvoted(world["hue"]) == [], SOON_S, "the erased value is not kept")


def test_a_deletion_was_overruled(bench):
    world, record = start(bench)
    world.hub.stop()
    world["hue"].do("delete", "partner", record)
    world["da-nang"].do("set", "partner", record, "address=Da Nang")
    world.start_hub()
    world.sync()
    check(world["hue"].do("get", "partner", record, "--json").json().get("revived"), "it is revived")
    row, = outvoted(world["hue"])
    equal((row["field"], row["value"], row["by"], row["winner"]["office"]),
          ("deleted", None, "edit", "da-nang"), "the row")
    equal(outvoted(world["da-nang"]), [], "da-nang lost nothing")
    check(f"delete partner {record}" in world["hue"].do("outvoted").out, "the way back")
    world["da-nang"].do("set", "partner", record, "address=Hai Chau")  # which settles it
    world.sync()
    row, = outvoted(world["hue"])
    equal(row["by"], "edit", "still told")
    world["hue"].do("outvoted", "take-back", "partner", record, "deleted")
    world.sync()
    check(world.hub.do("get", "partner", record, "--json").json().get("deleted"), "deleted again")
    equal(outvoted(world["hue"]), [], "nothing left")
    other = add(world["hue"], "partner", "name=Two")
    world["hue"].do("delete", "partner", other)
    world["hue"].do("undelete", "partner", other)
    world.sync()
    equal(outvoted(world["hue"]), [], "its own change of mind")


def test_a_field_reads_all_from_now_on(bench):
    """Where all values are read, or none any more, nothing stands outvoted; what was replaced is told."""
    world, one = start(bench)
    other = add(world["hue"], "partner", "name=Two")
    world.sync()
    apart(world, one, hue="address=Hue", da_nang="address=Da Nang")
    apart(world, one, hue="website=https://hue.vn", da_nang="website=https://da-nang.vn")
    apart(world, other, hue="address=Hue", da_nang="address=Da Nang")
    world.hub.do("set", "partner", other, "address=Ha Noi")
    world.sync()
    equal(sorted((row["id"], row["by"]) for row in outvoted(world["hue"])),
          sorted([(one, "rule"), (one, "rule"), (other, "person")]), "before")
    apply_catalog(bench, world, ("{number: 23, name: address,", " policy: union,"),
                  ("{number: 24, name: website,", " retired: true,"))
    row, = outvoted(world["hue"])
    equal((row["id"], row["by"], world["hue"].status()["outvoted"]), (other, "person", 1), "after")
    world["hue"].do("outvoted", "take-back", "partner", other, "address")
    equal(sorted(fields(world["hue"], "partner", other)["address"]), ["Ha Noi", "Hue"], "taken back")
    equal(outvoted(world["hue"]), [], "nothing left")
    world.sync()


if __name__ == "__main__":
    main(globals())
