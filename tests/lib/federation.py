"""A hub and its offices for system tests: made, joined and started in a few words."""
import http.client
import json
import os
import socket
import time

from hopnhat_test import COMMAND_DEADLINE_S, SOON_S, Daemon, Failed, check, equal, wait_until

SYNC_S = 30
LATER_S = 1.2  # by more than clocks are compared wrong (CONTACT_MS of agent/session_state.h)


class Federation:
    """A hub on a free loopback port, and offices by their codes, each with one agent. network: the hub is in
    its namespace, and an office that joins with a shape is at the end of a link like that."""

    def __init__(self, bench, *codes, groups=None, network=None):
        self.bench, self.offices, self.network = bench, {}, network
        self.hub = bench.hub()
        self.hub.within = network.hub.within if network else []
        self.port = bench.free_port()
        self.address = f"tcp://{network.HUB if network else '127.0.0.1'}:{self.port}"
        self.hub.do("init")
        for code in codes:
            self.add_office(code, (groups or {}).get(code, ()))
        self.start_hub()
        for code in codes:
            self.join(code)

    def add_office(self, code, groups=()):
        arguments = [word for group in groups for word in ("--group", group)]
        self.hub.do("office", "add", code, "--name", f"Office {code}", *arguments)

    def start_hub(self):
        self.hub.start("--listen", self.address)

    def enrol(self, code):
        return self.hub.do("enrol", code).out.strip()

    def join(self, code, name=None, shape=None, address=None):
        """A new agent of the office, joined and running: Daemon. address: where it reaches the hub (a proxy).
        """
        agent = self.bench.agent(name or code)
        if shape:
            space, _ = self.network.office(name or code, shape)
            agent.within = space.within
        agent.do("join", "--hub", address or self.address, "--code", self.enrol(code), deadline_s=120)
        agent.start()
        self.offices[name or code] = agent
        return agent

    def __getitem__(self, name):
        return self.offices[name]

    def sync(self, *names):
        """Every office (or those named) catches up: twice, so that each has what the others sent. One that
        has caught up may begin anew at any moment, as the hub has something to tell it: it is waited for."""
        chosen = [self.offices[name] for name in names or self.offices]
        for _ in range(2):
            for agent in chosen:
                agent.do("sync", "--wait", "--timeout", str(SYNC_S), deadline_s=SYNC_S + 10)
        for agent in chosen:
            status = wait_until(lambda one=agent: caught_up(one), SOON_S, f"{agent.name} is caught up")
            equal(status["digest_mismatches"], 0, f"digest mismatches of {agent.name}")


def caught_up(agent):
    """Whether nothing is pending and the agent holds what the hub does: its status then."""
    status = agent.status()
    return status["pending"] == 0 and status["caught_up"] and status["digests_equal"] and status


def add(daemon, type_name, *assignments):
    """`add`; the new record's id."""
    return daemon.do("add", type_name, *assignments).out.strip()


def time_passes():
    """What is written from now on is later than what was written before, by whatever clock."""
    until = time.monotonic() + LATER_S
    wait_until(lambda: time.monotonic() > until, LATER_S + SOON_S, "time passes")


def apart(world, partner, **assignments):
    """Each office writes its assignment while the hub is away, one later than the other; then all sync."""
    world.hub.stop()
    for place, (office, assignment) in enumerate(assignments.items()):
        if place:
            time_passes()
        world[office.replace("_", "-")].do("set", "partner", partner, assignment)
    world.start_hub()
    world.sync()


def fields(daemon, type_name, record_id):
    return daemon.record(type_name, record_id)["fields"]


def ids(daemon, type_name, *arguments):
    return sorted(record["id"] for record in daemon.records(type_name, *arguments))


def comparable(record):
    """The record without what each side has of its own."""
    return {key: value for key, value in record.items() if key != "token"}


def sees(daemon, type_name, record_id, name, value, deadline_s=SOON_S):
    """Waits until the daemon shows the value, without a sync being asked for."""
    def shown():
        result = daemon.call("get", type_name, record_id, "--json")
        return result.status == 0 and json.loads(result.out)["fields"].get(name) == value
    wait_until(shown, deadline_s, f"{daemon.name} shows {name}={value}")


def told_that_it_is_revoked(office):
    """In its session, or, where it was on its way to the hub, by the hub's door."""
    status = wait_until(lambda: (now := office.status()) and ("may not sync" in now["trouble"] or
                                                              "does not admit" in now["link"]) and now,
                        SOON_S, "who is revoked is told, and why")
    check(not status["hub_online"], f"and is not online: {status}")


class Caller(http.client.HTTPConnection):
    """A kept connection to a daemon's Unix socket."""

    def __init__(self, daemon):
        super().__init__("localhost")
        self.path = os.path.join(daemon.data, "control.sock")

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)

    def call(self, method, path, body=None):
        """The answer's JSON; it must be a success."""
        self.request(method, path, body)
        answer = self.getresponse()
        text = answer.read()
        if answer.status != 200:
            raise Failed(f"{method} {path}: {text!r}")
        return json.loads(text)


def call_http(daemon, method, path, body=b""):
    """One request over the daemon's Unix socket: (status, JSON)."""
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(COMMAND_DEADLINE_S)
        link.connect(os.path.join(daemon.data, "control.sock"))
        head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" \
               f"Content-Length: {len(body)}\r\n\r\n"
        link.sendall(head.encode() + body)
        answer = b""
        while piece := link.recv(65536):
            answer += piece
    try:
        header, _, content = answer.partition(b"\r\n\r\n")
        return int(header.split()[1]), json.loads(content)
    except (ValueError, IndexError) as error:
        raise Failed(f"no answer to {method} {path}: {answer[:200]!r}") from error


__all__ = ["Caller", "Daemon", "Federation", "add", "apart", "call_http", "caught_up", "comparable", "fields",
           "ids", "sees", "time_passes", "told_that_it_is_revoked"]
