#!/usr/bin/env python3
"""Stores whose files were altered: each run ends with the same content, or the damage is found, or it is
mended from the other side. Nothing wrong is ever shown or sent, and no program crashes for good.

test_damage.py [TEST...]; HOPNHAT_DAMAGE_SEEDS=N for more than the few that are drawn each time."""
import os
import random
import shutil
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from federation import Federation, add, comparable  # noqa: E402
from hopnhat_test import SOON_S, check, equal, main, wait_until  # noqa: E402

SEEDS = int(os.environ.get("HOPNHAT_DAMAGE_SEEDS", "12"))
RECORDS = 150
PAGE = 4096
MEND_S = 60
FREE_ROOT = 80  # where LMDB's first pages name the root of the list of free pages


def store_of(daemon):
    return os.path.join(daemon.data, "store", "data.mdb")


def content(daemon):
    return {record["id"]: {key: value for key, value in comparable(record).items() if key != "rev"}
            for record in daemon.records("partner")}


def flip(data, at, chance):
    data[at] ^= 1 << chance.randrange(8)


def tear(data, at, chance):
    """A page of which only the front was written."""
    page = at // PAGE * PAGE
    cut = chance.randrange(64, PAGE)
    data[page + cut:page + PAGE] = bytes(PAGE - cut)


def swap(data, at, chance):
    """A page that was written in the place of another."""
    page, other = at // PAGE * PAGE, chance.randrange(len(data) // PAGE) * PAGE
    data[page:page + PAGE] = data[other:other + PAGE]


def damage(path, chance, places=1):
    with open(path, "rb") as file:
        data = bytearray(file.read())
    what = chance.choice((flip, flip, flip, tear, swap))
    for _ in range(places):
        what(data, chance.randrange(len(data)), chance)
    with open(path, "wb") as file:
        file.write(data)
    return what.__name__


def put_back(path, whole):
    with open(path, "wb") as file:
        file.write(whole)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def fill(bench):
    """Two offices with records of both, and the hub: all with the same."""
    world = Federation(bench, "hue", "da-nang")
    text = bench.path("list.csv")
    with open(text, "w", encoding="utf-8") as file:
        file.write("name,notes\n")
        for i in range(RECORDS):
            file.write(f"Partner {i},{'a note ' * (i % 40)}\n")
    world["hue"].do("import", "partner", text)
    add(world["da-nang"], "partner", "name=Elsewhere")
    world.sync()
    return world, content(world["hue"])


def test_an_office_with_a_damaged_store(bench):
    world, wanted = fill(bench)
    hue, outcomes = world["hue"], {}
    hue.stop()
    path = store_of(hue)
    whole = read(path)
    for seed in range(SEEDS):
        chance = random.Random(seed)
        put_back(path, whole)
        what = damage(path, chance, chance.choice((1, 1, 5)))
        found = hue.call("verify", deadline_s=60)
        check(found.status in (0, 1), f"verify itself does not crash: {found.describe()}")
        outcome = one_office(world, wanted, found, f"seed {seed} ({what})")
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
        hue.bench.run(["rm", "-rf", os.path.join(hue.data, "store"), os.path.join(hue.data, "suspect"),
                       os.path.join(hue.data, "crashed")])
        os.makedirs(os.path.dirname(path), exist_ok=True)
    print(f"# {SEEDS} stores of an office: {outcomes}", flush=True)


