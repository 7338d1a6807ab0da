#!/usr/bin/env python3
"""Backups of running daemons: made, sealed, verified, refused, and what logs are trimmed by."""
import json
import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from federation import Federation, add, call_http, fields  # noqa: E402
from hopnhat_test import check, equal, main, skip  # noqa: E402
from restored import catch_up, restore, same_everywhere, trimmed  # noqa: E402


def test_root_gives_the_files_to_the_user_of_the_service(bench):
    """As the pages have it: commands of root read files as the owner of the data directory."""
    nobody = 65534
    if os.geteuid() != 0:
        skip("root only")
    hub = bench.hub()
    hub.do("init")
    files = [bench.path("hub.backup"), bench.path("key")]
    hub.do("recovery-key", files[1])
    hub.do("backup", files[0])
    os.chmod(bench.directory, 0o755)
    shutil.rmtree(hub.data)
    os.makedirs(hub.data)
    os.chown(hub.data, nobody, nobody)
    result = hub.do("restore", files[0], "--recovery-key", files[1], status=1)
    check("Permission denied" in result.err, f"root's own files: {result.err}")
    for file in files:
        os.chown(file, nobody, nobody)
    hub.do("restore", files[0], "--recovery-key", files[1])
    equal(os.stat(os.path.join(hub.data, "store", "data.mdb")).st_uid, nobody, "whose the store is")


def test_a_running_hub_and_agent_are_backed_up_and_verified(bench):
    world = Federation(bench, "hue")
    for i in range(20):
        add(world["hue"], "partner", f"name=Partner {i}")
    world.sync()
    for daemon in (world.hub, world["hue"]):
        path = bench.path(daemon.name + ".backup")
        equal(daemon.status()["last_backup"], None, "no backup yet")
        made = daemon.do("backup", path, "--json").json()
        equal(made["sealed"], False, "sealed")
        equal(os.stat(path).st_mode & 0o777, 0o600, "the file's mode")
        check(daemon.status()["last_backup"], f"{daemon.name} knows when it was backed up")
        daemon.do("verify")
        daemon.do("verify", path)
        check(not os.path.exists(os.path.join(daemon.data, "staging")), "the staging directory is removed")
    world.sync()
    equal(world.hub.status()["backups"], 1, "backups that are kept")


def test_a_number_to_keep_that_is_none_forgets_no_backup(bench):
    world = Federation(bench)
    world.hub.do("backup", bench.path("one"))
    world.hub.do("backup", bench.path("two"))
    for keep in ("3", -1, 0, 1.5, None):
        note = {"file": bench.path("three"), "made_ms": 1, "rev": 1, "keep": keep}
        status, _ = call_http(world.hub, "POST", "/v1/backups", json.dumps(note).encode())
        equal(status, 400, f"keep {keep!r}")
    equal(world.hub.call("backup", bench.path("three"), "--keep", "0").status, 2, "by hand")
    check(not os.path.exists(bench.path("three")), "nothing is written")
    equal(world.hub.status()["backups"], 2, "backups that are kept")


def test_backup_and_verify_without_a_daemon(bench):
    world = Federation(bench, "hue")
    world.sync()
    world.hub.stop()
    path = bench.path("b")
    world.hub.do("backup", path)
    world.hub.do("verify")
    world.hub.do("verify", path)


def test_a_file_replaces_no_more_than_one_of_its_kind(bench):
    """Neither the store nor what is none of ours: of backups and bundles, with a daemon and without."""
    world = Federation(bench, "hue")
    add(world["hue"], "partner", "name=Oxfam")
    world.sync()
    hue = world["hue"]
    notes, pipe, link, directory = (bench.path(name) for name in ("notes", "pipe", "link", "directory"))
    with open(notes, "w", encoding="utf-8") as file:
        file.write("hopnhat is what these are about\n")
    os.mkfifo(pipe)
    os.symlink(notes, link)
    os.mkdir(directory)
    os.symlink(hue.data, bench.path("elsewhere"))
    shutil.copy(notes, bench.path("fresh.part"))
    store = os.path.join(hue.data, "store", "data.mdb")
    inside = [store, os.path.join(hue.data, "new"), os.path.join(hue.data, "store", "..", "new"),
              os.path.join(bench.path("elsewhere"), "new")]
    there = [pipe, link, directory, notes, bench.path("fresh")]
    commands = (("backup",), ("bundle", "export"))
    for _ in range(2):
        for command in commands:
            for path in inside:
                check("would be lost with it" in hue.do(*command, path, status=1).err, f"{command} {path}")
            for path in there:
                check(" is there, and is no " in hue.do(*command, path, status=1).err, f"{command} {path}")
            check("No such file" in hue.do(*command, bench.path("nowhere/x"), status=1).err, "no directory")
        for path in inside:
            check("would be lost with it" in hue.do("export", "partner", "--out", path, status=1).err, path)
        equal(os.path.exists(os.path.join(hue.data, "new")), False, "a file in the store's directory")
        with open(notes, encoding="utf-8") as file:
            check("about" in file.read(), "the notes are what they were")
        check(not os.path.isfile(pipe) and os.path.islink(link), "and so are pipe and link")
        hue.stop()
    hue.do("verify")
    equal(len(hue.records("partner")), 1, "the store is there")
    for command in commands:
        path = bench.path(command[0])
        open(path, "wb").close()
        for _ in range(3):  # over an empty one, and over its own
            hue.do(*command, path)
        open(bench.path(command[0] + ".part"), "wb").close()
        os.chmod(bench.path(command[0] + ".part"), 0o666)
        hue.do(*command, path)
        equal(os.stat(path).st_mode & 0o777, 0o600, "nothing is inherited from what somebody laid there")
    unnoted = bench.path(os.fsdecode(b"B\xff"))
    check("is not UTF-8" in hue.do("backup", unnoted, status=1).err and not os.path.exists(unnoted), "a name")
    for command, other in zip(commands, ("bundle", "backup")):
        check(f"is no {command[0]}:" in hue.do(*command, bench.path(other), status=1).err, "the other's kind")


