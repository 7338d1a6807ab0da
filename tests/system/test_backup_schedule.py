#!/usr/bin/env python3
"""Backups that daemons make by themselves: which are kept whatever the clock was, their names, alarms."""
import os
import random
import re
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from federation import Federation, add, ids  # noqa: E402
from hopnhat_test import SOON_S, check, equal, main, wait_until  # noqa: E402
from restored import catch_up, restore  # noqa: E402
from wrong_clock import YEARS_MS, WrongClock  # noqa: E402

HOUR_MS = 3600 * 1000
NAME = re.compile(r"(.+-[0-9a-f]{8})-(\d{6,})-\d{8}T\d{6}Z\.backup")


def backups_in(directory):
    """The scheduled backups in it, as they were written: (prefix, number, path)."""
    found = [(match[1], int(match[2]), os.path.join(directory, match[0]))
             for match in map(NAME.fullmatch, os.listdir(directory)) if match]
    return sorted(found, key=lambda backup: backup[1])


def written(process):
    """How many backups its log tells of."""
    return process.log().count("wrote the backup")


def stopped_halfway(process, directory):
    """The child that makes a backup, stopped when a part of the file is written; None: none is. Before
    that it may hold a lock of LMDB's, for which the daemon would wait."""
    with open(f"/proc/{process.pid}/task/{process.pid}/children", encoding="ascii") as file:
        children = [int(pid) for pid in file.read().split()]
    for child in children:
        os.kill(child, signal.SIGSTOP)
        parts = [os.path.join(directory, name) for name in os.listdir(directory) if name.endswith(".part")]
        if any(os.path.getsize(part) for part in parts):
            return child
        os.kill(child, signal.SIGCONT)
    return None


class Scheduled:
    """A daemon that makes one backup at each start, since its clock goes on by more than an interval."""

    def __init__(self, bench, daemon, directory, keep, *arguments):
        self.daemon, self.clock, self.now_ms = daemon, WrongClock(bench, daemon), 0
        self.arguments = (*arguments, "--set", f"backup_directory={directory}",
                          "--set", f"backup_keep={keep}", "--set", "backup_interval_hours=1")

    def again(self, clock_ms=None):
        """Makes one more; first the clock is set, where clock_ms is given."""
        self.now_ms = self.now_ms + 2 * HOUR_MS if clock_ms is None else clock_ms
        self.clock.set(self.now_ms)
        if self.daemon.process and self.daemon.process.running():
            self.daemon.stop()
        process = self.daemon.start(*self.arguments)
        wait_until(lambda: written(process) and not self.daemon.status()["backup_running"], SOON_S,
                   f"a backup of {self.daemon.name}")
        return self.daemon.status()


def directory_of(bench, name="backups"):
    path = bench.path(name)
    os.mkdir(path)
    return path


def test_backups_are_made_by_themselves(bench):
    """Of a hub and of an agent: the first at once, old ones removed, and what is in them can be restored."""
    directory = directory_of(bench, "Sao lưu")
    world = Federation(bench, "hue")
    partner = add(world["hue"], "partner", "name=One")
    world.sync()
    others = ["hue-20200101T000000Z.backup"]
    others += [f"{name}-{rest}" for name in ("hub", "hue")
               for rest in ("notes.backup", "000000-20200101T000000Z.backup",
                            "00000000-000001-20200101T000000Z.backup",
                            "00000000-000001-20200101T000000Z.backup.part")]
    for name in others:
        with open(os.path.join(directory, name), "w", encoding="utf-8") as file:
            file.write("not ours")
    for daemon, arguments in ((world.hub, ("--listen", world.address)), (world["hue"], ())):
        scheduled = Scheduled(bench, daemon, directory, 2, *arguments)
        for count in (1, 2, 2, 2):
            status = scheduled.again()
            kept = [backup for backup in backups_in(directory) if backup[0].startswith(daemon.name)
                    and "00000000" not in backup[0]]
            equal(len(kept), count, f"of {daemon.name} are kept, of {os.listdir(directory)}")
            check(status["backup_scheduled"] and status["backup_trouble"] == "", f"all is well: {status}")
        equal([number for _, number, _ in kept], [3, 4], "the newest are")
        daemon.do("verify", kept[-1][2])
        copy = bench.hub("copy-" + daemon.name) if daemon is world.hub else bench.agent("copy-" + daemon.name)
        copy.do("restore", kept[-1][2])
        equal(ids(copy, "partner"), [partner], "the records in it")
    equal([name for name in others if not os.path.exists(os.path.join(directory, name))], [],
          "what is none of ours is left alone")


