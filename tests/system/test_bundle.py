#!/usr/bin/env python3
"""An office without a link: its changes and the hub's answer travel as files, with daemons and without."""
import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from federation import Federation, add, comparable, fields, ids, sees, time_passes  # noqa: E402
from hopnhat_test import SOON_S, check, equal, main, wait_until  # noqa: E402
from proxy import Proxy  # noqa: E402
from restored import restore  # noqa: E402
from thin import bring  # noqa: E402


def island(bench, *codes):
    """Offices of which the first reaches the hub through a proxy that is cut: (Federation, Proxy)."""
    world = Federation(bench, *codes[1:])
    world.add_office(codes[0])
    proxy = bench.closing(Proxy(bench.free_port(), world.port))
    world.join(codes[0], address=f"tcp://127.0.0.1:{proxy.port}")
    world.sync()
    proxy.cut(refuse=True)
    return world, proxy


def there(bench, world, code, name):
    """The office's changes to the hub: what the hub said."""
    path = bench.path(name)
    world[code].do("bundle", "export", path)
    return world.hub.do("bundle", "import", path, "--json").json()


def back(bench, world, code, name):
    path = bench.path(name)
    world.hub.do("bundle", "export", code, path)
    return world[code].do("bundle", "import", path, "--json").json()


def same(world, type_name, record_id):
    """Everybody shows the record as the hub does."""
    at_hub = comparable(world.hub.record(type_name, record_id))
    for office in world.offices.values():
        equal(comparable(office.record(type_name, record_id)), at_hub, f"the record at {office.name}")


def test_a_stick_there_and_back(bench):
    world, _ = island(bench, "hue", "da-nang")
    hue, da_nang = world["hue"], world["da-nang"]
    own = add(hue, "partner", "name=Room to Read")
    other = add(da_nang, "partner", "name=Oxfam")
    world.sync("da-nang")
    said = there(bench, world, "hue", "up")
    equal([said[key] for key in ("office", "changes", "added", "refused")], ["hue", 1, 1, 0], "taken")
    equal(fields(world.hub, "partner", own)["name"], "Room to Read", "at the hub")
    equal(hue.status()["pending"], 1, "pending before the answer")
    said = back(bench, world, "hue", "down")
    equal((said["acknowledged"], said["more"]), (1, False), "the office took the answer")
    equal(hue.status()["pending"], 0, "pending after the answer")
    equal(ids(hue, "partner"), sorted([own, other]), "the office's records")
    world.sync("da-nang")
    same(world, "partner", own)
    hue.do("set", "partner", other, "address=Huế")
    equal(there(bench, world, "hue", "up2")["added"], 1, "the second stick")
    back(bench, world, "hue", "down2")
    world.sync("da-nang")
    same(world, "partner", other)
    equal(hue.status()["digest_mismatches"], 0, "digest mismatches")


def test_what_came_late_was_made_before(bench):
    """A stick that was long under way wins over nothing that was written meanwhile."""
    world, _ = island(bench, "hue", "da-nang")
    hue, da_nang = world["hue"], world["da-nang"]
    record = add(da_nang, "partner", "name=Oxfam")
    world.sync("da-nang")
    there(bench, world, "hue", "up")
    back(bench, world, "hue", "down")
    hue.do("set", "partner", record, "address=early")
    hue.do("bundle", "export", bench.path("first"))
    hue.do("set", "partner", record, "website=early")  # after the stick has left
    time_passes()
    da_nang.do("set", "partner", record, "address=late", "website=late")
    world.sync("da-nang")
    world.hub.do("bundle", "import", bench.path("first"))
    there(bench, world, "hue", "second")
    seen = fields(world.hub, "partner", record)
    equal((seen["address"], seen["website"]), ("late", "late"), "what was written last")


def test_without_daemons(bench):
    world, _ = island(bench, "hue")
    world["hue"].stop()
    world.hub.stop()
    one = add(world["hue"], "partner", "name=Plan")
    before = world.hub.status()["by_office"]["hue"]["last_contact"]
    time_passes()
    equal(there(bench, world, "hue", "up")["added"], 1, "taken by a tool")
    check(world.hub.status()["by_office"]["hue"]["last_contact"] > before, "and known to another")
    equal(back(bench, world, "hue", "down")["acknowledged"], 1, "and answered")
    equal(fields(world.hub, "partner", one)["name"], "Plan", "at the hub")
    equal(world["hue"].status()["pending"], 0, "pending")


