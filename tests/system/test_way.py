#!/usr/bin/env python3
"""The whole way with real processes: what one office writes reaches headquarters and the others."""
import os
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from federation import Federation, add, comparable, fields, ids, sees  # noqa: E402
from hopnhat_test import SOON_S, check, equal, main, wait_until  # noqa: E402


def test_an_edit_reaches_the_hub_and_the_other_office(bench):
    world = Federation(bench, "da-nang", "hue")
    record = add(world["hue"], "partner", "name=Room to Read", "country=us", "sectors=education",
                 "committed_usd=1.234.567,5", "status=active")
    sees(world.hub, "partner", record, "name", "Room to Read")
    sees(world["da-nang"], "partner", record, "name", "Room to Read")
    world.sync()
    wanted = comparable(world["hue"].record("partner", record))
    equal(wanted["fields"]["committed_usd"], "1234567.5", "the amount")
    equal(wanted["fields"]["country"], "US", "the country")
    equal(wanted["owner"], "hue", "the owner")
    equal(comparable(world["da-nang"].record("partner", record)), wanted, "what da-nang shows")
    equal(comparable(world.hub.record("partner", record)), wanted, "what the hub shows")
    world["da-nang"].do("set", "partner", record, "address=12 Bạch Đằng", "sectors+=health")
    sees(world["hue"], "partner", record, "address", "12 Bạch Đằng")
    world.hub.do("set", "partner", record, "website=https://example.org")
    sees(world["hue"], "partner", record, "website", "https://example.org")
    world.sync()
    equal(fields(world.hub, "partner", record), fields(world["hue"], "partner", record), "the fields")
    equal(fields(world.hub, "partner", record)["sectors"], ["education", "health"], "the set")


def test_deletion_and_return(bench):
    world = Federation(bench, "da-nang", "hue")
    record = add(world["hue"], "partner", "name=Plan")
    world.sync()
    world["da-nang"].do("delete", "partner", record)
    world.sync()
    for daemon in (world.hub, world["hue"], world["da-nang"]):
        equal(ids(daemon, "partner"), [], f"{daemon.name}'s list")
        equal(ids(daemon, "partner", "--deleted"), [record], f"{daemon.name}'s list with deleted ones")
        check(daemon.record("partner", record)["deleted"], f"{daemon.name} shows the deletion")
    world["hue"].do("set", "partner", record, "name=Plan International")
    world.sync()
    equal(ids(world["da-nang"], "partner"), [record], "it is back")


def test_concurrent_edits_become_a_conflict(bench):
    world = Federation(bench, "da-nang", "hue")
    one = add(world["hue"], "partner", "name=One", "status=prospect")
    two = add(world["hue"], "partner", "name=Two")
    world.sync()
    world.hub.stop()
    world["hue"].do("set", "partner", one, "status=active")
    world["da-nang"].do("set", "partner", one, "status=dormant")
    world["hue"].do("set", "partner", two, "address=Huế")
    world["da-nang"].do("set", "partner", two, "website=https://example.org")
    equal(world["hue"].do("conflicts", "--json").lines(), [], "nobody knows of it yet")
    world.start_hub()
    world.sync()
    for daemon in (world.hub, world["hue"], world["da-nang"]):
        equal(daemon.record("partner", one)["open"], ["status"], f"{daemon.name}'s open fields of One")
        equal(daemon.record("partner", two)["open"], [], f"{daemon.name}'s open fields of Two")
        equal(daemon.status()["conflicts_open"], 1, f"{daemon.name} counts")
        found = daemon.do("conflicts", "--json").lines()
        equal([(c["id"], c["field"]) for c in found], [(one, "status")], f"{daemon.name}'s conflicts")
        equal(sorted(v["value"] for v in found[0]["values"]), ["active", "dormant"], "the values")
    two_fields = fields(world.hub, "partner", two)
    equal((two_fields["address"], two_fields["website"]), ("Huế", "https://example.org"), "both edits of Two")
    offices = {v["value"]: v["office"] for v in world.hub.do("conflicts", "--json").lines()[0]["values"]}
    equal(offices, {"active": "hue", "dormant": "da-nang"}, "who wrote what, at the hub")
    take = next(v["take"] for v in world["da-nang"].do("conflicts", "--json").lines()[0]["values"]
                if v["value"] == "active")
    world["da-nang"].do("resolve", "partner", one, "status", "--take", str(take))
    world.sync()
    for daemon in (world.hub, world["hue"], world["da-nang"]):
        equal(daemon.do("conflicts", "--json").lines(), [], f"{daemon.name}'s conflicts")
        equal(fields(daemon, "partner", one)["status"], "active", f"{daemon.name}'s status of One")


