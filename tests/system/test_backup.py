#!/usr/bin/env python3
"""Backups of running daemons, and stores that come back from them: an agent's, the hub's, both."""
import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from federation import Federation, add, comparable, fields  # noqa: E402
from hopnhat_test import check, equal, main, skip, wait_until  # noqa: E402

SYNC = ("sync", "--wait", "--timeout", "60")


def restore(daemon, path, *arguments):
    """Stops the daemon where it runs, and restores its store; it stays down."""
    if daemon.process and daemon.process.running():
        daemon.kill()
    return daemon.do("restore", path, "--replace", *arguments)


def catch_up(world):
    """Every office catches up after a restore; digests may have differed on the way."""
    for _ in range(2):
        for agent in world.offices.values():
            agent.do(*SYNC, deadline_s=70)
    for agent in world.offices.values():
        status = agent.status()
        check(status["caught_up"] and status["digests_equal"], f"{agent.name} is caught up: {status}")
        agent.do("verify")
    world.hub.do("verify")


def content(daemon, type_name):
    """The records by id, without the rev: an agent keeps that under which it had one before a restore."""
    return {record["id"]: {key: value for key, value in comparable(record).items() if key != "rev"}
            for record in daemon.records(type_name)}


def same_everywhere(world, type_name):
    wanted = content(world.hub, type_name)
    for agent in world.offices.values():
        got = content(agent, type_name)
        equal(got, wanted, f"{type_name}s of {agent.name}")
    return wanted


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


def test_backup_and_verify_without_a_daemon(bench):
    world = Federation(bench, "hue")
    world.sync()
    world.hub.stop()
    path = bench.path("b")
    world.hub.do("backup", path)
    world.hub.do("verify")
    world.hub.do("verify", path)


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
        daemon.do("backup", bench.path("none"), status=1)
        check(not os.path.exists(bench.path("none")), "no backup is made of a damaged store")


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


def in_custody(world):
    """All have read what headquarters did, and keep its log."""
    world.sync()
    wait_until(lambda: world.hub.status()["not_in_custody"] == 0, 20, "all of the log is in custody")


def trimmed(world, agent, length):
    """Waits until the agent keeps that many of its changes; it hears what is safe when it writes."""
    wait_until(lambda: agent.status()["log_length"] <= length, 20, f"{agent.name} keeps {length} changes")


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
    world.hub.start("--listen", world.address, "--custody-wait", "20")
    catch_up(world)
    gap = world.hub.status()["gaps"]
    equal([(one["office"], one["to"] - one["from"] + 1) for one in gap], [("headquarters", 1)], "the gap")
    check("are lost" in world.hub.process.log(), "and the log says so")
    check("the time to wait" not in world.hub.process.log(), "nobody waited for it")
    kept.append(add(world.hub, "partner", "name=And on", "owner=hue"))
    in_custody(world)
    restore(world.hub, bench.path("old"))  # once more, and all comes back behind the gap
    world.hub.start("--listen", world.address, "--custody-wait", "20")
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


def both(bench, agent_first):
    world = Federation(bench, "hue", "da-nang")
    old = add(world["hue"], "partner", "name=Old")
    world.sync()
    world.hub.do("backup", bench.path("b-hub"))
    world["hue"].do("backup", bench.path("b-hue"))
    theirs = add(world["da-nang"], "partner", "name=Of the other office")
    world.sync()
    world["hue"].stop()
    restore(world["hue"], bench.path("b-hue"))
    offline = add(world["hue"], "partner", "name=Offline")
    if agent_first:
        world["hue"].start()
        world["hue"].do(*SYNC, deadline_s=70)
    restore(world.hub, bench.path("b-hub"))
    world.hub.start("--listen", world.address, "--custody-wait", "3")
    if not agent_first:
        world["da-nang"].do(*SYNC, deadline_s=70)
        world["hue"].start()
    catch_up(world)
    equal(set(same_everywhere(world, "partner")), {old, theirs, offline}, "nothing is lost")


def test_agent_then_hub(bench):
    both(bench, True)


def test_hub_before_the_agent_s_first_contact(bench):
    both(bench, False)


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
    world.hub.start("--listen", world.address, "--custody-wait", "15")
    wait_until(lambda: "ha-noi" in world.hub.do("office", "list").out, 30, "the office is known again")
    told = world["ha-noi"].do("sync", "--wait", "--timeout", "2", status=1).err
    check("headquarters was restored, and waits" in told, f"why it is not caught up: {told}")
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
