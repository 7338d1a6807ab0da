#!/usr/bin/env python3
"""A catalog that changes: what may follow the one in force, what may not, and what becomes of the data."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from federation import Federation, add, fields, sees
from hopnhat_test import ROOT, SOON_S, check, equal, main, wait_until


def built_in():
    with open(os.path.join(ROOT, "deploy", "catalog", "vufo.yaml"), encoding="utf-8") as file:
        return file.read()


def altered(bench, *changes, name="new.yaml", version=2):
    """The built-in catalog with texts replaced: the file's path."""
    text = built_in()
    for old, new in (("version: 1\n", f"version: {version}\n"), *changes):
        check(text.count(old) >= 1, f"the catalog says {old!r}")
        text = text.replace(old, new, 1)
    with open(bench.path(name), "w", encoding="utf-8") as file:
        file.write(text)
    return bench.path(name)


def line_with(path, text):
    with open(path, encoding="utf-8") as file:
        return next(number for number, line in enumerate(file, 1) if text in line and line[0] != "#")


def refused(hub, path, *texts):
    """Both check and apply end with 1 and name each text."""
    version = hub.status()["catalog_version"]
    for verb in ("check", "apply"):
        result = hub.do("catalog", verb, path, status=1)
        for text in texts:
            check(text in result.err, f"{verb} says {text!r}: {result.err!r}")
        check("nothing was changed" in result.err, "nothing was changed")
    equal(hub.status()["catalog_version"], version, "the version in force")


def test_what_is_refused_and_why(bench):
    world = Federation(bench, "hue")
    add(world["hue"], "partner", "name=One", "status=dormant")
    world.sync()
    same = altered(bench, ("name: VUFO", "name: Other"), version=1)
    refused(world.hub, same, f"new.yaml:{line_with(same, 'version: 1')}:", "give it a higher one")
    dormant = "          - {name: dormant, vi: Tạm ngừng, en: Dormant, aliases: [Tạm dừng, Tạm ngưng]}\n"
    gone = altered(bench, (dormant, ""))
    refused(world.hub, gone, "dormant is gone, and 1 records hold it", "retired: true")
    address = "{number: 23, name: address,"
    to_integer = (address + " most_bytes: 2000,", address + " kind: integer,")
    kind = altered(bench, to_integer)
    refused(world.hub, kind, f"new.yaml:{line_with(kind, 'name: address')}:", "was a field of the kind TEXT")
    swapped = altered(bench, ("number: 23, name: address", "number: 24, name: address"),
                      ("number: 24, name: website", "number: 23, name: website"))
    refused(world.hub, swapped, "number 24 of partner is that of website",
            "number 23 of partner is that of address")
    removed = altered(bench, ("      - {number: 30, name: registration_no, most_bytes: 200,", "#"),
                      ("         aliases: [Giấy đăng ký, Số đăng ký,", "#"))
    refused(world.hub, removed, "registration_no (number 30) is gone")
    counter = altered(bench, ("name: committed_usd, kind: decimal, policy: review",
                              "name: committed_usd, kind: decimal, policy: sum"))
    refused(world.hub, counter, "add a field and retire this one")
    both = altered(bench, to_integer, (dormant, ""))
    refused(world.hub, both, "partner.address", "dormant is gone", "has 2 errors")


def test_a_retired_number_is_not_used_again(bench):
    world = Federation(bench, "hue")
    partner = add(world["hue"], "partner", "name=One", "address=5 Le Loi")
    world.sync()
    field = "{number: 23, name: address,"
    world.hub.do("catalog", "apply", altered(bench, (field, field + " retired: true,")))
    mailbox = altered(bench, (field, "{number: 23, name: mailbox,"), version=3)
    refused(world.hub, mailbox, f"new.yaml:{line_with(mailbox, 'name: mailbox')}:",
            "number 23 of partner is that of address, which is retired", "give mailbox a number of its own")
    number = altered(bench, (field + " most_bytes: 2000,", field + " kind: integer,"), version=3)
    refused(world.hub, number, "was a field of the kind TEXT")
    world.hub.do("catalog", "apply", altered(bench, version=3))
    wait_until(lambda: world["hue"].status()["catalog_version"] == 3, SOON_S, "hue has the catalog")
    equal(fields(world["hue"], "partner", partner)["address"], "5 Le Loi", "the address is there again")


