#!/usr/bin/env python3
"""What status and /metrics tell, of both daemons, and that Prometheus can read it."""
import os
import shutil
import subprocess
import sys
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from federation import Federation, add  # noqa: E402
from hopnhat_test import SOON_S, check, equal, main, skip, wait_until  # noqa: E402


def metrics(port):
    """The metrics over HTTP, without an account: {name or name{labels}: value}, and the text."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        equal(answer.headers["Content-Type"], "text/plain; version=0.0.4; charset=utf-8", "content type")
        text = answer.read().decode()
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in text.splitlines()
            if not line.startswith("#")}, text


def with_http(bench, daemon, *more):
    """The daemon started again with HTTP: its port."""
    port = bench.free_port()
    if daemon.process and daemon.process.running():
        daemon.stop()
    daemon.start("--http", f"127.0.0.1:{port}", *more)
    return port


def test_status_of_an_office_that_is_cut_off(bench):
    world = Federation(bench, "hue", "da-nang")
    hub, hue = world.hub, world["hue"]
    add(hue, "partner", "name=One")
    world.sync()
    status = hue.status()
    equal((status["pending"], status["pending_since"]), (0, None), "nothing is pending")
    check(0 < status["store_used_bytes"] < status["store_map_bytes"], f"the store: {status}")
    check(0 < status["disk_free_bytes"] < status["disk_bytes"], f"the disk: {status}")
    hub.stop()
    before = status["last_contact"]
    add(hue, "partner", "name=Two")
    add(hue, "partner", "name=Three")
    status = wait_until(lambda: (s := hue.status())["hub_online"] is False and s, SOON_S, "the hub is away")
    equal(status["pending"], 2, "pending changes")
    check(status["pending_since"] >= before, f"since when: {status}")
    wait_until(lambda: hue.status()["link"] == "nobody answers at the hub's address", SOON_S,
               "why it is away")
    port = with_http(bench, hue)
    values, _ = metrics(port)
    equal((values["hopnhat_pending_changes"], values["hopnhat_hub_online"], values["hopnhat_caught_up"]),
          (2, 0, 0), "the same as metrics")
    check("hopnhat_pending_oldest_timestamp_seconds" in values, "how old the oldest is")
    world.start_hub()
    world.sync()
    check("hopnhat_pending_oldest_timestamp_seconds" not in metrics(port)[0], "none is left")


def test_the_hub_shows_each_office(bench):
    world = Federation(bench, "hue", "da-nang")
    world.add_office("ha-noi")
    add(world["hue"], "partner", "name=One")
    world.sync()
    wait_until(lambda: world.hub.status()["by_office"]["hue"]["behind"] == 0, SOON_S,
               "the hub hears that hue has read all")
    offices = world.hub.status()["by_office"]
    equal(sorted(offices), ["da-nang", "ha-noi", "hue"], "the offices")
    check(offices["hue"]["online"] and offices["hue"]["behind"] == 0 and not offices["hue"]["stalled"],
          f"one that is caught up: {offices}")
    equal(offices["ha-noi"], {"online": False, "last_contact": None, "behind": None, "stalled": False,
                              "digest_mismatches": 0,
                              "taken_today_bytes": 0, "held_back": False}, "one that never joined")
    check(offices["hue"]["taken_today_bytes"] > 0, f"what came from the other: {offices}")
    world["da-nang"].stop()
    wait_until(lambda: not world.hub.status()["by_office"]["da-nang"]["online"], SOON_S, "one that went away")
    check(world.hub.status()["by_office"]["da-nang"]["last_contact"], "when it was heard last")
    out = world.hub.do("status").out
    check(any(line.split()[:1] == ["ha-noi"] for line in out.splitlines()), f"a line for each: {out}")
    port = with_http(bench, world.hub, "--listen", world.address)
    name = 'hopnhat_office_online{office="hue"}'
    wait_until(lambda: metrics(port)[0][name] == 1, SOON_S, "the office as metric")
    values, _ = metrics(port)
    equal((values["hopnhat_offices"], values["hopnhat_offices_stalled"]), (3, 0), "offices")


def test_prometheus_can_read_it(bench):
    if not shutil.which("promtool"):
        skip("promtool (of the package prometheus) is not here")
    world = Federation(bench, "hue")
    add(world["hue"], "partner", "name=One")
    world.sync()
    for daemon, more in ((world.hub, ["--listen", world.address]), (world["hue"], [])):
        _, text = metrics(with_http(bench, daemon, *more))
        done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True,
                              timeout=30, check=False)
        check(done.returncode == 0 and not done.stdout + done.stderr, f"{done.stdout + done.stderr}")


if __name__ == "__main__":
    main(globals())