def test_a_hub_takes_files_of_the_former_names_for_its_oldest(bench):
    """They make room for new ones in turn, but for one that counts."""
    directory = directory_of(bench)
    world = Federation(bench)
    world.hub.stop()
    former = [f"hub-{year}0101T000000Z.backup" for year in (2019, 2020, 2021, 2022)]
    for name in former[1:]:
        with open(os.path.join(directory, name), "wb"):
            pass
    world.hub.do("backup", os.path.join(directory, former[0]))
    scheduled = Scheduled(bench, world.hub, directory, 3, "--listen", world.address)
    for count, left in ((1, [former[0], former[2], former[3]]), (2, [former[0], former[3]]), (3, [])):
        scheduled.again()
        equal([number for _, number, _ in backups_in(directory)], list(range(1, count + 1)), "new ones")
        equal(sorted(set(os.listdir(directory)) & set(former)), left, f"former ones beside {count}")


def test_a_backup_that_fails_is_an_alarm(bench):
    directory = bench.path("disk")
    path = bench.path("hub.yaml")
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"listen: tcp://127.0.0.1:{bench.free_port()}\nbackup_directory: {directory}\n")
    hub = bench.hub()
    hub.do("init")
    process = hub.start("--config", path)
    wait_until(lambda: hub.status()["backup_trouble"], SOON_S, "status tells")
    status = hub.status()
    check(directory in status["backup_trouble"], f"what is wrong: {status}")
    equal((status["backup_failures"], status["last_backup"]), (1, None), "failures, last backup")
    check("the backup was not made" in process.log(), f"the log tells: {process.log()}")
    os.mkdir(directory)
    process.signal(signal.SIGHUP)  # the disk is there again: it need not wait for the next try
    wait_until(lambda: hub.status()["last_backup"], SOON_S, "a backup")
    wait_until(lambda: hub.status()["backup_trouble"] == "", SOON_S, "trouble is over")


class Reloaded:
    """A hub whose settings are read again."""

    def __init__(self, bench):
        self.path, self.hub = bench.path("hub.yaml"), bench.hub()
        self.listen = f"listen: tcp://127.0.0.1:{bench.free_port()}\nbackup_interval_hours: 1\n"
        self.name_directory(None)
        self.hub.do("init")

    def name_directory(self, directory):
        with open(self.path, "w", encoding="utf-8") as file:
            file.write(self.listen + (f"backup_directory: {directory}\n" if directory else ""))
        process = self.hub.process
        if process:
            read = process.log().count("the settings were read again")
            process.signal(signal.SIGHUP)
            wait_until(lambda: process.log().count("the settings were read again") > read, SOON_S, "reload")


def test_the_first_backup_of_an_old_daemon_is_not_overdue(bench):
    reloaded = Reloaded(bench)
    clock = WrongClock(bench, reloaded.hub)
    process = reloaded.hub.start("--config", reloaded.path)
    clock.set(72 * HOUR_MS)
    reloaded.name_directory(directory_of(bench))
    wait_until(lambda: written(process) == 1, SOON_S, "a backup")
    check("no backup was made" not in process.log(), f"there was none to make before: {process.log()}")


def test_another_directory_is_not_empty_for_long(bench):
    """Named while a backup into the former one is under way."""
    reloaded, made = Reloaded(bench), []
    rows = bench.path("rows.csv")
    with open(rows, "w", encoding="utf-8") as file:
        file.write("name,address\n" + "".join(f"P{i},{random.getrandbits(4000):x}\n" for i in range(4000)))
    reloaded.hub.do("import", "partner", rows, deadline_s=60)
    process = reloaded.hub.start("--config", reloaded.path)

    def stopped():
        """The child that makes one; where it was done before it could be stopped, another one is begun."""
        child = stopped_halfway(process, made[-1]) if made else None
        if not child and written(process) == len(made):
            made.append(directory_of(bench, f"former-{len(made)}"))
            reloaded.name_directory(made[-1])
        return child
    child = wait_until(stopped, SOON_S, "one is being made")
    try:
        directory = directory_of(bench)
        reloaded.name_directory(directory)
    finally:
        os.kill(child, signal.SIGCONT)
    wait_until(lambda: backups_in(directory), SOON_S, "one in the new directory")
    equal(len(backups_in(made[-1])), 1, "beside that in the former one")
    equal(reloaded.hub.status()["backup_trouble"], "", "trouble")


