#!/usr/bin/env python3
"""Daemons are killed while they write and sync: what was acknowledged to a person is there, once."""
import os
import random
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from federation import Federation, add, comparable, fields  # noqa: E402
from hopnhat_test import COMMAND_DEADLINE_S, Failed, check, equal, main  # noqa: E402

AGENTS = 20
KILLS = 50
WRITERS = 4


def test_a_kill_while_others_watch(bench):
    """One office, many kills right after a save: each saved record is at the hub once."""
    world = Federation(bench, "hue", "da-nang")
    saved = []
    for i in range(10):
        saved.append(add(world["hue"], "partner", f"name=Partner {i}"))
        world["hue"].kill()
        world["hue"].start()
        saved.append(add(world["hue"], "partner", f"name=Partner {i} again"))
        if i % 2:
            world.hub.kill()
            world.start_hub()
    world.sync()
    for daemon in (world.hub, world["hue"], world["da-nang"]):
        equal(sorted(r["id"] for r in daemon.records("partner")), sorted(saved), f"{daemon.name}'s partners")


class Writer(threading.Thread):
    """Writes through the command line until told to stop, and remembers what was acknowledged."""

    def __init__(self, agents, counters, seed):
        super().__init__()
        self.agents, self.counters, self.random = agents, counters, random.Random(seed)
        self.seed, self.stopping, self.tried = seed, threading.Event(), 0
        self.saved = {}      # id -> name
        self.names = set()   # every name that was tried
        self.counted = {}    # counter -> [acknowledged, tried]
        self.trouble = None

    def run(self):
        try:
            while not self.stopping.is_set():
                self.step()
        except Exception as error:  # pylint: disable=broad-except  # told by the test that joins this thread
            self.trouble = error

    def step(self):
        agent = self.random.choice(self.agents)
        self.tried += 1
        if self.random.random() < 0.5:
            name = f"Partner {self.seed}-{self.tried}"
            self.names.add(name)
            result = agent.call("add", "partner", f"name={name}", f"notes=by {agent.name}")
            if result.status == 0:
                self.saved[result.out.strip()] = name
        else:
            counter = self.counters[agent.name]
            count = self.counted.setdefault(counter, [0, 0])
            result = agent.call("set", "officer", counter, "meetings_invited+=1")
            count[1] += 1
            count[0] += result.status == 0
        check(result.status in (0, 1), f"a command ends with 0 or 1: {result.describe()}")


def kill_at_random(world, agents, chance):
    """KILLS SIGKILLs at random moments, each followed by a start."""
    for _ in range(KILLS):
        time.sleep(chance.random() * 0.2)  # the moment is what is random; nothing is waited for
        if chance.random() < 0.2:
            world.hub.kill()
            world.start_hub()
        else:
            agent = chance.choice(agents)
            agent.kill()
            agent.start()


def check_counters(hub, writers):
    for counter in {c for writer in writers for c in writer.counted}:
        acknowledged = sum(writer.counted.get(counter, [0, 0])[0] for writer in writers)
        tried = sum(writer.counted.get(counter, [0, 0])[1] for writer in writers)
        value = fields(hub, "officer", counter).get("meetings_invited", 0)
        check(acknowledged <= value <= tried, f"a counter stands at {value}: {acknowledged} of {tried} saved")


def test_twenty_agents_and_fifty_kills(bench):
    world = Federation(bench, *[f"office-{i}" for i in range(AGENTS)])
    agents = list(world.offices.values())
    counters = {agent.name: add(agent, "officer", f"full_name=Officer of {agent.name}") for agent in agents}
    writers = [Writer(agents[i::WRITERS], counters, i) for i in range(WRITERS)]
    for writer in writers:
        writer.start()
    try:
        kill_at_random(world, agents, random.Random(os.getpid()))
    finally:
        for writer in writers:
            writer.stopping.set()
        for writer in writers:
            writer.join(COMMAND_DEADLINE_S + 10)
    for writer in writers:
        if writer.trouble or writer.is_alive():
            raise Failed(f"a writer failed: {writer.trouble}")
    world.sync()
    at_hub = {record["id"]: comparable(record) for record in world.hub.records("partner")}
    saved = {record: name for writer in writers for record, name in writer.saved.items()}
    check(len(saved) > 50, f"enough was written: {len(saved)}")
    for record, name in saved.items():
        check(record in at_hub, f"the saved {name} is at the hub")
        equal(at_hub[record]["fields"]["name"], name, "its name")
    names = [record["fields"]["name"] for record in at_hub.values()]
    equal(len(names), len(set(names)), "each name once")
    check(set(names) <= {name for writer in writers for name in writer.names}, "no other names")
    check_counters(world.hub, writers)
    for agent in agents:
        equal({r["id"]: comparable(r) for r in agent.records("partner")}, at_hub, f"{agent.name}'s partners")
    print(f"# {len(saved)} records and {sum(c[0] for w in writers for c in w.counted.values())} increments "
          f"saved, {KILLS} kills, {AGENTS} agents", flush=True)


if __name__ == "__main__":
    main(globals())
