#!/usr/bin/env python3
"""Conflicts are listed open and settled, by type, office and age, and settled with a note anywhere."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from federation import Federation, add, apart, fields
from hopnhat_test import check, equal, main


def start(bench, *codes):
    world = Federation(bench, *codes)
    record = add(world[codes[0]], "partner", "name=One", "status=prospect")
    world.sync()
    return world, record


def conflicts(daemon, *arguments):
    return daemon.do("conflicts", "--json", *arguments).lines()


def ids_of(rows):
    return sorted(row["id"] for row in rows)


def resolve(daemon, record, field, *arguments, type_name="partner"):
    daemon.do("resolve", type_name, record, field, *arguments)


def test_a_conflict_from_open_to_settled(bench):
    world, record = start(bench, "hue", "da-nang")
    apart(world, record, hue="status=active", da_nang="status=dormant")
    for daemon in (world.hub, world["hue"], world["da-nang"]):
        row, = conflicts(daemon)
        equal((row["state"], row["field"], row["policy"], row["title"]), ("open", "status", "REVIEW", "One"),
              f"the row at {daemon.name}")
        equal([(value["take"], value["value"], value["office"]) for value in row["values"]],
              [(1, "active", "hue"), (2, "dormant", "da-nang")], f"its values at {daemon.name}")
        equal(daemon.status()["conflicts_open"], 1, f"counted at {daemon.name}")
    world["hue"].stop()  # an office settles it without the hub
    resolve(world["hue"], record, "status", "--take", "1", "--note", "called them")
    equal(conflicts(world["hue"]), [], "at hue at once")
    world["hue"].start()
    world.sync()
    equal(conflicts(world.hub), [], "no more at the hub")
    row, = conflicts(world.hub, "--settled")
    equal((row["state"], row["note"], row["settled"]["office"], row["settled"]["value"]),
          ("settled", "called them", "hue", "active"), "how it was settled")
    equal([(value["value"], value["office"]) for value in row["values"]],
          [("active", "hue"), ("dormant", "da-nang")], "what stood there")
    check(all(value["author"] for value in row["values"]), f"and who wrote it: {row}")
    equal(conflicts(world.hub, "--all"), [row], "all of them")
    newest, = world["da-nang"].do("history", "partner", record, "--json", "--limit", "1").lines()
    equal(newest["note"], "called them", "in the history")
    text = world.hub.do("conflicts", "--settled").out
    check("note: called them" in text and 'by hue' in text, f"for people: {text!r}")
    world["da-nang"].do("conflicts", "--settled", status=1)
    world.hub.do("conflicts", "--settled", "--all", status=2)
    world.hub.do("verify")


def test_a_field_that_reads_cleared_is_shown_as_open(bench):
    world, record = start(bench, "hue", "da-nang")
    apart(world, record, hue="status=active", da_nang="status=")
    for daemon in (world.hub, world["hue"]):
        shown = [line.split() for line in daemon.do("get", "partner", record).out.splitlines()]
        check(["status", "(cleared)", "(open", "conflict)"] in shown, f"at {daemon.name}: {shown}")


def test_a_note_does_not_command_the_terminal(bench):
    world, record = start(bench, "hue", "da-nang")
    apart(world, record, hue="status=active", da_nang="status=dormant")
    world["hue"].machine = {"HOPNHAT_AUTHOR": "an\x1b[31m"}
    resolve(world["hue"], record, "status", "--take", "1", "--note", "two\nlines\x1b[2J\x9b1m")
    world.sync()
    for command in (("conflicts", "--settled"), ("history", "partner", record)):
        text = world.hub.do(*command).out
        check("two\nlines [2J 1m" in text and "an [31m" in text, f"{command[0]}: {text!r}")
    equal(conflicts(world.hub, "--settled")[0]["note"], "two\nlines\x1b[2J\x9b1m", "for programs as it came")


def test_two_offices_settle_differently(bench):
    world, record = start(bench, "hue", "da-nang")
    apart(world, record, hue="status=active", da_nang="status=dormant")
    world.hub.stop()
    resolve(world["hue"], record, "status", "--take", "1", "--note", "of hue")
    resolve(world["da-nang"], record, "status", "--value", "ended", "--note", "of da-nang")
    world.start_hub()
    world.sync()
    for daemon in (world.hub, world["hue"], world["da-nang"]):
        row, = conflicts(daemon)
        equal({(value["value"], value["office"]) for value in row["values"]},
              {("active", "hue"), ("ended", "da-nang")}, f"again a conflict at {daemon.name}")
    take, = [value["take"] for value in conflicts(world.hub)[0]["values"] if value["value"] == "ended"]
    resolve(world.hub, record, "status", "--take", str(take), "--note", "the last word")
    world.sync()
    for daemon in (world.hub, world["hue"], world["da-nang"]):
        equal((fields(daemon, "partner", record)["status"], conflicts(daemon)), ("ended", []), "settled")
    rows = conflicts(world.hub, "--settled")
    equal(rows[-1]["note"], "the last word", "the journal")


def test_lists_by_type_office_and_age(bench):
    world, record = start(bench, "hue", "da-nang", "ha-noi")
    second = add(world["hue"], "partner", "name=Two", "status=prospect")
    project = add(world["hue"], "aid_project", "title=Three", "approval_no=1", "committed_usd=100")
    world.sync()
    apart(world, record, hue="status=active", da_nang="status=dormant")
    apart(world, second, hue="status=active", ha_noi="status=dormant")
    world.hub.stop()
    world["hue"].do("set", "aid_project", project, "approval_no=2", "committed_usd=200")
    world.hub.do("set", "aid_project", project, "approval_no=2", "committed_usd=300")
    world.start_hub()
    world.sync()
    for daemon in (world.hub, world["hue"]):
        equal(ids_of(conflicts(daemon)), sorted([record, second, project, project]), f"all at {daemon.name}")
        equal(ids_of(conflicts(daemon, "--type", "partner")), sorted([record, second]), "by type")
        equal(ids_of(conflicts(daemon, "--office", "ha-noi")), [second], "by office")
        equal(ids_of(conflicts(daemon, "--office", "headquarters")), [project, project], "of headquarters")
        told = daemon.do("conflicts", "--office", "nope", status=1).err
        check("there is no office nope" in told, f"a wrong office: {told}")
        equal(conflicts(daemon, "--older-than", "1h"), [], "none is that old")
        equal(len(conflicts(daemon, "--older-than", "0s")), 4, "by age")
        equal({row["field"] for row in conflicts(daemon, "--type", "aid_project")},
              {"approval_no", "committed_usd"}, "a unit is in conflict together")
        daemon.do("conflicts", "--older-than", "long", status=1)
        daemon.do("conflicts", "--type", "bogus", status=1)
    resolve(world["hue"], project, "committed_usd", "--take", "1", type_name="aid_project")
    world.sync()
    equal(conflicts(world.hub, "--type", "aid_project"), [], "and settled together")
    got = fields(world.hub, "aid_project", project)
    check((got["approval_no"], got["committed_usd"]) in (("2", "200"), ("2", "300")), f"one writing: {got}")


def test_a_deleted_record_is_not_in_conflict(bench):
    world, record = start(bench, "hue", "da-nang")
    apart(world, record, hue="status=active", da_nang="status=dormant")
    world["hue"].do("delete", "partner", record)
    world.sync()
    for daemon in (world.hub, world["hue"], world["da-nang"]):
        equal((conflicts(daemon), daemon.status()["conflicts_open"]), ([], 0), f"deleted, at {daemon.name}")
    row, = conflicts(world.hub, "--all")
    equal(row["state"], "deleted", "kept in the journal")
    world.hub.do("verify")
    world["hue"].do("set", "partner", record, "address=Hue")  # and it is back
    world.sync()
    for daemon in (world.hub, world["hue"], world["da-nang"]):
        equal((len(conflicts(daemon)), daemon.status()["conflicts_open"]), (1, 1), f"back, at {daemon.name}")
    world.hub.do("verify")


def test_what_is_read_by_rule_is_in_the_journal(bench):
    world, record = start(bench, "hue", "da-nang")
    apart(world, record, hue="address=Hue", da_nang="address=DaNang")
    equal(conflicts(world.hub), [], "nothing for a person")
    row, = conflicts(world.hub, "--all")
    equal((row["state"], row["policy"]), ("by_rule", "LATEST"), "by rule")
    equal([(value["value"], value["chosen"]) for value in row["values"]],
          [("Hue", False), ("DaNang", True)], "which one")
    world["hue"].do("set", "partner", record, "address=Both")
    world.sync()
    row, = conflicts(world.hub, "--settled")
    equal((row["settled"]["office"], row["settled"]["value"]), ("hue", "Both"),
          "by who saw them")


if __name__ == "__main__":
    main(globals())