def test_a_clock_that_goes_back_costs_no_backup(bench):
    """The battery of the clock is dead: the offices trim by what is there, and it brings all back."""
    world = Federation(bench, "hue")
    directory = directory_of(bench)
    scheduled = Scheduled(bench, world.hub, directory, 3, "--listen", world.address)
    for clock_ms in (0, 2 * HOUR_MS, 4 * HOUR_MS):
        scheduled.again(clock_ms)
    for i in range(5):
        add(world["hue"], "partner", f"name=In the time of the stopped clock {i}")
    world.sync()
    for i in range(4):
        status = scheduled.again(-3 * YEARS_MS + 2 * i * HOUR_MS)
        made = backups_in(directory)
        equal([number for _, number, _ in made], [i + 2, i + 3, i + 4], "the three that were written last")
        equal((status["backups"], status["backup_trouble"]), (3, ""), "and count")
    add(world["hue"], "partner", "name=Later")
    world.sync()
    wait_until(lambda: world["hue"].status()["log_length"] <= 1, SOON_S, "the office trims by them")
    scheduled.clock.set(0)
    restore(world.hub, made[-1][2])
    world.start_hub()
    catch_up(world)
    equal(world.hub.status()["gaps"], [], "gaps")
    equal(len(ids(world.hub, "partner")), 6, "records after a restore of the newest")


def test_a_clock_that_was_ahead_costs_no_backup(bench):
    world = Federation(bench, "hue")
    for daemon, arguments in ((world.hub, ("--listen", world.address)), (world["hue"], ())):
        directory = directory_of(bench, "of-" + daemon.name)
        scheduled = Scheduled(bench, daemon, directory, 2, *arguments)
        for clock_ms in (3 * YEARS_MS, 3 * YEARS_MS + 2 * HOUR_MS, 0, 2 * HOUR_MS, 4 * HOUR_MS):
            status = scheduled.again(clock_ms)
            check(status["backup_trouble"] == "", f"no trouble: {status}")
        equal([number for _, number, _ in backups_in(directory)], [4, 5], f"what is kept of {daemon.name}")


def test_a_clock_that_is_put_right_while_the_daemon_runs(bench):
    """As on a machine without a battery, which learns the time some minutes after its start."""
    world = Federation(bench, "hue")
    directory = directory_of(bench)
    scheduled = Scheduled(bench, world.hub, directory, 7, "--listen", world.address)
    scheduled.again()
    scheduled.clock.set(72 * HOUR_MS)
    wait_until(lambda: len(backups_in(directory)) == 2, SOON_S, "what is overdue is made")
    wait_until(lambda: world.hub.status()["backup_trouble"] == "", SOON_S, "the alarm is over")


def test_two_machines_of_an_office_share_a_directory(bench):
    world = Federation(bench, "hue")
    world.join("hue", "hue2")
    world.sync()
    directory = directory_of(bench)
    first, second = (Scheduled(bench, world[name], directory, 2) for name in ("hue", "hue2"))
    first.again()
    mine = backups_in(directory)
    for _ in range(3):
        second.again()
    check(mine[0] in backups_in(directory), f"that of the first machine is kept: {os.listdir(directory)}")
    equal(len(backups_in(directory)), 3, "and two of the second")


def test_what_counts_and_is_not_there_is_an_alarm(bench):
    """As where the directory is a mount point, and nothing is mounted."""
    world = Federation(bench, "hue")
    directory = directory_of(bench)
    scheduled = Scheduled(bench, world.hub, directory, 7, "--listen", world.address)
    scheduled.again()
    scheduled.again()
    os.rename(directory, directory + ".unmounted")
    os.mkdir(directory)
    status = scheduled.again()
    check("of 3 backups in its directory that count 2 are not there" in status["backup_trouble"],
          f"status tells: {status}")
    check("of 2 backups in " + directory + " that count 2 are not there" in world.hub.process.log(),
          f"so does the log: {world.hub.process.log()}")
    os.rename(backups_in(directory)[0][2], os.path.join(directory + ".unmounted", "later.backup"))
    os.rmdir(directory)
    os.rename(directory + ".unmounted", directory)
    check("count 1 are not there" in scheduled.again()["backup_trouble"], "what went elsewhere is not there")
    world.hub.do("backup", bench.path("by-hand"), "--keep", "1")
    equal(world.hub.status()["backup_trouble"], "", "it does not count any more")
    equal(scheduled.again()["backup_trouble"], "", "and is not missed by the next either")
    scheduled.again()
    told = world.hub.process.log().count("that count 2 are not there")
    os.rename(directory, directory + ".unmounted")
    wait_until(lambda: world.hub.process.log().count("that count 2 are not there") > told, SOON_S,
               "the log tells by itself")
    check("of 2 backups in its directory that count 2 are not there" in world.hub.status()["backup_trouble"],
          "so does status, long before the next is due")
    os.rename(directory + ".unmounted", directory)
    equal(world.hub.status()["backup_trouble"], "", "they are there again")
    newest = backups_in(directory)[-1][2]
    restore(world.hub, newest)
    for _, _, path in backups_in(directory):
        if path != newest:
            os.unlink(path)
    restore(world.hub, newest)  # as on another machine, which has this file alone
    equal(scheduled.again()["backup_trouble"], "", "what that machine never had is not missed there")


