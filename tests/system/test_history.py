#!/usr/bin/env python3
"""Who changed a record, and how it was: at the hub, in an office from the hub, and without it."""
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from federation import Federation, add, call_http, comparable, fields
from hopnhat_test import SOON_S, check, equal, main, wait_until

NOBODY = "00000000-0000-7000-8000-000000000000"


def history(daemon, record, *arguments, type_name="partner"):
    return daemon.do("history", type_name, record, *arguments, "--json").lines()


def as_author(world, office, author, *arguments):
    daemon = world[office]
    result = world.bench.run([daemon.program, *arguments],
                             environment={"HOPNHAT_DATA": daemon.data, "HOPNHAT_AUTHOR": author})
    equal(result.status, 0, f"status of {arguments}: {result.err!r}")
    return result


def op(change, field):
    return next(one for one in change["fields"] if one["field"] == field)


def olds(change, field):
    return [old["value"] for old in op(change, field)["superseded"]]


def now():
    """The moment, and a second later, so that what follows has another one."""
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    wait_until(lambda: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()) != moment, SOON_S,
               "a second")
    return moment


def test_who_when_and_what(bench):
    world = Federation(bench, "hue", "da-nang")
    record = as_author(world, "hue", "lan", "add", "partner", "name=One", "status=prospect").out.strip()
    world.sync()
    as_author(world, "da-nang", "minh", "set", "partner", record, "status=active", "sectors+=health")
    world.sync()
    world.hub.do("set", "partner", record, "name=Two", "sectors-=health")
    world.sync()
    as_author(world, "hue", "lan", "delete", "partner", record)
    as_author(world, "hue", "lan", "set", "partner", record, "notes+=back")
    world.sync()
    for daemon in (world.hub, world["hue"], world["da-nang"]):
        back, deletion, head, middle, first = history(daemon, record)
        equal((first["office"], first["author"]), ("hue", "lan"), "who made it")
        equal((middle["office"], middle["author"]), ("da-nang", "minh"), "who changed it")
        equal(head["office"], "headquarters", "headquarters")
        equal(op(first, "name")["value"], "One", "the first name")
        equal((op(middle, "status")["value"], olds(middle, "status")), ("active", ["prospect"]), "the status")
        equal(op(middle, "status")["superseded"][0]["office"], "hue", "whose status was replaced")
        equal((op(head, "name")["value"], olds(head, "name")), ("Two", ["One"]), "the name")
        equal((op(head, "sectors")["operation"], olds(head, "sectors")), ("drop", ["health"]), "the sectors")
        equal(op(deletion, "deleted")["operation"], "put", "the deletion")
        equal(op(back, "deleted")["operation"], "drop", "and back")
        revs = [change["rev"] for change in history(daemon, record)]
        equal(revs, sorted(revs, reverse=True), "newest first")
    text = world["hue"].do("history", "partner", record).out
    for part in ('name: "One" -> "Two"', 'sectors: - "health"', "deleted", "brought back", "lan", "minh"):
        check(part in text, f"{part!r} for people: {text!r}")
    equal(len(history(world.hub, record, "--limit", "2")), 2, "limit")


def test_as_of(bench):
    world = Federation(bench, "hue", "da-nang")
    record = add(world["hue"], "partner", "name=One", "status=prospect", "notes=first")
    world.sync()
    first = (now(), world.hub.record("partner", record))
    world.hub.stop()
    world["hue"].do("set", "partner", record, "status=active", "sectors+=health")
    world["da-nang"].do("set", "partner", record, "status=dormant", "sectors+=education")
    world.start_hub()
    world.sync()
    second = (now(), world.hub.record("partner", record))
    check(second[1]["open"], "the status is in open conflict")
    world["hue"].do("resolve", "partner", record, "status", "--value", "ended")
    world["da-nang"].do("delete", "partner", record)
    world.sync()
    third = (now(), world.hub.record("partner", record))
    for moment, wanted in (first, second, third):
        for daemon in (world.hub, world["hue"], world["da-nang"]):
            got = daemon.do("history", "partner", record, "--as-of", moment, "--json").json()
            equal(got.pop("as_of"), moment, "as of")
            equal(got, comparable(wanted), f"the record as of {moment} at {daemon.name}")
    early = world["hue"].do("history", "partner", record, "--as-of", "2020-01-01", status=1)
    check("not there yet" in early.err, f"too early: {early.err!r}")
    result = world["hue"].do("history", "partner", record, "--as-of", "yesterday", status=1)
    check("as-of" in result.err, f"no moment: {result.err!r}")


def test_without_the_hub(bench):
    world = Federation(bench, "hue", "da-nang")
    record = add(world["hue"], "partner", "name=One")
    world.sync()
    world["da-nang"].do("set", "partner", record, "address=There")
    world.sync()
    world.hub.do("set", "partner", record, "website=https://example.org")
    world.sync()
    world.hub.stop()
    wait_until(lambda: not world["hue"].status()["hub_online"], SOON_S, "hue has noticed")
    world["hue"].do("set", "partner", record, "name=Two", "address=Here", "website=https://two.example.org")
    newest, first = history(world["hue"], record)
    equal((op(newest, "name")["value"], olds(newest, "name")), ("Two", ["One"]), "the newest")
    equal([op(newest, field)["superseded"][0]["office"] for field in ("name", "address", "website")],
          ["hue", "da-nang", "headquarters"], "whose values were replaced")
    check(newest["pending"], "it is pending")
    newest, middle, first = history(world["da-nang"], record)
    equal((newest["office"], op(newest, "website")["value"]), ("headquarters", "https://example.org"), "new")
    equal((middle["office"], op(middle, "address")["value"]), ("da-nang", "There"), "da-nang's own")
    equal((first["office"], op(first, "name")["value"], first["author"]), ("hue", "One", None), "hue's")
    text = world["da-nang"].do("history", "partner", record).out
    check("?" not in text and f"  headquarters  {newest['replica']}" in text, f"for people: {text!r}")
    first = history(world["hue"], record)[-1]
    equal(op(first, "name")["value"], "One", "the first")
    check("hub was not asked" in world["hue"].do("history", "partner", record).out, "it says so")
    result = world["hue"].do("history", "partner", record, "--as-of", "2090-01-01", status=1)
    check("the hub is away" in result.err, f"as of: {result.err!r}")
    world["hue"].stop()
    equal(len(history(world["hue"], record)), 2, "without the daemon")


