#!/usr/bin/env python3
"""Erasing for good: the values leave every file of hub and offices, and the chains still verify."""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from federation import Federation, add, call_http, fields
from hopnhat_test import check, equal, main, wait_until

SECRETS = ("+84-905-111-222", "+84-905-333-444", "+84-905-555-666", "+84-905-777-888")


def holds(daemon, *words):
    """Which of the words stand anywhere in the files of the daemon's data directory, folded or not."""
    found = set()
    for folder, _, names in os.walk(daemon.data):
        for name in names:
            path = os.path.join(folder, name)
            try:
                if not os.path.isfile(path):
                    continue
                with open(path, "rb") as file:
                    content = file.read()
            except FileNotFoundError:  # the store is being written anew
                return {("?", name)}
            found |= {(word, name) for word in words if word.encode() in content}
    return found


def restarted(world, office):
    """Waits until the agent has written its store anew, which it does by itself at the hub's head."""
    wait_until(lambda: not holds(world[office], *SECRETS) and world[office].listens(), 30,
               f"{office} has written its store anew")


def restart_hub(world):
    world.hub.stop()
    world.start_hub()


def contested(bench):
    """A partner with addresses written side by side, one of them outvoted, one refused, one changed since."""
    world = Federation(bench, "hue", "da-nang")
    person = add(world["hue"], "partner", "name=An", f"address={SECRETS[0]}", "group=everyone")
    world.sync()
    world.hub.stop()
    world["hue"].do("set", "partner", person, f"address={SECRETS[1]}")
    world["da-nang"].do("set", "partner", person, f"address={SECRETS[2]}")
    world.start_hub()
    world.sync()
    return world, person


def test_values_leave_every_file(bench):
    world, person = contested(bench)
    world.hub.do("set", "partner", person, f"address={SECRETS[3]}", "website=an@example.org")
    world.sync()
    for daemon in (world.hub, world["hue"], world["da-nang"]):
        check(holds(daemon, *SECRETS), f"{daemon.name} holds the phones before")
    world.hub.do("erase", "partner", person, "address", status=1)  # without a reason
    world.hub.do("erase", "partner", person, "group", "--reason", "x", status=1)
    world.hub.do("erase", "partner", person, "address", "--reason", "case 12")
    check(world.hub.status()["erased_in_files"], "the hub says that its files hold it still")
    restart_hub(world)
    equal(holds(world.hub, *SECRETS), set(), "the hub's files")
    check(not world.hub.status()["erased_in_files"], "the hub's files are clean")
    world.sync()
    for office in ("hue", "da-nang"):
        restarted(world, office)
        world[office].do("sync", "--wait")
    for daemon in (world.hub, world["hue"], world["da-nang"]):
        record = fields(daemon, "partner", person)
        equal((record.get("address"), record["name"], record["website"]), (None, "An", "an@example.org"),
              f"what is left at {daemon.name}")
        daemon.do("verify")
        erased = daemon.records("erasure")
        equal([(row["fields"]["fields"], row["fields"]["reason"]) for row in erased], [(["23"], "case 12")],
              f"the erasure on record at {daemon.name}")
        equal(daemon.do("search", SECRETS[0][1:], "--json").lines(), [], f"found at {daemon.name}")
    journal = world.hub.do("conflicts", "--all").out
    check("(erased)" in journal and "note: erased by headquarters" in journal and "is read" not in journal and
          ': ""' not in journal, f"the journal: {journal}")
    row, = world.hub.do("conflicts", "--all", "--json").lines()
    check(row["erased"] and not any(value["chosen"] for value in row["values"]), f"the row: {row}")
    for daemon in (world.hub, world["hue"]):
        told = daemon.do("history", "partner", person).out
        check("an@example.org" in told, f"the history of {daemon.name} tells the rest: {told}")
        check("address: (erased)" in told and '"?"' not in told, f"what was erased is said so: {told}")
    # what is written by who has been told stays
    world["hue"].do("set", "partner", person, "address=+1")
    world.sync()
    equal(fields(world["da-nang"], "partner", person)["address"], "+1", "a new phone")
    world["hue"].do("set", "partner", person, "address=+2")
    world.sync()
    world.hub.stop()
    for daemon in (world.hub, world["hue"]):  # hue without the hub: by its own log
        newest, new = daemon.do("history", "partner", person, "--json", "--limit", "2").lines()
        equal([[old["value"] for field in change["fields"] for old in field["superseded"]]
               for change in (newest, new)], [["+1"], []], f"what the new ones replaced, at {daemon.name}")
    world.start_hub()


def test_what_was_written_before_being_told_goes_too(bench):
    world, person = contested(bench)
    shown = world["hue"].record("partner", person)
    world["da-nang"].stop()
    world["da-nang"].do("set", "partner", person, f"address={SECRETS[3]}", "website=an@example.org")
    world.hub.do("erase", "partner", person, "--reason", "case 13")
    world["hue"].do("sync", "--wait")
    restarted(world, "hue")
    # a form from before
    status, answer = call_http(world["hue"], "PATCH", f"/v1/records/partner/{person}",
                               json.dumps({"set": {"address": SECRETS[0]}, "token": shown["token"]}).encode())
    equal(status, 403, f"a form from before the erasure: {answer}")
    world["da-nang"].start()
    world.sync()
    restarted(world, "da-nang")
    restart_hub(world)
    world.sync()
    for daemon in (world.hub, world["hue"], world["da-nang"]):
        equal(holds(daemon, *SECRETS, "an@example.org"), set(), f"the files of {daemon.name}")
        equal(fields(daemon, "partner", person).get("address"), None, f"the phone at {daemon.name}")
        daemon.do("verify")
    equal(world.hub.status()["quarantined"], 0, "nothing was refused for it")


def test_a_restored_hub_erases_again(bench):
    world, person = contested(bench)
    backup = bench.path("hub.backup")
    world.hub.do("backup", backup)
    world.hub.do("erase", "partner", person, "address", "--reason", "case 14")
    world.sync()
    for office in ("hue", "da-nang"):
        restarted(world, office)
        world[office].do("sync", "--wait")
    world.hub.stop()
    world.hub.do("restore", backup, "--replace")
    check(holds(world.hub, *SECRETS), "the backup holds it")
    world.start_hub()
    world.sync()
    equal(fields(world.hub, "partner", person).get("address"), None, "the phone at the restored hub")
    row, = world.hub.do("conflicts", "--settled", "--json").lines()
    equal((row["settled"]["office"], row["note"]), ("headquarters", "erased by headquarters"), "by whom")
    restart_hub(world)
    world.sync()
    for path in os.listdir(world.hub.data):
        if path.startswith("replaced-"):
            os.rename(os.path.join(world.hub.data, path), bench.path(path))  # as docs/operations.md says
    for daemon in (world.hub, world["hue"], world["da-nang"]):
        equal(holds(daemon, *SECRETS), set(), f"the files of {daemon.name}")
        daemon.do("verify")


if __name__ == "__main__":
    main(globals())
