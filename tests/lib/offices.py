"""What an edit costs between running daemons, in time and bytes, and what they take in memory."""
import json
import os
import subprocess
import time

from hopnhat_test import BUILD, Bench, wait_until
from federation import Caller, Federation, add
from proxy import Proxy

POLL_S = 0.0001

# What CURVE puts around each message: "\x07MESSAGE", a nonce of 8, a box of 16, and a flag byte.
CURVE_BYTES = 8 + 8 + 16 + 1


def framing_bytes(stream):
    """What ZMTP 3.1 and CURVE put around the messages in these bytes; the stream begins with a frame."""
    framing, at = 0, 0
    while at < len(stream):
        long = stream[at] & 2  # the size has 8 bytes
        head, size = (9, int.from_bytes(stream[at + 1:at + 9])) if long else (2, stream[at + 1])
        framing += head + CURVE_BYTES
        at += head + size
    return framing


def fsyncs_ms(directory, count):
    """The time of one write of 4 KiB with fdatasync, in milliseconds, each of `count`."""
    times, path = [], os.path.join(directory, "fsync")
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY, 0o600)
    for _ in range(count):
        began = time.perf_counter()
        os.pwrite(descriptor, b"x" * 4096, 0)
        os.fdatasync(descriptor)
        times.append((time.perf_counter() - began) * 1000)
    os.close(descriptor)
    os.unlink(path)
    return times


def one_latency_ms(a, b, record, number):
    """From the moment at which A is told to save until B shows it, asked again and again."""
    began = time.perf_counter()
    a.call("PATCH", f"/v1/records/partner/{record}", json.dumps({"set": {"address": f"street {number}"}}))
    while b.call("GET", f"/v1/records/partner/{record}")["fields"].get("address") != f"street {number}":
        time.sleep(POLL_S)
    return (time.perf_counter() - began) * 1000


def latency(federation, edits):
    """The times of so many edits, and of one fsync before each."""
    record = add(federation["a"], "partner", "name=Room to Read")
    federation.sync()
    a, b = Caller(federation["a"]), Caller(federation["b"])
    floor, times = [], []
    for number in range(edits):
        floor += fsyncs_ms(federation.bench.directory, 1)
        times.append(one_latency_ms(a, b, record, number))
    return times, floor


def wire(bench, federation, edits):
    """Bytes on one office's connection for an edit of one field (push, ack, its echo in the feed, the next
    pull), and how many of them are ZMTP's and CURVE's: of each edit."""
    port = bench.free_port()
    proxy = Proxy(port, federation.port)
    agent = bench.agent("thin")
    federation.add_office("thin")
    agent.do("join", "--hub", f"tcp://127.0.0.1:{port}", "--code", federation.enrol("thin"))
    agent.start()
    record = add(agent, "partner", "name=Thin")
    agent.do("sync", "--wait")
    caller = Caller(agent)
    costs = []
    for i in range(edits):
        proxy.keep()
        caller.call("PATCH", f"/v1/records/partner/{record}", json.dumps({"set": {"website": f"n{i:04}"}}))
        time.sleep(0.05)  # measured, not tested: what comes later belongs to the next
        costs.append((sum(map(len, proxy.kept)), sum(map(framing_bytes, proxy.kept))))
    return costs


def memory_kib(pid, what):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(what))


def settled_kib(agent):
    """RssAnon of an agent once it has nothing more to do: the same for three seconds."""
    wait_until(lambda: agent.status()["index_behind"] == 0, 600, "the views are built")
    seen = [memory_kib(agent.process.pid, "RssAnon")]
    while len(seen) < 4 or len(set(seen[-4:])) > 1:
        time.sleep(1)  # measured, not tested
        seen.append(memory_kib(agent.process.pid, "RssAnon"))
        if len(seen) > 60:
            break
    return seen[-1]


def at_rest(records, rows):
    """A hub that holds so many records, and an agent that has read them all; then it imports a list of so
    many rows, and sends it: RssAnon in KiB of the agent after the one and the other, and of the hub; and how
    long the reading took."""
    bench = Bench("rest")
    try:
        hub = bench.hub()
        subprocess.run([os.path.join(BUILD, "tests", "bench", "fill"), hub.data, str(records)], check=True)
        address = f"tcp://127.0.0.1:{bench.free_port()}"
        hub.start("--listen", address)
        hub.do("office", "add", "far", "--name", "Far")
        agent = bench.agent("far")
        agent.do("join", "--hub", address, "--code", hub.do("enrol", "far").out.strip())
        agent.start()
        began = time.perf_counter()
        agent.do("sync", "--wait", "--timeout", "600", deadline_s=620)
        took = time.perf_counter() - began
        read_kib = settled_kib(agent)
        path = bench.path("list.csv")
        with open(path, "w", encoding="utf-8") as file:
            file.write("Tên,Quốc gia,Cam kết,Ghi chú\n")
            file.writelines(f"Tổ chức {i},Pháp,{i}.000,dòng {i}\n" for i in range(rows))
        agent.do("import", "partner", path, deadline_s=620)
        agent.do("sync", "--wait", "--timeout", "600", deadline_s=620)
        return read_kib, settled_kib(agent), memory_kib(hub.process.pid, "RssAnon"), took
    finally:
        bench.close()
