#!/usr/bin/env python3
"""Hub and agents of neighbouring versions: the hub is upgraded first, then one office after the other."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from federation import Federation, add, fields, sees
from hopnhat_test import equal, main


def former(daemon):
    """The daemon as the version before speaks."""
    daemon.program += "-former"
    return daemon


def upgrade(daemon, *arguments):
    daemon.stop()
    daemon.program = daemon.program.removesuffix("-former")
    daemon.start(*arguments)


class FormerBench:
    """A bench whose programs are of the version before."""

    def __init__(self, bench):
        self.bench = bench

    def __getattr__(self, name):
        return getattr(self.bench, name)

    def hub(self, name="hub"):
        return former(self.bench.hub(name))

    def agent(self, name):
        return former(self.bench.agent(name))


def work_together(world, word):
    """Each writes, one concurrently with another, and all end with the same."""
    names = list(world.offices)
    records = [add(world[name], "partner", f"name={word} of {name}") for name in names]
    world.sync()
    for name in names:
        world[name].do("set", "partner", records[0], f"website=https://{name}.example/{word}")
        sector = "education" if name == names[0] else "health"
        world[name].do("set", "partner", records[-1], f"sectors+={sector}")
    world.sync()
    for record in records:
        wanted = fields(world.hub, "partner", record)
        for name in names:
            equal(fields(world[name], "partner", record), wanted, f"{record} at {name}")
    sectors = fields(world.hub, "partner", records[-1])["sectors"]
    equal(set(sectors), {"education", "health"}, "both additions")
    world[names[0]].do("set", "partner", records[0], f"address={word}")
    sees(world[names[-1]], "partner", records[0], "address", word)
    for name in names:
        equal(world[name].status()["trouble"], "", f"trouble at {name}")


def test_the_hub_goes_first(bench):
    world = Federation(FormerBench(bench), "hue", "da-nang")
    work_together(world, "before")
    upgrade(world.hub, "--listen", world.address)
    work_together(world, "hub")
    world.add_office("vinh")
    world.join("vinh")  # still of the version before
    work_together(world, "joined")
    upgrade(world["hue"])
    work_together(world, "one")
    upgrade(world["da-nang"])
    upgrade(world["vinh"])
    work_together(world, "all")
    for daemon in (world.hub, *world.offices.values()):
        daemon.do("verify")


def test_an_office_that_was_upgraded_too_early_works_on(bench):
    world = Federation(FormerBench(bench), "hue", "da-nang")
    add(world["hue"], "partner", "name=Before")
    upgrade(world["hue"])
    work_together(world, "early")
    world.add_office("vinh")
    world.bench = bench
    world.join("vinh")  # of this version already
    work_together(world, "joined")
    upgrade(world.hub, "--listen", world.address)
    work_together(world, "hub")
    equal(len(world.hub.records("partner")), 1 + 2 + 3 + 3, "partners")


if __name__ == "__main__":
    main(globals())