def one_office(world, wanted, found, name):
    """Starts the office on its damaged store: what came of it."""
    hue = world["hue"]
    hue.process = hue.bench.start(hue.name, [hue.program, "run"], {"HOPNHAT_DATA": hue.data})
    wait_until(lambda: hue.listens() or not hue.process.running(), MEND_S, f"{name}: the agent decides")
    if not hue.process.running():
        check(found.status == 1, f"{name}: it ends only on a store that verify finds damaged")
        told = hue.process.log()
        check("restore the newest backup" in told or "enrol" in told, f"{name}: with a remedy")
        return "refused"
    synced = hue.call("sync", "--wait", "--timeout", "40", deadline_s=60)
    wait_until(lambda: hue.listens() or not hue.process.running(), MEND_S, f"{name}: the agent is there")
    for _ in range(2):  # LMDB may find what verify does not see, and end the process: a service starts again
        wait_until(lambda: hue.listens() or not hue.process.running(), MEND_S, f"{name}: it runs or not")
        if hue.process.running() or not os.path.exists(os.path.join(hue.data, "suspect")):
            break
        hue.process = hue.bench.start(hue.name, [hue.program, "run"], {"HOPNHAT_DATA": hue.data})
        wait_until(lambda: hue.listens() or not hue.process.running(), MEND_S, f"{name}: it is there again")
        synced = hue.call("sync", "--wait", "--timeout", "40", deadline_s=60)
    if synced.status != 0 and hue.process.running():
        synced = hue.call("sync", "--wait", "--timeout", "40", deadline_s=60)
    equal(synced.status, 0, f"{name}: {synced.describe()} {hue.process.log()[-800:]}")
    for daemon in (hue, world.hub, world["da-nang"]):
        equal(content(daemon), wanted, f"{name}: the content of {daemon.name}")
    incident = hue.status()["last_incident"] or ""
    if found.status == 1:
        check("made anew" in hue.process.log(), f"{name}: what verify finds is mended: {incident}")
    hue.stop()
    hue.do("verify")
    return "mended" if found.status == 1 else "the same"


def test_headquarters_with_a_damaged_store(bench):
    world, wanted = fill(bench)
    backup = bench.path("backup")
    world.hub.do("backup", backup)
    add_one = add(world["hue"], "partner", "name=After the backup")
    world.sync()
    wanted = content(world["hue"])
    check(add_one in wanted, "what came after the backup")
    hub, outcomes = world.hub, {}
    hub.stop()
    path = store_of(hub)
    whole = read(path)
    for seed in range(SEEDS):
        chance = random.Random(1000 + seed)
        put_back(path, whole)
        name = f"seed {seed} ({damage(path, chance, chance.choice((1, 1, 5)))})"
        found = hub.call("verify", deadline_s=60)
        check(found.status in (0, 1), f"verify itself does not crash: {found.describe()}")
        outcome = one_hub(world, wanted, found, name)
        for office in world.offices.values():
            equal(content(office), wanted, f"{name}: nothing wrong was sent to {office.name}")
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
        hub.bench.run(["rm", "-rf", os.path.join(hub.data, "store"), os.path.join(hub.data, "suspect")])
        os.makedirs(os.path.dirname(path), exist_ok=True)
    print(f"# {SEEDS} stores of headquarters: {outcomes}", flush=True)
    hub.do("restore", backup, "--replace")  # and what came since comes from the offices
    world.start_hub()
    for agent in world.offices.values():
        agent.do("sync", "--wait", "--timeout", "60", deadline_s=70)
    equal(content(hub), content(world["hue"]), "the hub after the restore")
    check(add_one in content(hub), "what came after the backup is there again")


def one_hub(world, wanted, found, name):
    hub = world.hub
    hub.process = hub.bench.start(hub.name, [hub.program, "run", "--listen", world.address],
                                  {"HOPNHAT_DATA": hub.data})
    wait_until(lambda: hub.listens() or not hub.process.running(), MEND_S, f"{name}: the hub decides")
    if hub.process.running():
        for agent in world.offices.values():
            agent.call("sync", "--wait", "--timeout", "20", deadline_s=60)
        wait_until(lambda: hub.listens() or not hub.process.running(), MEND_S, f"{name}: the hub is there")
    if not hub.process.running():
        check(found.status == 1, f"{name}: it ends only on a store that verify finds damaged")
        check("restore the newest backup" in hub.process.log(), f"{name}: with a remedy")
        return "refused"
    equal(content(hub), wanted, f"{name}: the content of the hub")
    if found.status == 1:
        check("made anew" in hub.process.log(), f"{name}: what verify finds is mended")
    hub.stop()
    hub.do("verify")
    return "mended" if found.status == 1 else "the same"


