#!/usr/bin/env python3
"""What the settings of an office's link hold back, and what moves all the same."""
import os
import random
import signal
import string
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from federation import Federation, add, ids  # noqa: E402
from hopnhat_test import SOON_S, check, equal, main, wait_until  # noqa: E402
from proxy import Proxy  # noqa: E402
from thin import bring  # noqa: E402


def configured(bench, world, code, *settings):
    """A new office that runs with these settings: its agent."""
    agent = world.join(code)
    agent.stop()
    agent.start(*(word for setting in settings for word in ("--set", setting)))
    return agent


def at_the_hub(world, type_name, record):
    return record in ids(world.hub, type_name)


def test_a_metered_link_moves_what_a_person_marked(bench):
    world = Federation(bench, "hue")
    world.add_office("son-la")
    agent = configured(bench, world, "son-la", "link_metered=yes")
    kept = add(agent, "partner", "name=Not urgent", "country=LA")
    elsewhere = add(world["hue"], "partner", "name=Not urgent either", "country=LA")
    world.sync("hue")
    quiet = add(world.hub, "directive", "number=1/TB", "title=Đọc dần")
    loud = add(world.hub, "directive", "number=2/HT", "title=Bão số 9", "urgent=true")
    wait_until(lambda: loud in ids(agent, "directive"), SOON_S, "the urgent directive is there")
    equal((quiet in ids(agent, "directive"), elsewhere in ids(agent, "partner"),
           at_the_hub(world, "partner", kept)), (False, False, False), "what is not urgent has stayed")
    status = agent.status()
    equal((status["waits_for"], status["caught_up"], status["pending"]), ("metered", False, 1), "status")
    failed = agent.call("sync", "--wait", "--timeout", "1")
    check(failed.status == 1 and "metered" in failed.err, f"sync --wait says why: {failed.describe()}")
    agent.do("sync", "--urgent")
    wait_until(lambda: at_the_hub(world, "partner", kept), SOON_S, "what was marked is at headquarters")
    after = add(agent, "partner", "name=After the mark", "country=LA")
    later = add(world.hub, "directive", "number=3/HT", "title=Bão số 10", "urgent=true")
    wait_until(lambda: later in ids(agent, "directive"), SOON_S, "another urgent directive is there")
    wait_until(lambda: agent.status()["pending"] == 1, SOON_S, "what was marked is acknowledged")
    check(not at_the_hub(world, "partner", after), "what came after the mark has stayed")
    agent.stop()
    agent.start("--set", "link_metered=no")
    world.sync("son-la")
    check(quiet in ids(agent, "directive") and elsewhere in ids(agent, "partner"), "all has come")
    equal(agent.status()["waits_for"], "", "nothing waits")


def test_bulk_waits_for_its_hours(bench):
    world = Federation(bench, "hue", "lai-chau")
    world.add_office("son-la")
    now = time.localtime()
    later = f"{(now.tm_hour + 3) % 24:02}:00-{(now.tm_hour + 5) % 24:02}:00"
    path = bench.path("agent.yaml")
    with open(path, "w", encoding="utf-8") as file:
        file.write(f'link_bulk_hours: "{later}"\n')
    agent = world.join("son-la")
    world.sync("son-la")
    agent.stop()
    agent.start("--config", path)
    wait_until(lambda: agent.status()["hub_online"], SOON_S, "the hub is there")
    bring(bench, agent, 1000, 1)
    fresh = add(agent, "partner", "name=Written by hand", "country=LA")
    wait_until(lambda: at_the_hub(world, "partner", fresh), SOON_S, "the edit is at headquarters")
    bring(bench, world["hue"], 3000, 2)
    world.sync("hue")
    directive = add(world.hub, "directive", "number=7/CT", "title=Bão số 9")
    wait_until(lambda: directive in ids(agent, "directive"), SOON_S, "the directive is there")
    status = agent.status()
    check(status["waits_for"] == "hours" and status["pending"] >= 1000 / 50 and
          status["records_to_come"] > 2000, f"the lists wait: {status}")
    equal(len(world.hub.records("partner")), 3001, "partners at headquarters")
    check(world.hub.status()["not_in_custody"] > 0, "nothing is taken into custody meanwhile")
    with open(path, "w", encoding="utf-8") as file:
        file.write("link_up_kbit_per_second: 0\n")
    agent.process.signal(signal.SIGHUP)
    wait_until(lambda: agent.status()["caught_up"], 30, "the lists have come and gone")
    equal(len(world.hub.records("partner")), 4001, "partners at headquarters")
    wait_until(lambda: world.hub.status()["not_in_custody"] == 0, SOON_S, "headquarters' log is in custody")


def check_rate(proxy, way, work):
    """What crosses in one direction while that is done keeps to 64 kbit/s; a second of it may be saved up,
    and what comes last, a record of a second's worth at most, is waited for by what would come next."""
    before, began = proxy.counted[way], time.monotonic()
    work()
    took, crossed = time.monotonic() - began, proxy.counted[way] - before
    print(f"# {crossed} bytes in {took:.1f} s: {crossed * 8 / took / 1000:.0f} kbit/s", flush=True)
    check(crossed * 8 < 64000 * (took + 3) and crossed > 30000, "at most 64 kbit/s")


def watch(agent, is_done, what):
    """Until that is so, what `status` tells of the time to go is right: to a half, or six seconds."""
    told = []

    def looked():
        status = agent.status()
        if status["seconds_to_go"]:
            told.append((time.monotonic(), status["seconds_to_go"]))
        return is_done(status)

    wait_until(looked, 90, what)
    ended = time.monotonic()
    wrong = [(round(ended - at, 1), seconds) for at, seconds in told
             if abs(ended - at - seconds) > max(6, (ended - at) / 2)]
    check(told and ended - told[0][0] > 6, f"{what}: it was told in time: {told[:1]}")
    check(len(wrong) < len(told) / 10, f"{what}: seconds that were left, and that were told: {wrong[::20]}")


def test_limits_of_the_rate_are_kept(bench):
    rnd = random.Random(1)
    world = Federation(bench, "hue")
    proxies = {}
    for code in ("son-la", "lai-chau"):
        world.add_office(code)
        proxies[code] = bench.closing(Proxy(bench.free_port(), world.port))
        world.join(code, address=f"tcp://127.0.0.1:{proxies[code].port}")
        world.sync(code)
        world[code].stop()

    def send():
        world["son-la"].start("--set", "link_up_kbit_per_second=64")
        bring(bench, world["son-la"], 1200, 1)
        watch(world["son-la"], lambda status: status["pending"] == 0, "all is at headquarters")

    def receive():
        world["lai-chau"].start("--set", "link_down_kbit_per_second=64")
        watch(world["lai-chau"], lambda status: status["caught_up"], "all has come")
        wait_until(lambda: world.hub.status()["not_in_custody"] == 0, 60, "headquarters' log too")

    check_rate(proxies["son-la"], 0, send)
    for number in range(6):
        notes = "".join(rnd.choice(string.ascii_letters) for _ in range(8000))
        add(world.hub, "partner", f"name=P{number}", "country=LA", f"notes={notes}")
    check_rate(proxies["lai-chau"], 1, receive)


if __name__ == "__main__":
    main(globals())
