#!/usr/bin/env python3
"""How an office comes in: the code on paper, on a screen and in a file, an answer that is lost, and codes
that do not hold."""
import datetime
import hashlib
import json
import os
import select
import shutil
import socket
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from federation import Federation, add
from proxy import Proxy
from wrong_clock import WrongClock
from hopnhat_test import ROOT, SOON_S, check, equal, main, wait_until


def read_qr(text, path):
    """The modules of a code in half blocks as rows of 0 (dark) and 1; decoded too where zbarimg is there."""
    halves = {" ": (0, 0), "▀": (1, 0), "▄": (0, 1), "█": (1, 1)}
    lines = [line for line in text.splitlines() if line]
    rows = [[halves[c][half] for c in line] for line in lines for half in (0, 1)]
    if shutil.which("zbarimg") is None:
        return rows, None
    with open(path, "w", encoding="ascii") as image:
        image.write(f"P2\n{6 * len(rows[0])} {6 * len(rows)}\n1\n")
        for row in rows:
            line = " ".join(str(module) for module in row for _ in range(6))
            image.write(6 * (line + "\n"))
    done = subprocess.run(["zbarimg", "-q", "--raw", path], capture_output=True, encoding="utf-8",
                          check=False, timeout=20)
    return rows, done.stdout.strip()


def test_a_code_is_printed_shown_and_written(bench):
    world = Federation(bench)
    world.add_office("hue")
    code, _, picture = world.hub.do("enrol", "hue", "--qr").out.partition("\n")
    rows, decoded = read_qr(picture, bench.path("qr.pgm"))
    size = len(rows[0]) - 8
    equal((len(rows[0]), len(code)), (len(picture.splitlines()[0]), 95), "the sizes")
    for top, left in ((4, 4), (4, size - 3), (size - 3, 4)):  # the three marks by which it is found
        mark = [row[left:left + 7] for row in rows[top:top + 7]]
        equal(mark[0], [0] * 7, f"the mark at {top}, {left}")
        equal(mark[3], [0, 1, 0, 0, 0, 1, 0], f"the mark at {top}, {left}")
    check(all(module == 1 for row in rows[:4] for module in row), "the quiet zone")
    check(decoded in (None, code), f"what a camera reads: {decoded}")
    shown = world.hub.do("enrol", "hue", "--qr", "--json")
    equal(len(json.loads(shown.out)["code"]), 95, "a JSON object and no picture on stdout")
    check("\u2588" in shown.err, "the picture is on stderr")
    path = bench.path("code")
    equal(world.hub.do("enrol", "hue", "--out", path).out, "", "stdout")
    equal(os.stat(path).st_mode & 0o777, 0o600, "the file's mode")
    world.hub.do("enrol", "hue", "--out", path, status=1)
    agent = bench.agent("hue")
    os.mkdir(agent.data)  # as the package has it
    check("join" in agent.do("status", status=1).err, "a tool says that there is no store yet")
    equal(os.listdir(agent.data), [], "what it has made: nothing that join would take for a store")
    with open(path, encoding="ascii") as file:
        agent.do("join", "--hub", world.address, "--code", file.read())
    expires = world.hub.do("enrol", "hue", "--json").json()["expires"]
    left = datetime.datetime.fromisoformat(expires.replace("Z", "+00:00")) - datetime.datetime.now(
        datetime.timezone.utc)
    check(datetime.timedelta(hours=23, minutes=50) < left < datetime.timedelta(hours=24, minutes=1),
          f"a code holds for a day: {left}")


class Swallower:
    """A proxy before a hub for one connection: passes on everything from the agent, and only so many bytes to
    it."""

    def __init__(self, bench, port, most_bytes):
        self.most_bytes, self.port, self.stopped = most_bytes, port, False
        self.received, self.answered = b"", b""
        self.listener = socket.create_server(("127.0.0.1", bench.free_port()))
        self.address = f"tcp://127.0.0.1:{self.listener.getsockname()[1]}"
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        try:
            agent, _ = self.listener.accept()
            with agent, socket.create_connection(("127.0.0.1", self.port), 10) as hub:
                self.carry(agent, hub)
        except OSError:
            pass

    def carry(self, agent, hub):
        passed = 0
        while not self.stopped:
            for source in select.select([agent, hub], [], [], 0.05)[0]:
                data = source.recv(65536)
                if not data:
                    return
                if source is agent:
                    self.received += data
                    hub.sendall(data)
                else:
                    self.answered += data
                    agent.sendall(data[:max(0, self.most_bytes - passed)])
                    passed += len(data)

    def close(self):
        self.stopped = True
        self.thread.join(10)
        self.listener.close()


