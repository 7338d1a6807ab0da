#!/usr/bin/env python3
"""Strangers at the hub's port and at the HTTP ports: floods, half-open handshakes, slow senders, too many
connections. Nothing of it may end a daemon, grow it past its bounds, or keep offices from their work."""
import contextlib
import os
import random
import resource
import signal
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from federation import Federation, add, sees  # noqa: E402
from hopnhat_test import SOON_S, check, equal, main, wait_until  # noqa: E402
from web import Web  # noqa: E402

GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x01"
HANDSHAKE_S = 60  # after which the hub closes what has not finished its handshake


def greeting(mechanism):
    """The 64 bytes with which a ZMTP 3.1 client begins."""
    return GREETING + mechanism.ljust(20, b"\0") + bytes(32)


def address_of(federation):
    host, port = federation.address.removeprefix("tcp://").split(":")
    return host, int(port)


def resident_bytes(daemon):
    with open(f"/proc/{daemon.process.pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("RssAnon:"))


def open_files(daemon):
    return len(os.listdir(f"/proc/{daemon.process.pid}/fd"))


def connect(address):
    link = socket.create_connection(address, timeout=10)
    link.settimeout(10)
    return link


@contextlib.contextmanager
def in_background(job, count):
    """Runs job(stop) in so many threads until the block ends; job returns when stop is set."""
    stop = threading.Event()
    threads = [threading.Thread(target=job, args=(stop,)) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(30)


def works(federation, rounds):
    """Offices a and b do their work: what a saves is shown in b."""
    for number in range(rounds):
        partner = add(federation["a"], "partner", f"name=Partner {number}", "country=VN")
        sees(federation["b"], "partner", partner, "name", f"Partner {number}")


def test_a_flood_of_garbage(bench):
    federation = Federation(bench, "a", "b")
    address = address_of(federation)
    before = resident_bytes(federation.hub)

    def flood(stop):
        chance = random.Random(threading.get_ident())
        while not stop.is_set():
            with contextlib.suppress(OSError), connect(address) as link:
                greetings = [b"", GREETING, greeting(b"CURVE"), greeting(b"NULL"), greeting(b"PLAIN")]
                link.sendall(chance.choice(greetings) + chance.randbytes(chance.randrange(20000)))
                link.settimeout(0.05)
                link.recv(1000)
    with in_background(flood, 8):
        works(federation, 20)
    federation.sync()
    check(federation.hub.process.running(), "the hub runs on")
    check(resident_bytes(federation.hub) < before + (64 << 20), "the hub's memory is bounded")
    wait_until(lambda: federation.hub.status()["replicas_online"] == 2, SOON_S, "the offices are online")


def test_half_open_handshakes_are_closed(bench):
    federation = Federation(bench, "a", "b")
    address = address_of(federation)
    before = open_files(federation.hub)
    links = []
    for number in range(400):
        link = connect(address)
        begins = [b"", GREETING[:5], greeting(b"CURVE"), greeting(b"CURVE") + b"\x04\xc8\x05HELLO"]
        link.sendall(begins[number % 4])
        links.append(link)
    works(federation, 5)
    federation.add_office("c")
    federation.join("c")
    wait_until(lambda: open_files(federation.hub) <= before + 5, HANDSHAKE_S + 20,
               f"the hub closes what never finishes: {open_files(federation.hub)} files")
    for link in links:
        link.close()
    federation.sync()


def test_slow_senders(bench):
    federation = Federation(bench, "a", "b")
    address = address_of(federation)

    def drip(stop):
        with contextlib.suppress(OSError), connect(address) as link:
            for byte in greeting(b"CURVE") * 1000:
                link.sendall(bytes([byte]))
                if stop.wait(0.05):
                    return
    with in_background(drip, 30):
        works(federation, 10)
    check(federation.hub.process.running(), "the hub runs on")


def test_another_mechanism_is_not_let_in(bench):
    federation = Federation(bench, "a")
    for mechanism in (b"NULL", b"PLAIN"):
        with connect(address_of(federation)) as link:
            ready = b"\x05READY\x0bSocket-Type" + (6).to_bytes(4, "big") + b"DEALER"
            link.sendall(greeting(mechanism) + b"\x04" + bytes([len(ready)]) + ready + b"\x00\x03\x00abc")
            answer, piece = b"", b"?"
            with contextlib.suppress(ConnectionError):
                while piece:
                    piece = link.recv(1000)
                    answer += piece
            check(len(answer) <= 64, f"nothing but a greeting comes back: {answer!r}")


def test_more_connections_than_files(bench):
    federation = Federation(bench, "a", "b")
    federation.sync()  # those who are linked stay so; a new one waits until there is room
    pid = federation.hub.process.pid
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (open_files(federation.hub) + 20,) * 2)
    links = []
    with contextlib.suppress(OSError):
        for _ in range(200):
            links.append(connect(address_of(federation)))
    works(federation, 5)
    for link in links:
        link.close()
    check(federation.hub.process.running(), "the hub runs on")
    federation.add_office("c")
    wait_until(lambda: open_files(federation.hub) < 40, HANDSHAKE_S + 10, "the connections are gone")
    federation.join("c")
    federation.sync()


def http_answer(address, request, deadline_s=10):
    with connect(address) as link:
        link.settimeout(deadline_s)
        with contextlib.suppress(ConnectionError):
            link.sendall(request)
        answer, piece = b"", b"?"
        with contextlib.suppress(ConnectionError, TimeoutError):
            while piece:
                piece = link.recv(65536)
                answer += piece
        return answer


def test_http_strangers(bench):
    federation = Federation(bench, "a")
    agent, address = federation["a"], ("127.0.0.1", bench.free_port())
    agent.stop()
    agent.start("--http", f"{address[0]}:{address[1]}")
    before = resident_bytes(agent)
    chance = random.Random(7)
    head = b"GET /v1/status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    post = b"POST /v1/records/partner HTTP/1.1\r\nHost: localhost\r\n"
    where = b"GET /v1/records/partner?where=" + b"%00%ff" * 50
    for request in (chance.randbytes(5000), b"GET " + b"/" * 100000 + b" HTTP/1.1\r\n\r\n",
                    head + b"X: " + b"y" * 200000 + b"\r\n\r\n", b"\0\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n",
                    post + b"Content-Length: 99999999999\r\n\r\n{",
                    post + b"Content-Length: -1\r\n\r\n{}",
                    where + b" HTTP/1.1\r\nHost: localhost\r\n\r\n"):
        answer = http_answer(address, request, 2)
        check(b" 200 " not in answer[:20], f"no success for {request[:40]!r}: {answer[:60]!r}")
    slow = [connect(address) for _ in range(40)]
    for link in slow:
        with contextlib.suppress(OSError):
            link.sendall(b"GET /v1/status HTT")
    add(agent, "partner", "name=While they are slow", "country=VN")  # over the Unix socket
    for link in slow:
        link.close()
    wait_until(lambda: b" 401 " in http_answer(address, head + b"\r\n")[:20], 40, "HTTP answers again")
    check(resident_bytes(agent) < before + (32 << 20), "the agent's memory is bounded")


def accepted(port):
    """How many connections to the port a process has taken: the others have no inode yet."""
    with open("/proc/net/tcp", encoding="ascii") as table:
        rows = [line.split() for line in table][1:]
    return sum(1 for row in rows
               if row[1].endswith(f":{port:04X}") and row[3] == "01" and row[9] != "0")


def test_more_http_connections_than_are_taken(bench):
    federation = Federation(bench, "a")
    agent, address = federation["a"], ("127.0.0.1", bench.free_port())
    agent.stop()
    agent.start("--http", f"{address[0]}:{address[1]}")
    slow = []
    for _ in range(300):
        slow.append(connect(address))
        with contextlib.suppress(OSError):
            slow[-1].sendall(b"GET /v1/status HTT")
    wait_until(lambda: accepted(address[1]) == 256, SOON_S, "the agent takes as many as it may")
    os.kill(agent.process.pid, signal.SIGSTOP)
    for link in slow:
        link.close()
    os.kill(agent.process.pid, signal.SIGCONT)  # and all have ended at once
    head = b"GET /v1/status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    wait_until(lambda: b" 401 " in http_answer(address, head, 2)[:20], SOON_S, "HTTP answers again")


def figure(address, name):
    """A figure of /metrics; None while nobody answers."""
    head = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"
    lines = http_answer(address, head, 1).decode().splitlines()
    return next((float(line.split()[1]) for line in lines if line.startswith(name + " ")), None)


def test_http_is_not_held_by_single_bytes(bench):
    """Longer than half a minute nobody holds a connection who does not log in, whatever he sends."""
    federation = Federation(bench, "a")
    agent, address = federation["a"], ("127.0.0.1", bench.free_port())
    agent.stop()
    agent.start("--http", f"{address[0]}:{address[1]}")
    agent.do("account", "add", "edi", "--role", "editor", given="long enough here\n")
    token = Web(address[1]).login("edi", "long enough here").headers["Authorization"].encode()
    head = b"POST /v1/records/partner HTTP/1.1\r\nHost: localhost\r\nAuthorization: " + token + b"\r\n"
    known = connect(address)  # over a slow link
    known.sendall(head + b"Content-Length: 1000\r\nConnection: close\r\n\r\n")
    sent = 0
    begins = (b"GET /v1/status HTT",
              b"POST /v1/records/partner HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n{",
              b"POST /v1/session HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{")
    slow = [connect(address) for _ in range(300)]
    for number, link in enumerate(slow):
        with contextlib.suppress(OSError):
            link.sendall(begins[number % 3])
    wait_until(lambda: accepted(address[1]) == 256, SOON_S, "the agent takes as many as it may")
    before = time.monotonic()

    def ended():
        nonlocal sent
        known.sendall(b" ")
        sent += 1
        for link in slow:
            with contextlib.suppress(OSError):
                link.send(b" ")
        return figure(address, "hopnhat_http_connections_ended_total")
    wait_until(lambda: (ended() or 0) >= 255, 50, "HTTP answers again and tells of it")
    check(time.monotonic() - before > 15, "who is slow has time")
    known.sendall(b'{"set":{"name":"Slow","country":"VN"}}'.ljust(1000 - sent))
    check(b" 200 " in known.recv(1000)[:20], "who has logged in may take longer")
    known.close()
    equal(agent.process.log().count("HTTP connections were ended"), 1, "lines in the log")
    for link in slow:
        link.close()


if __name__ == "__main__":
    main(globals())