def test_a_group_knows_only_its_own_time(bench):
    world = Federation(bench, "hue", "da-nang", "vinh", groups={"vinh": ["cluster:1"]})
    record = add(world["hue"], "partner", "name=Secret", "group=office:hue")
    world.sync()
    world["hue"].do("set", "partner", record, "name=Open")
    world.sync()
    before = now()
    world["hue"].do("set", "partner", record, "group=everyone", "address=Here")
    world.sync()
    world["da-nang"].do("set", "partner", record, "name=Newer")
    world.sync()
    newest, move = history(world["da-nang"], record)
    equal(olds(newest, "name"), ["Open"], "what was read when it came")
    equal(op(move, "group")["value"], "everyone", "the move")
    text = world["da-nang"].do("history", "partner", record).out
    check("Secret" not in text and "not this office's to know" in text, f"what was before: {text!r}")
    result = world["da-nang"].do("history", "partner", record, "--as-of", before, status=1)
    check("later" in result.err, f"as of before: {result.err!r}")
    equal(len(history(world["hue"], record)), 4, "the owner knows all")
    equal(len(history(world.hub, record)), 4, "headquarters knows all")
    other = add(world["vinh"], "partner", "name=Cluster", "group=cluster:1")
    world.sync()
    world["hue"].do("history", "partner", other, status=1)
    world["hue"].do("history", "partner", NOBODY, status=1)
    world.hub.do("history", "partner", NOBODY, status=1)
    path = f"/v1/records/partner/{record}/history?before="
    equal(call_http(world.hub, "GET", path + "x")[0], 400, "before")
    equal(call_http(world.hub, "GET", path + "0123456789abcdef.1")[0], 400, "before another's change")


def test_what_a_group_never_saw_is_not_told_by_a_late_change(bench):
    """A second machine of the owner, which did not know that the record moved, names what was replaced."""
    world = Federation(bench, "hue", "da-nang")
    late = world.join("hue", "late")
    record = add(world["hue"], "partner", "name=Known", "address=Secret", "group=office:hue")
    world.sync()
    late.stop()
    late.do("set", "partner", record, "address=Second", "website=w")
    now()
    between = now()
    world["hue"].do("set", "partner", record, "address=Here", "group=everyone")
    world.sync("hue", "da-nang")
    late.start()
    world.sync()
    came, move = history(world["da-nang"], record)
    equal([op(change, "address")["value"] for change in (came, move)], ["Second", "Here"], "what was written")
    text = world["da-nang"].do("history", "partner", record, "--json").out
    check("Secret" not in text, f"what was replaced before: {text!r}")
    result = world["da-nang"].do("history", "partner", record, "--as-of", between, status=1)
    check("later" in result.err, f"as of before: {result.err!r}")
    for daemon in (world["hue"], world.hub):
        equal(olds(history(daemon, record)[0], "address"), ["Secret"], f"{daemon.name} knows all")
        then = daemon.do("history", "partner", record, "--as-of", between).out
        check("Second" in then, f"also as of then: {then!r}")


def test_long_histories_come_in_pages(bench):
    world = Federation(bench, "hue")
    record = add(world["hue"], "partner", "name=0")
    for number in range(1, 131):
        status, _ = call_http(world["hue"], "PATCH", f"/v1/records/partner/{record}",
                              f'{{"set":{{"name":"{number}"}}}}'.encode())
        equal(status, 200, "an edit")
    world.sync()
    for daemon in (world.hub, world["hue"]):
        names = [op(change, "name")["value"] for change in history(daemon, record)]
        equal(names, [str(number) for number in range(130, -1, -1)], f"names at {daemon.name}")
    equal(fields(world.hub, "partner", record)["name"], "130", "the name")


def test_released_changes_are_in_it(bench):
    world = Federation(bench, "hue", "da-nang", groups={"hue": ["cluster:1"], "da-nang": ["cluster:1"]})
    record = add(world["hue"], "partner", "name=One", "address=Old", "group=cluster:1")
    world.sync()
    world.hub.stop()
    world.hub.do("office", "set", "da-nang", "--remove-group", "cluster:1")
    world["da-nang"].do("set", "partner", record, "address=New")
    world.start_hub()
    world["da-nang"].do("sync", "--wait")
    row = world.hub.do("quarantine", "list", "--json").lines()[0]
    equal(len(history(world.hub, record)), 1, "while it is in quarantine")
    world["hue"].do("set", "partner", record, "name=Two")
    world.sync()
    world.hub.do("office", "set", "da-nang", "--group", "cluster:1")
    world.hub.do("quarantine", "release", f"{row['replica']}.{row['seq']}")
    world.sync()
    released, _, _ = history(world.hub, record)
    equal((released["office"], op(released, "address")["value"]), ("da-nang", "New"), "the released change")
    moment = now()
    got = world.hub.do("history", "partner", record, "--as-of", moment, "--json").json()
    del got["as_of"]
    equal(got, comparable(world.hub.record("partner", record)), "as of now")


if __name__ == "__main__":
    main(globals())
