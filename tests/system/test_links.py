#!/usr/bin/env python3
"""Four offices over the links that clinics and field offices have, each cut in the middle of a sync. With
HOPNHAT_FULL=1 (tests/run --full) each office brings 5,000 changes."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import link  # noqa: E402
from hopnhat_test import FULL, main  # noqa: E402
from thin import with_a_cut  # noqa: E402


def profile(bench, name, short):
    link.need()
    count, deadline_s = (5000, 1500) if FULL else (short, 120)
    network = bench.closing(link.Network())
    took, joining = with_a_cut(bench, network, link.PROFILES[name], count, 20 if FULL else 4, deadline_s)
    print(f"# {name} ({link.PROFILES[name]}): four offices joined in {joining:.0f} s, {count} changes each "
          f"were everywhere after {took:.0f} s", flush=True)


def test_2g(bench):
    profile(bench, "2G", 20)


def test_satellite(bench):
    profile(bench, "satellite", 40)


def test_3g(bench):
    profile(bench, "3G", 200)


if __name__ == "__main__":
    main(globals())
