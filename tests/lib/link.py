"""Emulated links between network namespaces, for system tests and benches with real processes.

One namespace holds the hub, each office has one of its own, and a link (tests/link) joins it to the hub's.
Root is needed, /dev/net/tun and iproute2; need() skips the test where something is missing. All delays here
are of the round trip, half of it each way, as those who quote them measure them. Rates count whole IP
packets. TCP uses cubic, as Debian does, and remembers nothing of earlier connections.
"""
import os
import subprocess
import threading

from hopnhat_test import BUILD, Failed, skip

ALLOWED = "/proc/sys/net/ipv4/tcp_allowed_congestion_control"
LINK = os.path.join(BUILD, "tests", "link", "link")
CONGESTION = "cubic"


class Shape:
    """What a link is like: bits a second (0: without bound), round trip and its jitter in ms, part of the
    packets lost, bytes that may wait at either end (by default a second's worth, ten packets at least), and
    the largest packet."""

    def __init__(self, rate, round_trip_ms, jitter_ms=0, loss=0.0, queue_bytes=None, packet_bytes=1500):
        self.rate, self.round_trip_ms, self.jitter_ms, self.loss = rate, round_trip_ms, jitter_ms, loss
        self.packet_bytes = packet_bytes
        self.queue_bytes = max(rate // 8, 10 * packet_bytes) if queue_bytes is None else queue_bytes

    def line(self):
        return (f"shape {self.rate} {self.round_trip_ms * 500} {self.jitter_ms * 500} {self.loss} "
                f"{self.queue_bytes}")

    def __str__(self):
        jitter = f" ± {self.jitter_ms}" if self.jitter_ms else ""
        loss = f", {self.loss:.0%} loss" if self.loss else ""
        return f"{self.rate / 1000:g} kbit/s, {self.round_trip_ms}{jitter} ms round trip{loss}"


# As clinics and field offices quote them.
PROFILES = {
    "2G": Shape(30_000, 600, 100),
    "satellite": Shape(100_000, 1200, 200),
    "3G": Shape(1_000_000, 80, 20),
}


def run(*argv):
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=30)
    if done.returncode:
        raise Failed(f"{' '.join(argv)}: {done.stderr.strip()}")


def allow_cubic():
    """Namespaces may choose only what the machine allows. Debian allows cubic; where another is the default
    it may have to be added to the list."""
    with open(ALLOWED, encoding="ascii") as file:
        allowed = file.read().split()
    if CONGESTION not in allowed:
        with open(ALLOWED, "w", encoding="ascii") as file:
            file.write(" ".join([*allowed, CONGESTION]))


def need():
    """Skips the test where namespaces and TUN devices cannot be made."""
    if os.geteuid() != 0:
        skip("network namespaces need root")
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        skip("there is no /dev/net/tun")
    name = f"hn-try-{os.getpid()}"
    try:
        run("ip", "netns", "add", name)
        run("ip", "netns", "delete", name)
        allow_cubic()
    except (OSError, Failed) as error:
        skip(f"network namespaces cannot be made, or not with cubic: {error}")


class Namespace:
    """A network of its own with loopback; `within` is what a command starts with that runs in it."""

    def __init__(self, name):
        self.name = name
        self.within = ["ip", "netns", "exec", name]
        run("ip", "netns", "add", name)
        try:
            run("ip", "-n", name, "link", "set", "lo", "up")
            self.set("net/ipv4/tcp_congestion_control", CONGESTION)
            self.set("net/ipv4/tcp_no_metrics_save", "1")
        except Failed:
            self.close()
            raise

    def set(self, name, value):
        run(*self.within, "sh", "-c", f"echo {value} > /proc/sys/{name}")

    def close(self):
        subprocess.run(["ip", "netns", "delete", self.name], capture_output=True, check=False, timeout=30)


class Link:
    """One link between two namespaces, ends at addresses[0] and [1]; it carries until close()."""

    def __init__(self, name, namespaces, addresses, shape, seed):
        paths = [f"/run/netns/{namespace.name}" for namespace in namespaces]
        self.child = subprocess.Popen([LINK, name, *paths, str(seed)], stdin=subprocess.PIPE, text=True,
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if self.child.stdout.readline() != "ready\n":
            raise Failed(f"no link: {self.child.stderr.read().strip()}")
        try:
            self.shape(shape)
            for namespace, own, other in zip(namespaces, addresses, reversed(addresses)):
                run("ip", "-n", namespace.name, "address", "add", own, "peer", other, "dev", name)
                run("ip", "-n", namespace.name, "link", "set", name, "mtu", str(shape.packet_bytes), "up")
        except Failed:
            self.close()
            raise

    def tell(self, line):
        try:
            self.child.stdin.write(line + "\n")
            self.child.stdin.flush()
            return self.child.stdout.readline().strip()
        except OSError as error:
            raise Failed("the link program has ended") from error

    def do(self, line):
        answer = self.tell(line)
        if answer != "ok":
            raise Failed(f"the link answered {answer!r} to {line!r}")

    def shape(self, shape):
        """From now on the link is like this."""
        self.do(shape.line())

    def cut(self):
        """Nothing passes, both ends learn nothing of it, and what was under way is lost, until mend()."""
        self.do("cut")

    def mend(self):
        self.do("mend")

    def count(self):
        """What has passed, from the first namespace to the second and back: two dictionaries."""
        numbers = [int(word) for word in self.tell("count").split()]
        names = ("packets", "bytes", "lost", "overflowed")
        return dict(zip(names, numbers[:4])), dict(zip(names, numbers[4:]))

    def close(self):
        self.child.stdin.close()
        self.child.wait(10)
        self.child.stdout.close()
        self.child.stderr.close()


class Network:
    """A namespace for the hub, and offices joined to it by a link each. close() removes all of it:
    `bench.closing(Network())`."""

    HUB = "10.77.0.1"

    def __init__(self, seed=1):
        self.seed, self.namespaces, self.links, self.lock = seed, {}, {}, threading.Lock()
        self.prefix = f"hn{os.getpid()}"
        self.hub = self.space("hub")
        run("ip", "-n", self.hub.name, "address", "add", self.HUB, "dev", "lo")

    def space(self, name):
        self.namespaces[name] = Namespace(f"{self.prefix}-{name}")
        return self.namespaces[name]

    def office(self, name, shape):
        """A namespace that reaches HUB over a link of that shape: (Namespace, Link). From any thread."""
        with self.lock:
            number = len(self.links) + 1
            space, device = self.space(name), f"hn{number}"
            addresses = (f"10.77.{number}.2", f"10.77.{number}.1")
            link = Link(device, (space, self.hub), addresses, shape, self.seed * 1000 + number)
            self.links[name] = link
            run("ip", "-n", space.name, "route", "add", self.HUB, "dev", device)
            return space, link

    def close(self):
        for link in self.links.values():
            link.close()
        for namespace in self.namespaces.values():
            namespace.close()