def test_a_store_that_has_lost_what_it_is(bench):
    """The page that names its databases is damaged, or the row that says that a store was made: nothing takes
    it for an empty one and writes over it."""
    world, _ = fill(bench)
    hub, hue = world.hub, world["hue"]
    code = world.enrol("hue")
    again = {"hub": ("init",), "hue": ("join", "--hub", world.address, "--code", code)}
    for daemon, lost in ((hub, b"quarantine"), (hub, b"format"), (hue, b"mirror"), (hue, b"format")):
        daemon.stop()
        whole = read(store_of(daemon))
        altered = whole.replace(lost, lost[:-1] + b"~")
        check(altered != whole, f"{lost} is in the store")
        put_back(store_of(daemon), altered)
        process = daemon.bench.start(daemon.name, [daemon.program, "run"], {"HOPNHAT_DATA": daemon.data})
        wait_until(lambda: not process.running(), MEND_S, f"{daemon.name} without {lost} ends")
        check("restore the newest backup" in process.log(), f"{lost}: with a remedy: {process.log()}")
        made = daemon.call(*again[daemon.name])
        check(made.status != 0 and ("lost its" in made.err or "already" in made.err), made.describe())
        check(read(store_of(daemon)) == altered, f"{daemon.name} without {lost}: the store is as it was")
        put_back(store_of(daemon), whole)
        (world.start_hub if daemon is hub else hue.start)()
    world.sync()


def test_a_daemon_that_crashes_again_on_a_sound_store(bench):
    """What verify cannot see may be wrong in it: after the second crash the store is made anew."""
    world, wanted = fill(bench)
    hue = world["hue"]
    unsent = add(hue, "partner", "name=Written before it crashed")
    for told in ("verified: it is sound", "made anew"):
        check("made anew" not in str(hue.status()["last_incident"]), "not before the second crash")
        os.kill(hue.process.child.pid, signal.SIGABRT)
        wait_until(lambda: not hue.process.running(), MEND_S, "it has crashed")
        hue.start(deadline_s=MEND_S)
        check(told in hue.status()["last_incident"], f"{told}: {hue.status()['last_incident']}")
    world.sync()
    for daemon in (hue, world.hub, world["da-nang"]):
        equal(sorted(content(daemon)), sorted([*wanted, unsent]), f"the content of {daemon.name}")
    hue.do("verify")


def in_both_heads(daemon, at, number):
    """Sets eight bytes in LMDB's two first pages."""
    data = bytearray(read(store_of(daemon)))
    for page in (0, PAGE):
        data[page + at:page + at + 8] = number.to_bytes(8, "little")
    put_back(store_of(daemon), data)


def test_a_list_of_free_pages_that_is_gone(bench):
    """All rows can be read and none written. verify tells it, and a daemon that nobody has told of it finds
    it when it writes; both mend the store, and no change goes to quarantine for it."""
    world, _ = fill(bench)
    for told in (True, False):
        for daemon in (world["hue"], world.hub):
            daemon.stop()
            in_both_heads(daemon, FREE_ROOT, 1 << 30)
            if told:
                check("free pages" in daemon.do("verify", status=1).out, f"{daemon.name}: verify tells it")
            (world.start_hub if daemon is world.hub else daemon.start)()
            add(world["da-nang"], "partner", f"name=After {daemon.name} {told}")
            wait_until(lambda one=daemon: "made anew" in one.process.log() and one.listens(), MEND_S,
                       f"{daemon.name} is mended by itself, told: {told}")
            world.sync()
            equal(content(daemon), content(world["da-nang"]), f"the content of {daemon.name}")
            daemon.do("verify")
    equal(world.hub.status()["quarantined"], 0, "changes in quarantine")


