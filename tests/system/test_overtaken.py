#!/usr/bin/env python3
"""A large record that a more urgent one overtakes goes on where it was."""
import json
import os
import random
import string
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from federation import Caller, Federation, ids  # noqa: E402
from hopnhat_test import ROOT, check, equal, main, wait_until  # noqa: E402
from proxy import Proxy  # noqa: E402

RATE, LARGE = 8000, 60000  # bytes a second; a text that takes about eight seconds then
PACKED = 0.85  # of such a text; it is 0.82 really
CUT = 2 * RATE  # what is lost with one


def open_directives(bench):
    """The built-in catalog where offices write directives: none goes into custody then. The file's path."""
    with open(os.path.join(ROOT, "deploy", "catalog", "vufo.yaml"), encoding="utf-8") as file:
        text = file.read().replace("version: 1\n", "version: 2\n", 1)
    before, name, after = text.partition("name: directive\n")
    with open(bench.path("catalog.yaml"), "w", encoding="utf-8") as file:
        file.write(before + name + after.replace("write: headquarters", "write: any", 1))
    return bench.path("catalog.yaml")


def large_text(chance):
    """Such that packing it does not help much."""
    return "".join(chance.choices(string.ascii_letters + string.digits + string.punctuation, k=LARGE))


def bring(agent, type_name, given):
    """Makes the record, and has it at headquarters: its id."""
    caller = Caller(agent)
    answer = caller.call("POST", f"/v1/records/{type_name}", json.dumps(given))
    caller.close()
    agent.do("sync", "--wait", "--timeout", "30", deadline_s=40)
    return answer["id"]


def test_it_goes_on(bench):
    """Neither it nor the urgent one begins anew, over an agent that is killed, a hub that is restarted and a
    cut; and the urgent one crosses once."""
    world, chance = Federation(bench), random.Random(1)
    world.hub.do("catalog", "apply", open_directives(bench))
    for code in ("hue", "son-la"):
        world.add_office(code)
    proxy = bench.closing(Proxy(bench.free_port(), world.port, delay_ms=50))
    hue, agent = world.join("hue"), world.join("son-la", address=f"tcp://127.0.0.1:{proxy.port}")
    proxy.rate = RATE
    world.sync()  # which measures the link
    before = proxy.counted[1]

    def wait_at_rate(condition, what):
        """In between the link is slow, so that little crosses where the test itself is."""
        proxy.rate = RATE
        wait_until(condition, 60, what)
        proxy.rate = RATE / 10

    def crossed(size, what):
        start = proxy.counted[1]
        wait_at_rate(lambda: proxy.counted[1] >= start + size, f"{size} B of {what} have crossed")

    partner = bring(hue, "partner", {"set": {"name": "Large"},
                                     "add": {"notes": [large_text(chance), large_text(chance)]}})
    crossed(LARGE / 2, "the partner")
    directive = bring(hue, "directive", {"set": {"number": "7/CT", "title": "Bão số 9",
                                                 "body": large_text(chance), "urgent": "true"}})
    crossed(LARGE * 3 / 4, "the partner, and of the directive")
    agent.kill()
    agent.start()
    wait_at_rate(lambda: ids(agent, "directive") == [directive], "the directive is there")
    equal(ids(agent, "partner"), [], "partners when the directive is there")
    crossed(LARGE / 6, "the partner")
    world.hub.stop()
    world.start_hub()
    crossed(LARGE / 6, "the partner")
    proxy.cut()
    wait_at_rate(lambda: agent.status()["caught_up"], "all has come")
    equal(ids(agent, "partner"), [partner], "partners at the end")
    equal(agent.status()["digest_mismatches"], 0, "digest mismatches")
    took = proxy.counted[1] - before
    print(f"# {took} B for {3 * LARGE} B of text", flush=True)
    check(took < PACKED * 3 * LARGE + 3 * CUT, f"nothing crossed twice but what was cut: {took} B")


if __name__ == "__main__":
    main(globals())