def test_what_was_seen_is_what_is_superseded(bench):
    world = Federation(bench, "da-nang", "hue")
    record = add(world["hue"], "partner", "name=One", "status=prospect")
    world.sync()
    seen = world["da-nang"].record("partner", record)["token"]
    world["hue"].do("set", "partner", record, "status=active")
    world.sync()
    world["da-nang"].do("set", "partner", record, "status=ended", "--seen", seen)
    world.sync()
    equal(world.hub.record("partner", record)["open"], ["status"], "both stand side by side")
    world["da-nang"].do("resolve", "partner", record, "status", "--value", "dormant")
    world.sync()
    equal(fields(world["hue"], "partner", record)["status"], "dormant", "the settled value")


def test_work_goes_on_while_the_hub_is_away(bench):
    world = Federation(bench, "da-nang", "hue")
    world.sync()
    world.hub.kill()
    failed = world["hue"].do("sync", "--wait", "--timeout", "2", status=1, deadline_s=SOON_S)
    check("hub" in failed.err, f"it says why: {failed.err!r}")
    records = [add(world["hue"], "partner", f"name=Partner {i}") for i in range(20)]
    status = wait_until(lambda: (now := world["hue"].status())["hub_online"] is False and now, SOON_S,
                        "hue knows that the hub is away")
    equal((status["pending"], status["caught_up"]), (20, False), "the status")
    world["hue"].do("sync", "--wait", "--timeout", "1", status=1)
    world["hue"].stop()  # the agent may go away too
    records.append(add(world["hue"], "partner", "name=without a daemon"))
    world["hue"].start()
    world.start_hub()
    world.sync()
    for daemon in (world.hub, world["da-nang"]):
        equal(ids(daemon, "partner"), sorted(records), f"{daemon.name}'s partners")


def test_sync_without_a_daemon(bench):
    world = Federation(bench, "da-nang", "hue")
    world["hue"].stop()
    record = add(world["hue"], "partner", "name=One")
    status = world["hue"].do("sync", "--wait", "--json").json()
    equal((status["pending"], status["caught_up"], status["office"]), (0, True, "hue"), "the status")
    check(not world["hue"].listens(), "its daemon is gone again")
    sees(world["da-nang"], "partner", record, "name", "One")


def test_commands_at_the_same_time_wait_for_each_other(bench):
    """Twelve writers on a store that no daemon holds, and a daemon that starts among them."""
    world = Federation(bench, "hue")
    world["hue"].stop()
    results = []
    writers = [threading.Thread(target=lambda i=i: results.append(
        world["hue"].call("add", "partner", f"name=Partner {i}"))) for i in range(12)]
    for writer in writers:
        writer.start()
    world["hue"].start()
    for writer in writers:
        writer.join()
    for result in results:
        equal(result.status, 0, result.describe())
    world.sync()
    equal(ids(world.hub, "partner"), sorted(result.out.strip() for result in results), "the hub's partners")