def test_a_lost_answer_does_not_burn_the_code(bench):
    world = Federation(bench)
    world.add_office("hue")
    code = world.enrol("hue")
    handshake = 64 + 170 + 100  # greeting, WELCOME and READY fit; the answer to the Join is longer
    proxy = Swallower(bench, int(world.address.rpartition(":")[2]), handshake)
    agent, other = bench.agent("hue"), bench.agent("other")
    joining = bench.start("joining", [agent.program, "join", "--hub", proxy.address, "--code", code],
                          {"HOPNHAT_DATA": agent.data})

    def installations():
        return world.hub.do("office", "list", "--json").lines()[0]["installations"]
    wait_until(lambda: installations() == 1, SOON_S, "the hub has taken the Join")
    proxy.close()
    equal(joining.wait(35), 1, "the join whose answer was lost")
    check("same command again" in joining.log(), f"what it says: {joining.log()}")
    check(not os.path.exists(os.path.join(agent.data, "store")), "there is no store")
    check("does not hold" in other.do("join", "--hub", world.address, "--code", code, status=1).err,
          "somebody else with the same code")
    agent.do("join", "--hub", world.address, "--code", code)
    equal(installations(), 1, "installations of the office")
    check(not os.path.exists(os.path.join(agent.data, "joining")), "the kept keys are gone")
    agent.start()
    add(agent, "partner", "name=One")
    agent.do("sync", "--wait")
    equal(len(world.hub.records("partner")), 1, "partners at the hub")


def test_nothing_is_said_to_a_hub_with_another_key(bench):
    world = Federation(bench)
    world.add_office("hue")
    other = bench.hub("impostor")
    other.do("init")
    port = bench.free_port()
    other.start("--listen", f"tcp://127.0.0.1:{port}")
    proxy = Swallower(bench, port, 1 << 20)
    agent = bench.agent("hue")
    result = agent.do("join", "--hub", proxy.address, "--code", world.enrol("hue"), status=1)
    check("does not hold" in result.err, f"what it says: {result.err}")
    proxy.close()
    # greeting (64), HELLO (200 and its frame): what proves a key to the right hub only, and no message
    check(64 < len(proxy.received) <= 64 + 210, f"{len(proxy.received)} bytes were sent")


ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def with_another_seed(code):
    """A code of the same hub that nobody handed out: docs/protocol.md has the form."""
    bits = "".join(f"{ALPHABET.index(letter):05b}" for letter in code.replace("-", ""))
    content = int(bits, 2).to_bytes(50, "big")[:32] + os.urandom(16)
    crc = 0x6861
    for byte in content:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ (0x1021 if crc & 0x8000 else 0)) & 0xffff
    bits = f"{int.from_bytes(content + crc.to_bytes(2, 'big'), 'big'):0400b}"
    return "".join(ALPHABET[int(bits[i:i + 5], 2)] for i in range(0, 400, 5))


def test_nobody_learns_why_a_code_does_not_hold(bench):
    """Wrong, used, revoked or late: the hub lets none of them connect, with the same bytes, and the office
    reads the same words."""
    world = Federation(bench)
    clock = WrongClock(bench, world.hub)
    world.hub.stop()
    world.start_hub()
    for office in ("hue", "da-nang"):
        world.add_office(office)
    used, late, revoked = world.enrol("hue"), world.enrol("hue"), world.enrol("da-nang")
    bench.agent("first").do("join", "--hub", world.address, "--code", used)
    world.hub.do("revoke", "da-nang")
    wrong, seen = with_another_seed(used), {}
    for kind, code in (("wrong", wrong), ("used", used), ("revoked", revoked), ("late", late)):
        clock.set(25 * 3600 * 1000 if kind == "late" else 0)
        proxy = Swallower(bench, int(world.address.rpartition(":")[2]), 1 << 20)
        words = bench.agent(kind).do("join", "--hub", proxy.address, "--code", code, status=1).err
        proxy.close()
        # greeting (64) and WELCOME (170), which differ by their keys and nonces, and then the answer
        seen[kind] = words, len(proxy.received), len(proxy.answered), proxy.answered[64 + 170:]
    check("does not hold" in seen["wrong"][0] and b"400" in seen["wrong"][3], f"what is answered: {seen}")
    for kind, told in seen.items():
        equal(told, seen["wrong"], f"a {kind} code against a wrong one")


def large_catalog(bench):
    """The built-in catalog with a field of many values, which hardly compress: the file's path."""
    words = [hashlib.shake_128(str(i).encode()).hexdigest(150) for i in range(490)]
    values = "".join(f"          - {{name: w{i}, vi: {word}}}\n" for i, word in enumerate(words))
    with open(os.path.join(ROOT, "deploy", "catalog", "vufo.yaml"), encoding="utf-8") as file:
        text = file.read().replace("version: 1\n", "version: 2\n", 1)
    with open(bench.path("large.yaml"), "w", encoding="utf-8") as file:
        file.write(text + "  - number: 900\n    name: word\n    audience: everyone\n    write: any\n"
                   "    fields:\n"
                   "      - number: 16\n        name: word\n        kind: enum\n        choices:\n" + values)
    return bench.path("large.yaml")


def test_a_large_catalog_comes_over_a_link_that_is_cut(bench):
    world = Federation(bench)
    world.hub.do("catalog", "apply", large_catalog(bench))
    world.add_office("hue")
    proxy = bench.closing(Proxy(bench.free_port(), world.port))
    agent = bench.agent("hue")
    proxy.cut_after(60_000)
    agent.do("join", "--hub", f"tcp://127.0.0.1:{proxy.port}", "--code", world.enrol("hue"), deadline_s=60)
    check(proxy.connections >= 3, f"by the code, by the own key, and after the cut: {proxy.connections}")
    check(proxy.total() < 400_000, f"little came twice: {proxy.total()} B")
    equal(agent.status()["catalog_version"], 2, "the catalog")
    agent.start()
    agent.do("sync", "--wait", "--timeout", "30", deadline_s=40)


if __name__ == "__main__":
    main(globals())