def test_a_sealed_backup_opens_with_its_key_only(bench):
    world = Federation(bench, "hue")
    record = add(world["hue"], "partner", "name=Quỹ Bí Mật")
    world.sync()
    world.hub.do("recovery-key", bench.path("key"))
    made = world.hub.do("backup", bench.path("sealed"), "--json").json()
    equal(made["sealed"], True, "sealed")
    with open(bench.path("sealed"), "rb") as file:
        check("Bí Mật".encode() not in file.read(), "the content cannot be read")
    check("is sealed" in world.hub.do("verify", bench.path("sealed"), status=1).err, "the key is asked for")
    world.hub.do("recovery-key", bench.path("other"))
    refused = world.hub.do("verify", bench.path("sealed"), "--recovery-key", bench.path("other"), status=1)
    check("another recovery key" in refused.err, refused.err)
    world.hub.do("verify", bench.path("sealed"), "--recovery-key", bench.path("key"))
    restore(world.hub, bench.path("sealed"), "--recovery-key", bench.path("key"))
    world.start_hub()
    catch_up(world)
    equal(fields(world.hub, "partner", record)["name"], "Quỹ Bí Mật", "the name")


def test_a_damaged_backup_is_refused_whole(bench):
    world = Federation(bench, "hue")
    world.sync()
    path, bad = bench.path("b"), bench.path("bad")
    world.hub.do("backup", path)
    with open(path, "rb") as file:
        content = file.read()
    for what, damaged in (("torn", content[:-1000]), ("longer", content + b"x"), ("empty", b""),
                          ("flipped", content[:5000] + bytes([content[5000] ^ 1]) + content[5001:]),
                          ("flipped head", content[:30] + bytes([content[30] ^ 1]) + content[31:])):
        with open(bad, "wb") as file:
            file.write(damaged)
        world.hub.do("verify", bad, status=1)
        before = world.hub.status()["epoch"]
        world.hub.stop()
        world.hub.do("restore", bad, "--replace", status=1)
        world.start_hub()
        equal(world.hub.status()["epoch"], before, f"nothing was done with the {what} one")
    world["hue"].stop()
    check("hopnhat-hub" in world["hue"].do("restore", path, "--replace", status=1).err, "a hub's backup")


def test_restore_refuses_a_running_daemon_and_a_store_that_is_there(bench):
    world = Federation(bench, "hue")
    world["hue"].do("backup", bench.path("b"))
    check("stop the daemon" in world["hue"].do("restore", bench.path("b"), "--replace", status=1).err,
          "the daemon runs")
    world["hue"].stop()
    check("--replace" in world["hue"].do("restore", bench.path("b"), status=1).err, "a store is there")
    world["hue"].do("restore", bench.path("b"), "--replace")
    kept = [name for name in os.listdir(world["hue"].data) if name.startswith("replaced-")]
    equal(len(kept), 1, "the old store is kept")
    check(os.path.exists(os.path.join(world["hue"].data, kept[0], "store", "data.mdb")), "with its data")


def test_verify_names_what_is_damaged(bench):
    world = Federation(bench, "hue")
    for i in range(50):
        add(world["hue"], "partner", f"name=Partner Number {i}", "address=Nam Giao")
    world.sync()
    for daemon in (world.hub, world["hue"]):
        daemon.stop()
        path = os.path.join(daemon.data, "store", "data.mdb")
        with open(path, "rb") as file:
            content = bytearray(file.read())
        at = content.find(b"Partner Number 17")
        check(at > 0, "the value is in the file")
        while at > 0:
            content[at] ^= 0x20
            at = content.find(b"Partner Number 17", at + 1)
        with open(path, "wb") as file:
            file.write(content)
        found = daemon.do("verify", status=1)
        check("log: the row" in found.out, f"the log's row is named: {found.describe()}")
        check("is missing" in found.out or "are missing" in found.out, f"and missing: {found.describe()}")
        check("digest" in found.out, f"the digest's is too: {found.describe()}")
        suspect = os.path.join(daemon.data, "suspect")
        os.unlink(suspect)
        told = daemon.do("backup", bench.path("none"), status=1)
        check("mends what it can when it is started again" in told.err, f"with the remedy: {told.describe()}")
        check(os.path.exists(suspect), "and it is looked at then")
        check(not os.path.exists(bench.path("none")), "no backup is made of a damaged store")


def test_logs_are_trimmed_by_what_is_in_kept_backups(bench):
    world = Federation(bench, "hue", "da-nang")
    hue = world["hue"]
    ids = [add(hue, "partner", f"name=First {i}") for i in range(10)]
    world.sync()
    check(hue.status()["log_length"] >= 10, "without a backup all is kept")
    world.hub.do("backup", bench.path("a"))
    ids += [add(hue, "partner", f"name=Second {i}") for i in range(10)]
    world.sync()
    trimmed(world, hue, 10)
    ids += [add(hue, "partner", "name=Third")]
    world.sync()
    equal(hue.status()["log_length"], 11, "what is not in the oldest backup is kept")
    hue.do("verify")
    hue.do("history", "partner", ids[0])
    restore(world.hub, bench.path("a"))  # what it lacks is offered again
    world.start_hub()
    catch_up(world)
    equal(set(same_everywhere(world, "partner")), set(ids), "nothing is lost")
    equal(world.hub.status()["gaps"], [], "no gap")


if __name__ == "__main__":
    main(globals())
