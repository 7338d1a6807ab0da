#!/usr/bin/env python3
"""Texts that offices alter side by side are merged at headquarters, paragraph by paragraph."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from federation import Federation, add, apart, fields
from hopnhat_test import check, equal, main

BEFORE = "First.\nSecond.\nThird.\nFourth.\nFifth."


def start(bench, *codes):
    world = Federation(bench, *codes)
    record = add(world[codes[0]], "partner", "name=One", f"profile={BEFORE}")
    world.sync()
    return world, record


def texts_apart(world, record, **texts):
    apart(world, record, **{office: f"profile={text}" for office, text in texts.items()})


def everywhere(world, record, text):
    for daemon in (world.hub, *world.offices.values()):
        equal(fields(daemon, "partner", record)["profile"], text, f"the text at {daemon.name}")
        equal(daemon.do("conflicts", "--json").lines(), [], f"open at {daemon.name}")
        equal(daemon.status()["conflicts_open"], 0, f"counted at {daemon.name}")


def edited(text, **paragraphs):
    lines = text.split("\n")
    for place, paragraph in paragraphs.items():
        lines[int(place[1:])] = paragraph
    return "\n".join(lines)


def test_two_texts_are_merged(bench):
    world, record = start(bench, "hue", "da-nang")
    texts_apart(world, record, hue=edited(BEFORE, p0="First of Hue."),
                da_nang=edited(BEFORE, p4="Fifth of Da Nang."))
    merged = edited(BEFORE, p0="First of Hue.", p4="Fifth of Da Nang.")
    everywhere(world, record, merged)
    for office in ("hue", "da-nang"):  # nobody lost
        equal(world[office].do("outvoted", "--json").lines(), [], f"outvoted at {office}")
    newest, = world.hub.do("history", "partner", record, "--json", "--limit", "1").lines()
    operation, = newest["fields"]
    check(operation["merged"] and newest["office"] == "headquarters", f"who merged: {newest}")
    equal(len(operation["superseded"]), 2, "over both")
    world.hub.stop()  # and not once more after a restart
    world.start_hub()
    world.sync()
    after = world.hub.do("history", "partner", record, "--json", "--limit", "1").lines()
    equal(after, [newest], "the newest")
    texts_apart(world, record, hue=edited(merged, p1="Second of Hue."))
    everywhere(world, record, edited(merged, p1="Second of Hue."))
    equal(world.hub.do("verify").status, 0, "verify")


def test_three_texts_are_merged(bench):
    world, record = start(bench, "hue", "da-nang", "ha-noi")
    texts_apart(world, record, hue=edited(BEFORE, p0="Hue."), da_nang=edited(BEFORE, p2="Da Nang."),
                ha_noi=BEFORE + "\nHa Noi.")
    everywhere(world, record, edited(BEFORE, p0="Hue.", p2="Da Nang.") + "\nHa Noi.")


def test_one_paragraph_altered_twice_is_for_a_person(bench):
    world, record = start(bench, "hue", "da-nang")
    texts_apart(world, record, hue=edited(BEFORE, p2="Hue."),
                da_nang=edited(BEFORE, p2="Da Nang.", p4="End."))
    for daemon in (world.hub, world["hue"]):
        conflict, = daemon.do("conflicts", "--json").lines()
        equal([value["value"] for value in conflict["values"]],
              [edited(BEFORE, p2="Hue."), edited(BEFORE, p2="Da Nang.", p4="End.")], f"at {daemon.name}")
    world["hue"].do("resolve", "partner", record, "profile", "--value",
                    edited(BEFORE, p2="Hue and Da Nang.", p4="End."))
    world.sync()
    everywhere(world, record, edited(BEFORE, p2="Hue and Da Nang.", p4="End."))


def test_cleared_beside_altered_is_for_a_person(bench):
    world, record = start(bench, "hue", "da-nang")
    texts_apart(world, record, hue="", da_nang=edited(BEFORE, p0="Da Nang."))
    conflict, = world.hub.do("conflicts", "--json").lines()
    equal(conflict["field"], "profile", "open")


def test_a_text_merged_with_one_written_after_the_first(bench):
    """da-nang writes on over its own text before it hears of the merged one."""
    world, record = start(bench, "hue", "da-nang")
    world["da-nang"].stop()
    world["hue"].do("set", "partner", record, f"profile={edited(BEFORE, p0='Hue.')}")
    world["hue"].do("sync", "--wait")
    world["da-nang"].do("set", "partner", record, f"profile={edited(BEFORE, p2='Da Nang.')}")
    world["da-nang"].do("set", "partner", record, f"profile={edited(BEFORE, p2='Da Nang.', p4='End.')}")
    world["da-nang"].start()
    world.sync()
    everywhere(world, record, edited(BEFORE, p0="Hue.", p2="Da Nang.", p4="End."))


if __name__ == "__main__":
    main(globals())