def test_a_mending_that_is_cut_before_its_last_step(bench):
    """The damaged store was moved aside, and the one that takes its place was not there yet."""
    world, _ = fill(bench)
    hue = world["hue"]
    world.hub.stop()
    add(hue, "partner", "name=Not sent yet")
    wanted = content(hue)
    hue.stop()
    store, staged = os.path.join(hue.data, "store"), os.path.join(hue.data, "staging")
    os.mkdir(staged)
    os.rename(store, os.path.join(staged, "store"))
    for mark in (os.path.join(staged, "installing"), os.path.join(hue.data, "suspect")):
        with open(mark, "wb"):
            pass
    hue.start(deadline_s=MEND_S)
    equal(content(hue), wanted, "the content")
    check(not os.path.exists(staged), "nothing is left of it")
    hue.stop()
    shutil.copytree(store, os.path.join(staged, "store"))  # cut before the other was moved aside
    with open(os.path.join(staged, "installing"), "wb"):
        pass
    hue.start(deadline_s=MEND_S)
    equal(content(hue), wanted, "the content is that of the store that was there")
    check(not os.path.exists(staged), "what was to take its place is gone")
    hue.stop()
    os.mkdir(staged)
    os.rename(store, os.path.join(staged, "store"))  # as of a backup that was cut: a copy of who knows when
    process = bench.start("hue", [hue.program, "run"], {"HOPNHAT_DATA": hue.data})
    equal(process.wait(), 1, "status without a store")
    check("restore the newest backup" in process.log(), f"with the remedy: {process.log()}")
    check(not os.path.exists(store), "and nothing is made in its place")


