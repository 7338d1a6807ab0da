"""Stores that come back from backups, for system tests."""
from federation import caught_up, comparable
from hopnhat_test import SOON_S, equal, wait_until

SYNC = ("sync", "--wait", "--timeout", "60")


def restore(daemon, path, *arguments):
    """Stops the daemon where it runs, and restores its store; it stays down."""
    if daemon.process and daemon.process.running():
        daemon.kill()
    return daemon.do("restore", path, "--replace", *arguments)


def catch_up(world):
    """Every office catches up after a restore; digests may have differed on the way."""
    for _ in range(2):
        for agent in world.offices.values():
            agent.do(*SYNC, deadline_s=70)
    for agent in world.offices.values():
        wait_until(lambda one=agent: caught_up(one), SOON_S, f"{agent.name} is caught up")
        agent.do("verify")
    world.hub.do("verify")


def content(daemon, type_name):
    """The records by id, without the rev: an agent keeps that under which it had one before a restore."""
    return {record["id"]: {key: value for key, value in comparable(record).items() if key != "rev"}
            for record in daemon.records(type_name)}


def same_everywhere(world, type_name):
    wanted = content(world.hub, type_name)
    for agent in world.offices.values():
        got = content(agent, type_name)
        equal(got, wanted, f"{type_name}s of {agent.name}")
    return wanted


def in_custody(world):
    """All have read what headquarters did, and keep its log."""
    world.sync()
    wait_until(lambda: world.hub.status()["not_in_custody"] == 0, SOON_S, "all of the log is in custody")


def trimmed(world, agent, length):
    """Waits until the agent keeps that many of its changes; it hears what is safe when it writes."""
    wait_until(lambda: agent.status()["log_length"] <= length, SOON_S, f"{agent.name} keeps {length} changes")


__all__ = ["SYNC", "catch_up", "in_custody", "restore", "same_everywhere", "trimmed"]
