#!/usr/bin/env python3
"""A sync that is cut goes on where it was: the bytes sent again are at most what was under way, two seconds
of the link. With HOPNHAT_FULL=1 (tests/run --full) at 300 points of a sync of 1,000 changes."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from cuts import sent_again  # noqa: E402
from hopnhat_test import FULL, check, main  # noqa: E402

RATE = 16_000  # bytes a second


def test_cuts(bench):
    points, changes = (300, 1000) if FULL else (8, 300)
    again = sent_again(bench, points, changes, RATE)
    average = sum(again) / len(again)
    print(f"# {len(again)} cuts: sent again {average:.0f} B on average, {max(again)} B at most", flush=True)
    check(max(again) <= 2 * RATE, f"at most two seconds of the link are sent again: {again}")


if __name__ == "__main__":
    main(globals())