def test_a_store_of_which_little_is_left(bench):
    """Whatever is left of the file, the text says what to do, and not only to begin anew."""
    world = Federation(bench, "hue")
    for daemon in (world.hub, world["hue"]):
        daemon.stop()
        whole = read(store_of(daemon))
        for size in (0, 1, PAGE, 2 * PAGE, 3 * PAGE, len(whole) // 2):
            put_back(store_of(daemon), whole[:size])
            daemon.do("verify", status=1)
            process = bench.start(daemon.name, [daemon.program, "run"], {"HOPNHAT_DATA": daemon.data})
            wait_until(lambda one=process: not one.running(), MEND_S, f"{daemon.name} of {size} bytes ends")
            if process.child.returncode < 0:  # by a signal, once: the next start looks first
                process = bench.start(daemon.name, [daemon.program, "run"], {"HOPNHAT_DATA": daemon.data})
            equal(process.wait(MEND_S), 1, f"status of {daemon.name} of {size} bytes: {process.log()}")
            check("restore the newest backup" in process.log(), f"{size} bytes, remedy: {process.log()}")


def test_an_office_with_damaged_indexes(bench):
    world, wanted = fill(bench)
    hue, crashes = world["hue"], []
    names = sorted(record["fields"]["name"] for record in wanted.values())
    found = len([name for name in names if name.startswith("Partner")])
    hue.stop()
    path = os.path.join(hue.data, "views", "data.mdb")

    def answers():
        if not hue.process.running():  # damaged pages: the next start drops the indexes
            crashes.append(hue.process.child.returncode)
            hue.start(deadline_s=MEND_S)
        shown = hue.call("list", "partner", "--sort", "name", "--json")
        searched = hue.call("search", "partner", "--json")
        return shown.status == searched.status == 0 and len(searched.lines()) >= min(found, 20) and \
            sorted(record["fields"]["name"] for record in shown.lines()) == names
    for seed in range(SEEDS // 2):
        damage(path, random.Random(2000 + seed), 3)
        hue.call("verify", deadline_s=60)  # which sees more than a row that is read
        hue.process = hue.bench.start(hue.name, [hue.program, "run"], {"HOPNHAT_DATA": hue.data})
        wait_until(lambda: hue.listens() or not hue.process.running(), MEND_S, f"seed {seed}: it is there")
        before = len(crashes)
        wait_until(answers, MEND_S, f"seed {seed}: the indexes are right")
        check(len(crashes) <= before + 1, f"seed {seed}: it crashes once at most")
        hue.stop()
    hue.start()
    print(f"# {SEEDS // 2} damaged indexes, {len(crashes)} crashes", flush=True)


def alter(daemon, value):
    """Turns a bit of every place round where the value stands in the store."""
    path, found = store_of(daemon), 0
    data = bytearray(read(path))
    at = data.find(value)
    while at >= 0:
        data[at] ^= 0x20
        found += 1
        at = data.find(value, at + 1)
    put_back(path, data)
    check(found > 0, f"{value} is in the file")


def test_a_damaged_change_that_headquarters_does_not_have(bench):
    """It is lost, and told; what came after it is not."""
    world = Federation(bench, "hue", "da-nang")
    hue = world["hue"]
    first = add(hue, "partner", "name=First of all", "notes=known to all")
    world.sync()
    world.hub.stop()
    before = add(hue, "partner", "name=Before it", "country=LA")
    lost = add(hue, "partner", "name=Lost for good")
    after = add(hue, "partner", "name=After it")
    hue.do("set", "partner", before, "country=KH")
    hue.do("set", "partner", first, "country=VN")
    hue.stop()
    alter(hue, b"Lost for good")
    check("made anew" not in hue.do("verify", status=1).out, "verify looks only")
    hue.start(deadline_s=MEND_S)
    log = hue.process.log()
    check("had not reached headquarters, and is lost" in log, f"it is told: {log}")
    equal(sorted(content(hue)), sorted([first, before, after]), "what is left")
    world.start_hub()
    world.sync()
    for daemon in (world.hub, hue, world["da-nang"]):
        shown = content(daemon)
        equal(sorted(shown), sorted([first, before, after]), f"partners of {daemon.name}")
        equal([shown[record]["fields"].get("country") for record in (first, before)], ["VN", "KH"],
              "countries")
        daemon.do("verify")
    check(lost not in content(world.hub), "it is lost")


def test_a_row_that_is_damaged_while_the_daemon_runs(bench):
    """The agent stumbles over it, mends the store, and goes on; nobody sees the altered value."""
    world = Federation(bench, "hue", "da-nang")
    record = add(world["hue"], "partner", "name=Quite ordinary")
    world.sync()
    for daemon in (world["da-nang"], world.hub):
        alter(daemon, b"Quite ordinary")  # LMDB reads it from the same pages of the system's cache
        result = daemon.call("get", "partner", record, "--json")
        check(b"Quite ordinary"[1:].decode() not in result.out, f"it is not shown: {result.describe()}")
        if daemon is world.hub:  # its log is damaged, too
            wait_until(lambda: not world.hub.process.running(), MEND_S, "it ends")
            check("restore the newest backup" in world.hub.process.log(), "with the remedy")
            break
        wait_until(lambda: "made anew" in world["da-nang"].process.log() and world["da-nang"].listens(),
                   MEND_S, "it is mended")
        world.sync()
        equal(daemon.record("partner", record)["fields"]["name"], "Quite ordinary", "the name")
        check("made anew" in daemon.status()["last_incident"], "and told")


def test_damaged_views_cost_no_restore(bench):
    """What is derived from the store is made again: the error says how, and it is so."""
    world = Federation(bench, "hue")
    hue = world["hue"]
    record = add(hue, "partner", "name=Quite ordinary")
    world.sync()
    wait_until(lambda: hue.status()["index_behind"] == 0, SOON_S, "the views are up to date")
    hue.stop()
    path = os.path.join(hue.data, "views", "data.mdb")
    data = bytearray(read(path))
    for page in range(2 * PAGE, len(data), PAGE):
        if b"ordinary" in data[page:page + PAGE]:
            data[page + 10:page + 12] = bytes(2)  # LMDB's flags: a page of no kind
    put_back(path, data)
    result = hue.do("search", "ordinary", status=1)
    check("run verify" in result.err and "backup" not in result.err, f"the remedy: {result.err}")
    hue.do("verify", status=1)
    hue.start()
    equal(list(content(hue)), [record], "the records")
    check(record in hue.do("search", "ordinary", "--json").out, "it is found by the views")
    hue.do("verify")


if __name__ == "__main__":
    main(globals())