def test_another_name_for_the_same_field(bench):
    """A number under another name is refused, until the catalog says that it is the same."""
    world = Federation(bench, "hue")
    partner = add(world["hue"], "partner", "name=One", "address=5 Le Loi")
    world.sync()
    field = ("{number: 23, name: address, most_bytes: 2000, vi: Địa chỉ, en: Address, aliases: [",
             "{number: 23, name: mailbox, most_bytes: 2000, vi: Hộp thư, en: Mailbox, aliases: [")
    renamed = altered(bench, field)
    refused(world.hub, renamed, f"new.yaml:{line_with(renamed, 'name: mailbox')}:",
            "write address among its aliases")
    note = world.hub.do("catalog", "apply", altered(bench, (field[0], field[1] + "address, "))).out
    check("partner.address is called mailbox now" in note, f"the note: {note!r}")
    wait_until(lambda: world["hue"].status()["catalog_version"] == 2, SOON_S, "hue has the catalog")
    equal(fields(world["hue"], "partner", partner)["mailbox"], "5 Le Loi", "under its other name")
    with open(bench.path("old.csv"), "w", encoding="utf-8") as file:
        file.write("name,address\nTwo,6 Le Loi\n")
    world["hue"].do("import", "partner", bench.path("old.csv"))
    rows = world["hue"].do("list", "partner", "--where", "name=Two", "--json").lines()
    equal([row["fields"]["mailbox"] for row in rows], ["6 Le Loi"], "a list under the old heading")


def test_what_is_allowed_arrives_everywhere(bench):
    world = Federation(bench, "hue", "da-nang")
    record = add(world["hue"], "partner", "name=One", "status=active")
    world.sync()
    person = "          - {name: person, vi: Cá nhân, en: Person, aliases: [Individual]}\n"
    address = "      - {number: 23, name: address,"
    path = altered(bench, (person, ""), (address, "      - {number: 90, name: phone, vi: Phone}\n" + address))
    note = world.hub.do("catalog", "check", path).out
    check("person is gone; no record holds it" in note and "may be applied" in note, f"the notes: {note!r}")
    equal(world.hub.status()["catalog_version"], 1, "check changes nothing")
    world.hub.do("catalog", "apply", path)
    wait_until(lambda: world["hue"].status()["catalog_version"] == 2, SOON_S, "hue has the catalog")
    world["hue"].do("set", "partner", record, "phone=0234 1")
    sees(world["da-nang"], "partner", record, "phone", "0234 1")
    world.sync()


def test_what_is_wrong_is_refused_and_what_is_missing_is_told(bench):
    world = Federation(bench, "hue")
    hue = world["hue"]
    for assignments, reason in ((("title=One", "start=2025-02-01", "end=2025-01-31"),
                                 "end: \"2025-01-31\" is before start, which is \"2025-02-01\""),
                                (("start=2025-02-01",), "title is required"),
                                (("title=One", "start=31/2/2025"), "start"),
                                (("title=One", "status=bogus"), "status"),
                                (("title=One", "committed_usd=-1"), "\"-1\" is below 0"),
                                (("title=One", "partner=bogus"), "partner")):
        result = hue.do("add", "aid_project", *assignments, status=1)
        check(reason in result.err, f"{assignments}: {result.err!r}")
    missing = "01a20000-0000-7000-8000-000000000000"
    for daemon in (hue, world.hub):
        result = daemon.do("add", "aid_project", "title=One", f"partner={missing}", "owner=hue", "--json")
        warning, = result.json()["warnings"]
        check(f"there is no partner {missing} here" in warning and warning in result.err,
              f"told: {result.err!r}")
    partner = add(hue, "partner", "name=Two")
    result = hue.do("add", "aid_project", "title=Two", f"partner={partner}", "start=2025-02", "end=2025")
    equal(result.err, "", "nothing to warn of")
    project = result.out.strip()
    result = hue.do("set", "aid_project", project, "end=2024", status=1)
    check("end: \"2024\" is before start" in result.err, f"the start that stands counts: {result.err!r}")
    hue.do("delete", "partner", partner)
    check("is deleted" in hue.do("set", "aid_project", project, f"partner={partner}", "title=Three").err or
          "is deleted" in hue.do("add", "aid_project", "title=Four", f"partner={partner}").err, "told")
    world.sync()