def test_what_a_store_was_restored_from_is_kept(bench):
    """It counts, though files that were written later are there: the same one may be restored again."""
    world = Federation(bench, "hue")
    directory = directory_of(bench)
    scheduled = Scheduled(bench, world.hub, directory, 2, "--listen", world.address)
    for _ in range(2):
        scheduled.again()
    first = backups_in(directory)[0][2]
    restore(world.hub, first)
    for wanted in ([1, 2, 3], [3, 4]):
        status = scheduled.again()
        equal([number for _, number, _ in backups_in(directory)], wanted, "what is there")
        equal((status["backups"], status["backup_trouble"]), (2, ""), "what counts")


def test_a_backup_by_hand_counts_as_the_settings_say(bench):
    world = Federation(bench, "hue")
    world.hub.stop()
    world.hub.start("--listen", world.address, "--set", "backup_keep=20")
    for i in range(8):
        world.hub.do("backup", bench.path(f"by-hand-{i}"))
    equal(world.hub.status()["backups"], 8, "as many as are kept")
    here = os.getcwd()
    try:
        for name in ("x", "y"):
            os.chdir(directory_of(bench, name))
            world.hub.do("backup", "hub.backup")
        os.symlink(bench.path("y"), bench.path("z"))
        os.chdir(bench.path("z"))
        world.hub.do("backup", "hub.backup")
    finally:
        os.chdir(here)
    equal(world.hub.status()["backups"], 10, "a file is what it is, by whatever name it is called")
    world.hub.stop()
    world.hub.do("backup", bench.path("without-a-daemon"))
    equal(world.hub.status()["backups"], 11, "a tool that does not know the settings forgets none")
    world.start_hub()
    world.hub.do("backup", bench.path("by-hand"))
    equal(world.hub.status()["backups"], 7, "the setting's default")


def test_a_backup_that_hangs_is_an_alarm_and_leaves_nothing(bench):
    hub = bench.hub()
    hub.do("init")
    rows = bench.path("rows.csv")
    with open(rows, "w", encoding="utf-8") as file:
        file.write("name,address\n" + "".join(f"P{i},{random.getrandbits(4000):x}\n" for i in range(8000)))
    hub.do("import", "partner", rows, deadline_s=60)
    directory = directory_of(bench)
    clock = WrongClock(bench, hub)
    arguments = ("--listen", f"tcp://127.0.0.1:{bench.free_port()}", "--set", f"backup_directory={directory}",
                 "--set", "backup_interval_hours=1")
    hub.start(*arguments)

    def hangs():
        """Whether it hangs now with half a file; where it was done before, another one is begun."""
        if stopped_halfway(hub.process, directory):
            return True
        if written(hub.process):
            made.append(hub.process)
            hub.stop()
            clock.set(2 * len(made) * HOUR_MS)
            hub.start(*arguments)
        return False
    made = []  # by processes before the one that hangs
    wait_until(hangs, SOON_S, "one is being written")
    process = hub.process
    check(hub.status()["backup_running"], "it is under way")
    clock.set(2 * len(made) * HOUR_MS + 5 * HOUR_MS)
    wait_until(lambda: "no backup was made for more than 2 hours" in process.log(), SOON_S,
               "the log tells by itself")
    check(hub.status()["backup_trouble"], "so does status")
    hub.stop()
    clock.set(2 * len(made) * HOUR_MS + 8 * HOUR_MS)
    process = hub.start(*arguments)
    wait_until(lambda: written(process) == 1, SOON_S, "the next one")
    equal(len(os.listdir(directory)), len(made) + 1, f"what is there: {os.listdir(directory)}")


if __name__ == "__main__":
    main(globals())
