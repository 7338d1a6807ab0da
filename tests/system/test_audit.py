#!/usr/bin/env python3
"""The audit log: every administrative act is in it, in both daemons, and verify proves the chain."""
import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from federation import Federation, add
from hopnhat_test import SOON_S, check, equal, main, wait_until

CATALOG = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../deploy/catalog/vufo.yaml")
SECRET = "0905-111-222"


def entries(daemon):
    return daemon.do("audit", "--json").lines()


def acts(daemon):
    return [entry["act"] for entry in entries(daemon)]


def expect(daemon, *wanted):
    """The acts that the log ends with, one of them a pattern where it begins with a star."""
    found = acts(daemon)[-len(wanted):]
    for act, want in zip(found, wanted):
        check(act.endswith(want[1:]) if want.startswith("*") else act == want,
              f"{daemon.name}: {found}, not {wanted}")


def newer(bench, path):
    """The built-in catalog as its next version."""
    with open(CATALOG, encoding="utf-8") as file:
        lines = file.read().splitlines(keepends=True)
    place = next(i for i, line in enumerate(lines) if line.startswith("version:"))
    lines[place] = f"version: {int(lines[place].split()[1]) + 1}\n"
    with open(bench.path(path), "w", encoding="utf-8") as file:
        file.writelines(lines)
    return bench.path(path)


def refused_change(world):
    """A change of hue's that waits in quarantine: its group had left it meanwhile."""
    record = add(world["hue"], "partner", "name=One", "group=cluster:1")
    world.sync()
    world["hue"].stop()
    world["hue"].do("set", "partner", record, "address=New")
    world.hub.do("office", "set", "hue", "--remove-group", "cluster:1")
    world["hue"].start()
    wait_until(lambda: world.hub.status()["quarantined"], SOON_S, "a change is refused")
    row = world.hub.do("quarantine", "list", "--json").lines()[-1]
    return f"{row['replica']}.{row['seq']}", record


def test_the_hub_records_every_act(bench):
    world = Federation(bench, "hue", groups={"hue": ["cluster:1"]})
    hub = world.hub
    equal(acts(hub), ["init", "POST /v1/offices", "POST /v1/offices/hue/enrolments", "join"], "the first")
    first, joined = entries(hub)[0], entries(hub)[-1]
    check(first["actor"].startswith(f"uid {os.geteuid()} as "), f"who made it: {first}")
    equal((joined["actor"], len(joined["detail"])), ("office hue", 64), "who joined, with which key")
    change, record = refused_change(world)
    hub.do("quarantine", "drop", change)
    expect(hub, "PATCH /v1/offices/hue", f"POST /v1/quarantine/{change}/drop")
    hub.do("quarantine", "drop", change, status=1)
    expect(hub, f"POST /v1/quarantine/{change}/drop", f"failed: POST /v1/quarantine/{change}/drop")
    hub.do("catalog", "apply", newer(bench, "next.yaml"))
    expect(hub, "POST /v1/catalog/apply")
    hub.do("erase", "partner", record, "address", "--reason", "case 7")
    expect(hub, f"POST /v1/records/partner/{record}/erase")
    hub.do("purge", "--purge-after", "9")
    expect(hub, "POST /v1/purge")
    hub.do("rotate-keys")
    expect(hub, "POST /v1/rotate-keys")
    hub.do("recovery-key", bench.path("key"))
    expect(hub, "POST /v1/recovery-key")
    hub.do("account", "add", "lan", "--role", "editor", given="long enough here\n")
    hub.do("account", "set", "lan", "--role", "reader")
    hub.do("passwd", "lan", given="another long one\n")
    hub.do("account", "remove", "lan")
    expect(hub, "POST /v1/accounts", "PATCH /v1/accounts/lan", "PATCH /v1/accounts/lan",
           "DELETE /v1/accounts/lan")
    hub.do("import", "partner", "-", given=f"name,address\nTwo,{SECRET}\n")
    expect(hub, "POST /v1/imports/partner")
    check(SECRET not in hub.do("audit").out, "records are not in the audit log, which nothing erases")
    hub.do("backup", bench.path("b"), "--recovery-key", bench.path("key"))
    expect(hub, "POST /v1/backups")
    hub.do("revoke", "hue")
    expect(hub, "POST /v1/offices/hue/revoke")
    hub.do("verify")