def test_offices_work_on_across_two_versions(bench):
    """hue is away while headquarters hands out versions 2 and 3, and writes under version 1."""
    world = Federation(bench, "hue", "da-nang")
    record = add(world["hue"], "partner", "name=One", "status=prospect")
    world.sync()
    world["hue"].stop()
    field = "      - {number: 23, name: address,"
    second = altered(bench, (field, "      - {number: 90, name: phone, vi: Phone}\n" + field))
    third = altered(bench, (field, "      - {number: 90, name: phone, vi: Phone}\n"
                                   "      - {number: 91, name: fax, vi: Fax}\n" + field),
                    ("  - number: 17\n", "  - {number: 90, name: visit, audience: everyone, write: any,\n"
                     "     fields: [{number: 16, name: topic, required: true, vi: Topic}]}\n"
                     "  - number: 17\n"),
                    name="third.yaml", version=3)
    for path, assignment in ((second, "phone=0236 1"), (third, "fax=0236 2")):
        world.hub.do("catalog", "apply", path)
        world.sync("da-nang")
        world["da-nang"].do("set", "partner", record, assignment)
    visit = add(world["da-nang"], "visit", "topic=Hue")
    world["hue"].do("set", "partner", record, "address=Hue", "status=active")
    mine = add(world["hue"], "partner", "name=Two")
    equal(world["hue"].status()["catalog_version"], 1, "hue's")
    world["da-nang"].do("sync", "--wait")
    world["hue"].start()
    world.sync()
    for daemon in (world.hub, world["hue"], world["da-nang"]):
        got = fields(daemon, "partner", record)
        equal([got[name] for name in ("phone", "fax", "address", "status")],
              ["0236 1", "0236 2", "Hue", "active"], f"both at {daemon.name}")
        equal(fields(daemon, "visit", visit)["topic"], "Hue", f"the new type at {daemon.name}")
        equal(fields(daemon, "partner", mine)["name"], "Two", f"made under version 1, at {daemon.name}")
        equal(daemon.status()["catalog_version"], 3, f"the version at {daemon.name}")
    equal(world["hue"].status()["refused"], 0, "nothing was refused")


def test_what_was_right_before_the_catalog_came_is_taken(bench):
    """hue is away while a set becomes a field of one value, and another field is required."""
    world = Federation(bench, "hue", "da-nang")
    record = add(world["hue"], "partner", "name=One", "sectors+=health", "sectors+=water")
    world.sync()
    world["hue"].stop()
    world["hue"].do("set", "partner", record, "sectors-=water", "address=Hue")
    mine = add(world["hue"], "partner", "name=Two")
    world.hub.do("catalog", "apply", altered(
        bench, ("name: sectors, policy: union,", "name: sectors, policy: review,"),
        ("name: website,", "name: website, required: true,")))
    row, = world.hub.do("conflicts", "--json").lines()
    equal(row["field"], "sectors", "open since the set is read as one value")
    world["hue"].start()
    world.sync()
    for daemon in (world.hub, world["hue"], world["da-nang"]):
        got = fields(daemon, "partner", record)
        equal((got["sectors"], got["address"]), ("health", "Hue"), f"what hue did, at {daemon.name}")
        equal(fields(daemon, "partner", mine)["name"], "Two", f"the new one at {daemon.name}")
    equal(world.hub.do("conflicts").out, "", "the one that is left was settled by who removed the other")
    equal((world["hue"].status()["refused"], world.hub.status()["quarantined"]), (0, 0), "refused")
    result = world["hue"].do("add", "partner", "name=Three", status=1)
    check("website is required" in result.err, f"now that hue knows: {result.err!r}")


def test_an_office_is_ahead_of_the_hub(bench):
    """The hub comes back from before version 2; an office goes on under it."""
    world = Federation(bench, "hue", "da-nang")
    record = add(world["hue"], "partner", "name=One")
    world.sync()
    backup = bench.path("hub.backup")
    world.hub.do("backup", backup)
    field = "      - {number: 23, name: address,"
    world.hub.do("catalog", "apply",
                 altered(bench, (field, "      - {number: 90, name: phone, vi: Phone}\n" + field)))
    world.sync()
    world["hue"].do("set", "partner", record, "phone=0234 1")
    world.sync()
    world["hue"].stop()
    world["da-nang"].stop()
    world["hue"].do("set", "partner", record, "phone=0234 2")
    world.hub.stop()
    bench.run(["rm", "-r", world.hub.data])
    world.hub.do("restore", backup)
    world.start_hub()
    equal(world.hub.status()["catalog_version"], 1, "as of the backup")
    world["hue"].start()
    world["da-nang"].start()
    world.sync()
    for daemon in (world.hub, world["hue"], world["da-nang"]):
        equal(daemon.status()["catalog_version"], 2, f"it is back at {daemon.name}")
        equal(fields(daemon, "partner", record)["phone"], "0234 2", f"written under it, at {daemon.name}")


def side_by_side(world, *assignments):
    """A record in which hue and da-nang wrote each its assignment without seeing the other's."""
    record = add(world["hue"], "partner", "name=One", "status=active")
    world.sync()
    world.hub.stop()
    for office, assignment in zip(("hue", "da-nang"), assignments):
        world[office].do("set", "partner", record, assignment)
    world.start_hub()
    world.sync()
    return record