def test_a_restored_hub_says_who_ends_its_wait(bench):
    world, _ = island(bench, "hue")
    add(world["hue"], "partner", "name=Plan")
    world["hue"].do("bundle", "export", bench.path("up"))
    world.hub.do("backup", bench.path("hub.backup"))
    restore(world.hub, bench.path("hub.backup"))
    said = world.hub.do("bundle", "import", bench.path("up"), status=1).err
    check("start its daemon, if it does not run" in said, said)
    world.hub.start("--listen", world.address, "--custody-wait", "1")
    wait_until(lambda: world.hub.call("bundle", "import", bench.path("up")).status == 0, SOON_S, "taken")
    equal(len(ids(world.hub, "partner")), 1, "records")


def test_twice_and_beside_the_link(bench):
    world, proxy = island(bench, "hue", "da-nang")
    hue, path = world["hue"], bench.path("up")
    bring(bench, hue, 3000, 1)
    hue.do("bundle", "export", path)
    equal(world.hub.do("bundle", "import", path, "--json").json()["added"] > 0, True, "taken")
    said = world.hub.do("bundle", "import", path, "--json").json()
    equal((said["added"], said["refused"]), (0, 0), "the second time nothing is new")
    bring(bench, hue, 3000, 2)
    hue.do("bundle", "export", path)
    proxy.rate = 100_000
    proxy.mend()
    said = world.hub.do("bundle", "import", path, "--json", deadline_s=60).json()
    proxy.rate = 0
    world.sync()
    equal(len(world.hub.records("partner")), 6000, "each is there once")
    said = world.hub.do("bundle", "import", path, "--json").json()
    equal((said["added"], said["refused"]), (0, 0), "after the link brought all, nothing is new")
    seen = add(world["da-nang"], "partner", "name=Meanwhile")
    sees(hue, "partner", seen, "name", "Meanwhile")  # by the Pull that was held all the while
    one = add(hue, "partner", "name=After")
    world.sync()
    equal(fields(world.hub, "partner", one)["name"], "After", "the link goes on")
    hue.do("verify")
    world.hub.do("verify")


def refused(daemon, path, reason):
    result = daemon.do("bundle", "import", path, status=1)
    check(reason in result.err, f"the reason is {reason!r}: {result.err!r}")


def altered(bench, path, name, change):
    with open(path, "rb") as file:
        content = bytearray(file.read())
    to = bench.path(name)
    with open(to, "wb") as file:
        file.write(change(content))
    return to


def flip(content):
    content[len(content) // 2] ^= 4
    return content


def test_what_is_refused(bench):
    world, proxy = island(bench, "hue", "da-nang")
    hue, hub, up, down = world["hue"], world.hub, bench.path("up"), bench.path("down")
    add(hue, "partner", "name=Save the Children")
    hue.do("bundle", "export", up)
    hub.do("bundle", "export", "hue", down, status=1)
    other = bench.hub("other")
    other.do("init")
    refused(hub, altered(bench, up, "torn", lambda content: content[:-100]), "cut short")
    refused(hub, altered(bench, up, "changed", flip), "has been changed")
    refused(hub, altered(bench, up, "no", lambda _: b"name;country\nRoom to Read;US\n"), "no bundle")
    refused(other, up, "another hub")
    refused(hue, up, "import it at the hub")
    equal(ids(hub, "partner"), [], "nothing of it was taken")
    hub.do("bundle", "import", up)
    hub.do("bundle", "export", "hue", down)
    refused(hue, altered(bench, down, "torn", lambda content: content[:200]), "cut short")
    refused(hue, altered(bench, down, "changed", flip), "has been changed")
    refused(world["da-nang"], down, "another machine")
    refused(hub, down, "import it at the office")
    equal(hue.status()["pending"], 1, "nothing of the answer was taken")
    shutil.copy(down, bench.path("kept"))
    hue.do("bundle", "import", down)
    refused(hue, bench.path("kept"), "taken already")
    add(hue, "partner", "name=Later")
    hue.do("bundle", "export", up)
    hub.do("revoke", "hue")
    refused(hub, up, "revoked")
    proxy.close()


def test_a_refusal_comes_back(bench):
    world, _ = island(bench, "hue", "da-nang")
    hue, da_nang = world["hue"], world["da-nang"]
    record = add(da_nang, "partner", "name=Kept")
    world.sync("da-nang")
    there(bench, world, "hue", "up")
    back(bench, world, "hue", "down")
    world.hub.do("set", "partner", record, "group=cluster:9")
    hue.do("set", "partner", record, "address=Huế")
    equal(there(bench, world, "hue", "up2")["refused"], 1, "refused at the hub")
    back(bench, world, "hue", "down2")
    status = hue.status()
    equal((status["pending"], status["refused"]), (0, 1), "the office knows")
    equal(len(hue.do("rejected", "--json").lines()), 1, "and sees why")


if __name__ == "__main__":
    main(globals())
