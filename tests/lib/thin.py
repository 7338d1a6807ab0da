"""What tests and benches do over thin links: many records, what is under way, bytes of a connection."""
import concurrent.futures
import csv
import json
import random
import re
import subprocess
import time

from federation import Caller, Federation, caught_up
from hopnhat_test import equal, wait_until

COUNTRIES = ("FR", "US", "NL", "DE", "JP", "KR", "LA", "KH", "CN", "AU")
SECTORS = ("Nông nghiệp", "Trẻ em", "Cứu trợ khẩn cấp", "Y tế", "Giáo dục", "Môi trường", "Bình đẳng giới")
WORDS = ("Hội", "hữu", "nghị", "Room", "to", "Read", "Plan", "World", "Vision", "Trung tâm", "phát triển",
         "Quỹ", "Save", "the", "Children", "Solidarité", "Brot", "für", "Action", "Aid", "Oxfam", "Peace")


def partners(count, name, seed):
    """So many partners as an office keeps them: dictionaries of fields."""
    chance = random.Random(seed)
    for i in range(count):
        yield {"name": " ".join(chance.choice(WORDS) for _ in range(4)) + f" {name} {seed}-{i}",
               "country": chance.choice(COUNTRIES), "sectors": chance.choice(SECTORS),
               "since": f"{chance.randrange(1990, 2026)}-{chance.randrange(1, 13):02}-01",
               "committed_usd": str(chance.randrange(1000, 9000000)),
               "notes": " ".join(chance.choice(WORDS) for _ in range(chance.randrange(12)))}


def write(agent, count, seed):
    """The agent saves so many new partners, a change each."""
    caller = Caller(agent)
    for fields in partners(count, agent.name, seed):
        caller.call("POST", "/v1/records/partner", json.dumps({"set": fields}))
    caller.close()


def bring(bench, agent, count, seed):
    """The agent imports a list of so many partners; many of them make one change."""
    path = bench.path(f"{agent.name}-{seed}.csv")
    with open(path, "w", encoding="utf-8") as file:
        rows = csv.DictWriter(file, ("name", "country", "sectors", "since", "committed_usd", "notes"))
        rows.writeheader()
        rows.writerows(partners(count, agent.name, seed))
    answer = agent.do("import", "partner", path, "--json", deadline_s=120).json()
    equal((answer["added"], answer["rejected"]), (count, []), f"partners that {agent.name} brought")


def joined(bench, network, shape, *codes):
    """A federation whose offices join over a link of that shape each."""
    world = Federation(bench, network=network)
    for code in codes:
        world.add_office(code)
    with concurrent.futures.ThreadPoolExecutor(len(codes)) as pool:
        for joining in [pool.submit(world.join, code, shape=shape) for code in codes]:
            joining.result()
    return world


def wait_caught_up(world, records, deadline_s):
    """Every office has all records, with equal digests and no mismatch ever."""
    for agent in world.offices.values():
        def done(agent=agent):
            status = caught_up(agent)
            return status and len(agent.records("partner")) == records and status
        status = wait_until(done, deadline_s, f"{agent.name} has all {records} records: {agent.status()}")
        equal(status["digest_mismatches"], 0, f"digest mismatches of {agent.name}")


def sockets(space, port):
    """(bytes acknowledged by the other end, bytes received) of the connections to that port, added up."""
    out = subprocess.run([*space.within, "ss", "-tinH", "dst", f":{port}"], capture_output=True, text=True,
                         check=True, timeout=30).stdout
    return tuple(sum(int(n) for n in re.findall(rf"\b{name}:(\d+)", out))
                 for name in ("bytes_acked", "bytes_received"))


def with_a_cut(bench, network, shape, count, cut_s, deadline_s):
    """Four offices join over links of that shape, each makes so many changes, and when half of all is at the
    hub the links are cut for a while: (seconds of the sync without the cut, seconds of joining)."""
    began = time.monotonic()
    world = joined(bench, network, shape, "hue", "da-nang", "can-tho", "quang-tri")
    joining = time.monotonic() - began
    began = time.monotonic()
    total, agents = count * len(world.offices), list(world.offices.values())
    with concurrent.futures.ThreadPoolExecutor(len(agents)) as pool:
        writing = [pool.submit(write, agent, count, seed) for seed, agent in enumerate(agents)]
        wait_until(lambda: len(world.hub.records("partner")) >= total / 2, deadline_s, "half is at the hub")
        cut(network, cut_s)
        for done in writing:
            done.result()
    wait_caught_up(world, total, deadline_s)
    return time.monotonic() - began - cut_s, joining


def cut(network, cut_s):
    """All links, for so long."""
    for link in network.links.values():
        link.cut()
    time.sleep(cut_s)  # the cut itself, not a state that is waited for
    for link in network.links.values():
        link.mend()


__all__ = ["bring", "joined", "sockets", "wait_caught_up", "with_a_cut", "write"]