def test_an_agent_records_every_act(bench):
    world = Federation(bench, "hue")
    hue = world["hue"]
    equal([(entry["act"], entry["detail"]) for entry in entries(hue)], [("join", world.address)], "the first")
    hue.do("account", "add", "lan", "--role", "editor", given="long enough here\n")
    hue.do("rotate-keys")
    hue.do("bundle", "export", bench.path("up"))
    expect(hue, "POST /v1/accounts", "POST /v1/rotate-keys", "POST /v1/bundles/export")
    hue.do("backup", bench.path("b"))
    expect(hue, "POST /v1/backups")
    hue.stop()
    hue.do("restore", bench.path("b"), "--replace")
    restored = entries(hue)[-1]
    equal(restored["act"], "restore", "the last act")
    check(restored["detail"].startswith(bench.path("b") + ", made 2"), f"from what: {restored}")
    hue.do("verify")


def test_settings_that_are_read_again_are_on_record(bench):
    hub, path = bench.hub(), bench.path("hub.yaml")
    hub.do("init")

    def write(text):
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    write(f"listen: tcp://127.0.0.1:{bench.free_port()}\n")
    hub.start("--config", path)
    write("backup_keep: 3\n")
    hub.process.signal(signal.SIGHUP)
    wait_until(lambda: acts(hub)[-1] == "settings reload", SOON_S, "it is on record")
    check("backup_keep: 3" in entries(hub)[-1]["detail"], f"what is in force: {entries(hub)[-1]}")
    write("backup_keep: many\n")
    hub.process.signal(signal.SIGHUP)
    wait_until(lambda: acts(hub)[-1] == "failed: settings reload", SOON_S, "the failure is on record")
    check("backup_keep" in entries(hub)[-1]["detail"], f"why: {entries(hub)[-1]}")


def test_a_restored_hub_takes_no_code_of_before(bench):
    world = Federation(bench, "hue")
    world.add_office("vinh")
    used, unused = world.enrol("vinh"), world.enrol("vinh")
    world.hub.do("backup", bench.path("b"))
    bench.agent("first").do("join", "--hub", world.address, "--code", used)
    world.hub.stop()
    world.hub.do("restore", bench.path("b"), "--replace")
    equal(acts(world.hub)[-1], "restore", "the last act")
    world.start_hub()
    for code in (used, unused):
        result = bench.agent("late").do("join", "--hub", world.address, "--code", code, status=1)
        check("does not hold" in result.err, f"a code of before the restore: {result.err}")
    bench.agent("late").do("join", "--hub", world.address, "--code", world.enrol("vinh"))
    world.hub.do("verify")


def alter(daemon, old, new):
    """Puts other bytes in the place of these wherever they stand in the daemon's closed store."""
    path = os.path.join(daemon.data, "store", "data.mdb")
    with open(path, "rb") as file:
        content = file.read()
    check(old in content, f"{old} is in {path}")
    with open(path, "wb") as file:
        file.write(content.replace(old, new))


def test_a_damaged_entry_stops_no_daemon(bench):
    world = Federation(bench, "hue")
    for daemon in (world.hub, world["hue"]):
        for name in ("lan", "hoa", "minh"):
            daemon.do("account", "add", name, "--role", "reader", given="long enough here\n")
            daemon.do("account", "remove", name)
        before = acts(daemon)
        daemon.stop()
        alter(daemon, b"DELETE /v1/accounts/hoa", b"DELETE /v1/accounts/hoe")
        result = daemon.do("verify", status=1)
        check("audit" in result.out + result.err, f"verify: {result.describe()}")
        if daemon is world.hub:
            world.start_hub()
        else:
            daemon.start()
        before.remove("DELETE /v1/accounts/hoa")
        equal(acts(daemon), before + ["mended"], f"the acts at {daemon.name}")
        check("1 damaged entries are missing" in entries(daemon)[-1]["detail"], f"{entries(daemon)[-1]}")
        daemon.do("verify")
    world.sync()


if __name__ == "__main__":
    main(globals())