def test_groups_hold_back_what_is_not_for_all(bench):
    groups = {"da-nang": ["cluster:1"], "hue": ["cluster:2"], "quang-tri": ["cluster:2", "network:laos"]}
    world = Federation(bench, "da-nang", "hue", "quang-tri", groups=groups)
    private = add(world["hue"], "officer", "full_name=Trần Thị Lan")
    cluster = add(world["hue"], "partner", "name=For the cluster", "group=cluster:2")
    world.sync()
    equal(ids(world.hub, "officer"), [private], "the hub has it")
    equal(world["hue"].record("officer", private)["group"], "office:hue", "its group")
    equal(ids(world["quang-tri"], "officer"), [], "another office has not")
    equal(ids(world["quang-tri"], "partner"), [cluster], "the cluster's record is there")
    equal(ids(world["da-nang"], "partner"), [], "and nowhere else")
    world["hue"].do("set", "partner", cluster, "group=everyone")
    sees(world["da-nang"], "partner", cluster, "name", "For the cluster")
    world["hue"].do("set", "partner", cluster, "group=office:hue")
    wait_until(lambda: ids(world["quang-tri"], "partner") == [], SOON_S, "it leaves the cluster")
    world.sync()
    equal(ids(world["da-nang"], "partner"), [], "it left the others")
    world.hub.do("office", "set", "da-nang", "--group", "cluster:2")
    late = add(world["quang-tri"], "partner", "name=Later", "group=cluster:2")
    sees(world["da-nang"], "partner", late, "name", "Later")
    world.sync()
    world["da-nang"].do("add", "partner", "name=x", "group=network:laos", status=1)


def test_what_headquarters_refuses_comes_back(bench):
    """An office that lost a group while it was offline writes into it: the change is refused, the draft falls
    back, and both sides can see why."""
    world = Federation(bench, "da-nang", "hue", groups={"hue": ["cluster:2"]})
    world.sync()
    world.hub.stop()
    refused = add(world["hue"], "partner", "name=Refused", "group=cluster:2")
    kept = add(world["hue"], "partner", "name=Kept")
    world.hub.do("office", "set", "hue", "--remove-group", "cluster:2")
    world.start_hub()
    world.sync()
    found = world["hue"].do("rejected", "--json").lines()
    equal([entry["reason"] for entry in found], ["REFUSED_RIGHTS"], "what is rejected")
    equal(found[0]["edits"][0]["id"], refused, "the record")
    equal(ids(world["hue"], "partner"), [kept], "the draft fell back")
    equal(ids(world.hub, "partner"), [kept], "the hub's partners")
    held = world.hub.do("quarantine", "list", "--json").lines()
    equal([(one["office"], one["reason"]) for one in held], [("hue", "REFUSED_RIGHTS")], "the quarantine")
    name = f"{held[0]['replica']}.{held[0]['seq']}"
    shown = world.hub.do("quarantine", "show", name, "--json").json()
    equal(shown["edits"][0]["id"], refused, "the change in quarantine")
    equal(world["hue"].status()["refused"], 1, "the agent counts it")


def test_an_installation_may_be_one_of_several(bench):
    world = Federation(bench, "hue")
    world.join("hue", "hue-second")
    record = add(world["hue"], "officer", "full_name=Trần Thị Lan")
    sees(world["hue-second"], "officer", record, "full_name", "Trần Thị Lan")
    world["hue-second"].do("set", "officer", record, "role=Chủ tịch")
    world.sync()
    equal(fields(world["hue"], "officer", record)["role"], "Chủ tịch", "the role")


def test_thousands_of_records_reach_a_new_office(bench):
    world = Federation(bench, "hue", "da-nang")
    world["hue"].stop()
    for i in range(300):
        add(world["hue"], "partner", f"name=Partner {i}", f"notes=note {i}", "sectors=a", "sectors=b")
    world["hue"].start()
    world.sync()
    world.add_office("late")
    world.join("late")
    world.sync()
    wanted = {record["id"]: comparable(record) for record in world.hub.records("partner")}
    equal(len(wanted), 300, "the hub's partners")
    for name in ("late", "da-nang", "hue"):
        got = {record["id"]: comparable(record) for record in world[name].records("partner")}
        equal(got, wanted, f"partners of {name}")


if __name__ == "__main__":
    main(globals())
