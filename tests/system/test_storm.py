#!/usr/bin/env python3
"""The hub and many agents: light ones in one load process, real keys and real sessions. The figures are
tests/bench/table's; here is what must hold on any machine."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import storm  # noqa: E402
from hopnhat_test import SOON_S, check, equal, main  # noqa: E402

MEMBERS = 200


def test_a_crowd_returns_and_nothing_is_lost(bench):
    office = storm.Office(bench, MEMBERS)
    try:
        result = office.storm(least_s=3)
        equal(result.lost, 0, f"changes lost; {result.counts}")
        check(result.counts["saved"] >= 2 * MEMBERS, f"each wrote before and after: {result.counts}")
        equal(result.counts["refused"], 0, "members refused")
        check(result.most_kib - result.usual_kib <= storm.MORE_MIB * 1024,
              f"the hub's memory went from {result.usual_kib} to {result.most_kib} KiB")
        # what everybody sees comes to everybody, though the hub answers so many only a few in each turn
        before = office.crowd.look()["feeds"]
        office.federation.hub.do("add", "directive", "number=1", "title=Họp", "group=everyone")
        office.crowd.wait(lambda counts: counts["feeds"] >= before + MEMBERS, SOON_S,
                          "all read the directive")
        # the members' records are in their own offices' groups; the hub has them all, and no other
        equal(len(office.federation.hub.records("partner")), result.counts["saved"] + 1, "records at the hub")
    finally:
        office.crowd.close()


if __name__ == "__main__":
    main(globals())
