#!/usr/bin/env python3
"""What an office may see: personal data in the stores of others, and a move from one cluster to another."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from federation import Federation, add, fields, ids
from hopnhat_test import check, equal, main

SECRETS = ("Trần Thị Bí Mật", "0901234567", "bi-mat@example.org", "chỉ để trong phòng này", "Việc riêng")


def bytes_of(daemon):
    """Every byte that the daemon has on disk, its log included, under the name of the file."""
    content = {}
    for folder, _, names in os.walk(daemon.data):
        for name in names:
            path = os.path.join(folder, name)
            if os.path.isfile(path):
                with open(path, "rb") as file:
                    content[path] = file.read()
    if daemon.process:
        with open(daemon.process.log_path, "rb") as file:
            content["log"] = file.read()
    return content


def test_personal_data_stays_where_it_belongs(bench):
    world = Federation(bench, "hue", "da-nang", groups={"hue": ["cluster:1"], "da-nang": ["cluster:1"]})
    hue, other = world["hue"], world["da-nang"]
    person = add(hue, "officer", f"full_name={SECRETS[0]}", f"phone={SECRETS[1]}", f"email={SECRETS[2]}")
    hue.do("set", "officer", person, f"notes+={SECRETS[3]}")
    open_record = add(hue, "partner", "name=Trong danh sách chung")
    world.sync()
    world.hub.do("set", "officer", person, f"notes+={SECRETS[4]}")
    hue.do("delete", "officer", add(hue, "officer", f"full_name={SECRETS[0]} thứ hai"))
    world.sync()
    refused = hue.do("set", "officer", person, "group=everyone", status=1)
    check("personal data" in refused.err, f"the reason: {refused.err}")
    world.hub.do("set", "officer", person, "group=everyone", status=1)
    hue.do("add", "officer", "full_name=Ai", "group=everyone", status=1)
    hue.do("add", "officer", "full_name=Ai", "group=office:da-nang", status=1)
    for command in (("get", "officer", person), ("history", "officer", person)):
        other.do(*command, status=1)
    equal(other.do("search", "Bí Mật", "--json").lines(), [], "what a search finds")
    equal(fields(other, "partner", open_record)["name"], "Trong danh sách chung", "what is for all")
    for daemon in (hue, other, world.hub):
        daemon.stop()
    kept = b"".join(bytes_of(hue).values())
    for secret in SECRETS:
        check(secret.encode() in kept, f"{secret} is in the office's own store")
        for path, content in bytes_of(other).items():
            check(secret.encode() not in content, f"{secret} is in {path}")


def test_an_office_moves_to_another_cluster(bench):
    world = Federation(bench, "hue", "da-nang", "vinh",
                       groups={"hue": ["cluster:1"], "da-nang": ["cluster:1"], "vinh": ["cluster:2"]})
    first = {add(world["hue"], "partner", f"name=Of the first {i}", "group=cluster:1") for i in range(20)}
    second = {add(world["vinh"], "partner", f"name=Of the second {i}", "group=cluster:2") for i in range(20)}
    common = {add(world["vinh"], "partner", "name=Of all")}
    own = {add(world["da-nang"], "partner", "name=Own", "group=office:da-nang")}
    world.sync()
    equal(set(ids(world["da-nang"], "partner")), first | common | own, "before")
    world["da-nang"].do("set", "partner", next(iter(first)), "address=Written before the move")
    world.sync()
    world.hub.do("office", "set", "da-nang", "--remove-group", "cluster:1", "--group", "cluster:2")
    world.sync()
    equal(set(ids(world["da-nang"], "partner")), second | common | own, "after")
    equal(set(ids(world["hue"], "partner")), first | common, "hue's")
    for record in second:
        equal(fields(world["da-nang"], "partner", record), fields(world["vinh"], "partner", record),
              "a record")
    world["da-nang"].do("set", "partner", next(iter(second)), "address=Written after the move")
    world["da-nang"].do("set", "partner", next(iter(first)), "address=Too late", status=1)
    world.sync()
    equal(fields(world["vinh"], "partner", next(iter(second)))["address"], "Written after the move",
          "an edit")
    equal(world.hub.status()["quarantined"], 0, "what was refused")
    world.hub.do("office", "set", "da-nang", "--remove-group", "cluster:2", "--group", "cluster:1")
    world.sync()
    equal(set(ids(world["da-nang"], "partner")), first | common | own, "back again")
    for daemon in (world.hub, *world.offices.values()):
        daemon.do("verify")


if __name__ == "__main__":
    main(globals())
