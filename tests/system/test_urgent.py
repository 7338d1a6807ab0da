#!/usr/bin/env python3
"""What is urgent overtakes what is bulk."""
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from federation import Federation, add, fields, ids  # noqa: E402
from hopnhat_test import SOON_S, check, equal, main, wait_until  # noqa: E402
from proxy import Proxy  # noqa: E402
from thin import bring  # noqa: E402

RATE, RECORDS = 5000, 3500  # bytes a second; a first sync would take more than half a minute


def behind_a_thin_link(bench, world, code):
    """A new office whose link carries RATE: (agent, proxy)."""
    world.add_office(code)
    proxy = bench.closing(Proxy(bench.free_port(), world.port, delay_ms=50))
    agent = world.join(code, address=f"tcp://127.0.0.1:{proxy.port}")
    proxy.rate = RATE
    return agent, proxy


def test_a_directive_overtakes_a_first_sync(bench):
    world = Federation(bench, "hue")
    bring(bench, world["hue"], RECORDS, 1)
    world.sync("hue")
    agent, proxy = behind_a_thin_link(bench, world, "son-la")
    wait_until(lambda: len(agent.records("partner")) > 200, 30, "the first sync has begun")
    for mark in ("false", "true"):
        directive = add(world.hub, "directive", "number=7/CT", "title=Bão số 9", f"urgent={mark}")
        began = time.monotonic()
        wait_until(lambda: directive in ids(agent, "directive"), SOON_S, "the directive is there")
        took, left = time.monotonic() - began, agent.status()["records_to_come"]
        print(f"# the directive was there after {took:.1f} s, {left} records before the end", flush=True)
        check(left > RECORDS / 10, f"the first sync is still under way: {left}")
    proxy.rate = 0
    wait_until(lambda: agent.status()["caught_up"], 90, "all has come")
    status = agent.status()
    equal((status["digests_equal"], status["digest_mismatches"]), (True, 0), "the digests")
    equal(len(agent.records("partner")), RECORDS, "all partners")


def test_an_edit_overtakes_an_import(bench):
    world = Federation(bench)
    agent, proxy = behind_a_thin_link(bench, world, "son-la")
    world.sync("son-la")
    bring(bench, agent, RECORDS, 1)
    listed = ids(agent, "partner")[-1]  # the list is under way
    began = time.monotonic()
    fresh = add(agent, "partner", "name=Written by hand", "country=LA")
    wait_until(lambda: fresh in ids(world.hub, "partner"), SOON_S, "the edit is at headquarters")
    took, pending = time.monotonic() - began, agent.status()["pending"]
    print(f"# the edit was at headquarters after {took:.1f} s, {pending} changes before the end", flush=True)
    check(pending > RECORDS / 50 / 2, f"the list is still under way: {pending}")
    agent.do("set", "partner", listed, "since=2001-02-03")  # rests on the list
    proxy.rate = 0
    world.sync("son-la")
    equal(fields(world.hub, "partner", listed)["since"], "2001-02-03", "the edit of a listed record")
    status = agent.status()
    equal((status["refused"], status["pending"]), (0, 0), "nothing was refused")
    equal(len(world.hub.records("partner")), RECORDS + 1, "all partners")


if __name__ == "__main__":
    main(globals())
