#!/usr/bin/env python3
"""The link emulator and the proxy keep what they promise: rate, delay, loss, cuts, measured by plain TCP."""
import os
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import link  # noqa: E402
from hopnhat_test import at_best, check, equal, main  # noqa: E402
from plain import carry, ping  # noqa: E402
from proxy import Proxy  # noqa: E402

def between(low, value, high, what):
    check(low <= value <= high, f"{what}: {value:.3f}, not {low} to {high}")


def test_rate_and_delay_are_held(bench):
    link.need()
    network = bench.closing(link.Network())
    office, wire = network.office("hue", link.Shape(512_000, 150))
    between(0.150, min(ping(office, network.hub, network.HUB, datagrams=10)), 0.170, "a round trip")

    def part_of_the_rate():
        before = wire.count()[0]["bytes"]
        took = carry(office, network.hub, network.HUB, 200_000)
        part = (wire.count()[0]["bytes"] - before) * 8 / 512_000 / (took - 0.3)
        check(part <= 1.1, f"part of the rate that a transfer uses: {part}")
        return part >= 0.95
    at_best(part_of_the_rate, "a transfer uses the link's rate")


def test_loss_and_jitter(bench):
    link.need()
    network = bench.closing(link.Network(seed=5))
    office, wire = network.office("hue", link.Shape(0, 20, 20, loss=0.2))
    trips = sorted(ping(office, network.hub, network.HUB, datagrams=400, timeout_s=0.05))
    between(0.64 * 0.85, len(trips) / 400, 0.64 * 1.15, "datagrams that came back over 20 % loss each way")
    check(trips[0] < 0.012 and trips[-1] > 0.025, f"jitter spreads: {trips[0]:.4f} to {trips[-1]:.4f} s")
    there, back = wire.count()
    between(0.2 * 400 * 0.7, there["lost"], 0.2 * 400 * 1.3, "lost there")
    check(back["lost"] > 0, "lost back")


def test_a_cut_loses_all_and_mends(bench):
    link.need()
    network = bench.closing(link.Network())
    office, wire = network.office("hue", link.Shape(0, 2))
    equal(len(ping(office, network.hub, network.HUB, datagrams=3, timeout_s=1)), 3, "answers before")
    wire.cut()
    equal(ping(office, network.hub, network.HUB, datagrams=3, timeout_s=0.1), [], "answers while cut")
    wire.mend()
    equal(len(ping(office, network.hub, network.HUB, datagrams=3, timeout_s=1)), 3, "answers after")


class Sink:
    """A server that takes everything, on loopback."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port, self.taken = self.listener.getsockname()[1], 0
        self.ended = threading.Event()
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                near, _ = self.listener.accept()
                near.sendall(b"x")
                while piece := near.recv(65536):
                    self.taken += len(piece)
            except OSError:
                pass
            self.ended.set()

    def close(self):
        self.listener.close()


def test_the_proxy(bench):
    sink = bench.closing(Sink())
    proxy = bench.closing(Proxy(bench.free_port(), sink.port, rate=50_000, delay_ms=100))
    delays_s, times_s = [], []

    def delay_and_rate():
        sink.ended.clear()
        taken, (there, back) = sink.taken, proxy.counted
        began = time.monotonic()
        near = socket.create_connection(("127.0.0.1", proxy.port))
        equal(near.recv(1), b"x", "the first byte")
        delays_s.append(time.monotonic() - began)
        began = time.monotonic()
        near.sendall(b"y" * 50_000)
        near.shutdown(socket.SHUT_WR)
        check(sink.ended.wait(60), "the sink has it all")
        times_s.append(time.monotonic() - began)
        check(delays_s[-1] >= 0.1 and times_s[-1] >= 1.05, f"not too soon: {delays_s} s, {times_s} s")
        equal((sink.taken - taken, proxy.counted), (50_000, [there + 50_000, back + 1]), "bytes")
        return min(delays_s) < 0.2 and min(times_s) < 1.7
    at_best(delay_and_rate, "the delay, then a second's worth and the delay")


def test_the_proxy_cuts_after_a_byte(bench):
    sink = bench.closing(Sink())
    proxy = bench.closing(Proxy(bench.free_port(), sink.port))
    near = socket.create_connection(("127.0.0.1", proxy.port))
    equal(near.recv(1), b"x", "the first byte")
    proxy.cut_after(30_000)
    try:
        near.sendall(b"y" * 100_000)
        while near.recv(1):
            pass
    except OSError:
        pass
    check(sink.ended.wait(60), "the sink's connection ended")
    between(30_000 - 1400, sink.taken, 30_000, "bytes that passed")
    proxy.cut(refuse=True)
    near = socket.create_connection(("127.0.0.1", proxy.port))
    try:
        equal(near.recv(1), b"", "while it refuses")
    except OSError:
        pass
    proxy.mend()
    equal(socket.create_connection(("127.0.0.1", proxy.port)).recv(1), b"x", "the first byte, mended")


if __name__ == "__main__":
    main(globals())