def test_a_policy_changes_and_bags_are_read_anew(bench):
    world = Federation(bench, "hue", "da-nang")
    status = side_by_side(world, "status=dormant", "status=ended")
    address = side_by_side(world, "address=Here", "address=There")
    sectors = side_by_side(world, "sectors+=health", "sectors+=education")
    equal(world.hub.status()["conflicts_open"], 1, "open before")
    path = altered(bench, ("        policy: review\n", "        policy: latest\n"),
                   ("{number: 23, name: address,", "{number: 23, name: address, policy: review,"),
                   ("name: sectors, policy: union,", "name: sectors, policy: review,"))
    world.hub.do("catalog", "apply", path)
    equal(world.hub.status()["conflicts_open"], 2, "open after")
    world.sync()
    for daemon in (world.hub, world["hue"], world["da-nang"]):
        found = {(row["id"], row["field"]) for row in daemon.do("conflicts", "--json").lines()}
        equal(found, {(address, "address"), (sectors, "sectors")}, f"open conflicts of {daemon.name}")
        equal(daemon.status()["conflicts_open"], 2, f"conflicts_open of {daemon.name}")
        check(isinstance(fields(daemon, "partner", sectors)["sectors"], str), "one sector is read")
        equal(daemon.record("partner", status).get("open", []), [], "status is settled by rule")
    rows = world.hub.do("conflicts", "--all", "--json").lines()
    noted = {(row["id"], row["field"]): row["note"] for row in rows if "note" in row}
    said = "read by {} no more, but by {}, since version 2 of the catalog".format
    equal(noted, {(status, "status"): said("REVIEW", "LATEST"),
                  (address, "address"): said("LATEST", "REVIEW")}, "what the journal says")
    back = altered(bench, ("name: VUFO", "name: VUFO again"), name="back.yaml", version=3)
    world.hub.do("catalog", "apply", back)
    world.sync()
    for daemon in (world.hub, world["hue"], world["da-nang"]):
        found = {(row["id"], row["field"]) for row in daemon.do("conflicts", "--json").lines()}
        equal(found, {(status, "status")}, f"open conflicts of {daemon.name} again")
        equal(sorted(fields(daemon, "partner", sectors)["sectors"]), ["education", "health"], "all are read")


def same_open(world, expected, when):
    """Hub and offices list the same, each with values to take, and count it."""
    for daemon in (world.hub, world["hue"], world["da-nang"]):
        rows = daemon.do("conflicts", "--json").lines()
        found = {(row["id"], row["field"]) for row in rows}
        equal(found, expected, f"open conflicts of {daemon.name}, {when}")
        equal(daemon.status()["conflicts_open"], len(expected), f"conflicts_open of {daemon.name}, {when}")
        for row in rows:
            check(len(row["values"]) > 1 and row["opened"] > "2000", f"what is open in {row}")


def test_retired_fields_units_and_deletions_are_read_anew(bench):
    """The list of what is open is the same at the hub and in the offices, whatever a catalog alters."""
    world = Federation(bench, "hue", "da-nang")
    record = side_by_side(world, "status=dormant", "status=ended")
    gone = add(world["hue"], "partner", "name=Gone", "address=Somewhere")
    world.sync()
    world.hub.stop()
    world.hub.do("delete", "partner", gone)
    world["hue"].do("set", "partner", gone, "status=dormant")
    world["da-nang"].do("set", "partner", gone, "status=ended")
    world.start_hub()
    world.sync()
    both, alone = {(record, "status"), (gone, "status")}, {(record, "status")}
    same_open(world, both, "before")
    wins = ("    title: name\n", "    title: name\n    deletion: delete_wins\n")
    retired = ("        policy: review\n", "        policy: review\n        retired: true\n")
    unit = ("{number: 23, name: address,", "{number: 23, name: address, unit: where,")
    fax = ("      - {number: 23, name: address,",
           "      - {number: 99, name: fax, unit: where}\n      - {number: 23, name: address,")
    steps = (((wins,), alone), ((), both), ((retired,), set()), ((), both), ((fax, unit), both))
    for version, (changes, expected) in enumerate(steps, 2):
        path = altered(bench, *changes, version=version)
        note = world.hub.do("catalog", "apply", path).out
        check((changes == (wins,)) == ("1 records that an edit has brought back" in note), f"notes: {note}")
        world.sync()
        same_open(world, expected, f"version {version}")
    world.hub.do("verify")


if __name__ == "__main__":
    main(globals())
