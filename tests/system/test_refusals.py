#!/usr/bin/env python3
"""Wrong commands, wrong values and strangers: a status, a text that says what is wrong, nothing changed."""
import os
import shutil
import socket
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from federation import Federation, add, call_http, comparable  # noqa: E402
from hopnhat_test import check, equal, main  # noqa: E402

NOBODY = "01234567-89ab-7fff-bf01-020304050607"


def refused(daemon, status, says, *arguments):
    """The command ends with this status, says so on stderr, and prints nothing else."""
    result = daemon.do(*arguments, status=status)
    check(says in result.err, f"{' '.join(arguments)} says {says!r}: {result.err!r}")
    check(result.err.startswith("hopnhat-"), f"the error names the program: {result.err!r}")
    equal(result.out, "", f"stdout of {' '.join(arguments)}")


def test_wrong_command_lines(bench):
    hub, agent = bench.hub(), bench.agent("nobody")
    for daemon in (hub, agent):
        refused(daemon, 2, "no command")
        refused(daemon, 2, "unknown command frob", "frob")
        refused(daemon, 2, "unknown option --frob", "list", "partner", "--frob")
        refused(daemon, 2, "--take needs a value", "resolve", "partner", NOBODY, "status", "--take")
        refused(daemon, 2, "list needs TYPE", "list")
        refused(daemon, 2, "too many arguments", "get", "partner", NOBODY, "more")
        refused(daemon, 2, "list does not take --seen", "list", "partner", "--seen", "1.1.1")
        refused(daemon, 2, "no assignment", "add", "partner", "name")
        refused(daemon, 2, "--take N or --value", "resolve", "partner", NOBODY, "status")
        refused(daemon, 2, "--take", "resolve", "partner", NOBODY, "status", "--take", "-1")
        refused(daemon, 1, "no", "status")  # there is no store
        check("usage:" in daemon.do("list", "--help").out, "help of a command")
        check("resolve" in daemon.do("--help").out, "help of the program")
        check(daemon.program.rsplit("/", maxsplit=1)[-1] in daemon.do("--version").out, "the version")
    refused(agent, 2, "join needs --hub", "join", "--code", "x")
    refused(agent, 2, "--timeout", "sync", "--wait", "--timeout", "soon")
    refused(hub, 1, "nothing.yaml", "init", "--catalog", bench.path("nothing.yaml"))
    bare = bench.run([agent.program, "status"], environment={"HOPNHAT_DATA": ""})
    equal(bare.status, 2, "status without a directory")
    check("--data DIR or HOPNHAT_DATA" in bare.err, "it says how to name one")
    check(not os.path.exists(hub.data) and not os.path.exists(agent.data), "nothing was made")


def test_options_stand_before_or_after(bench):
    hub = bench.hub()
    hub.do("init")
    for arguments in (["--json", "--data", hub.data, "status"], ["status", "--json", "--data", hub.data],
                      ["status", f"--data={hub.data}", "--json"]):
        result = bench.run([hub.program, *arguments], environment={"HOPNHAT_DATA": "/nonexistent"})
        equal(result.status, 0, f"status of {arguments}")
        check(result.json()["rev"] >= 1, "the status")


def test_a_wrong_catalog_makes_nothing(bench):
    hub = bench.hub()
    with open(bench.path("wrong.yaml"), "w", encoding="utf-8") as file:
        file.write("version: 1\ntypes:\n  - {number: 16, name: Bad Name}\n  - {number: 3, name: low}\n")
    result = hub.do("init", "--catalog", bench.path("wrong.yaml"), status=1)
    for place in ("wrong.yaml:3:", "wrong.yaml:4:"):
        check(place in result.err, f"{place} is named: {result.err!r}")
    hub.do("status", status=1)
    hub.do("init")
    refused(hub, 1, "already", "init")


def test_wrong_offices(bench):
    hub = bench.hub()
    hub.do("init")
    hub.do("office", "add", "hue", "--name", "Huế", "--group", "cluster:2")
    first = hub.do("office", "add", "hanoi", "--name", "Hà Nội", "--group", "clustr:2")
    check("no other office is in clustr:2" in first.err, f"a group of nobody's: {first.err!r}")
    second = hub.do("office", "set", "hanoi", "--remove-group", "clustr:2", "--group", "cluster:2", "--group",
                    "office:hue")
    equal(second.err, "", "groups that there are")
    for quiet in (("set", "hanoi", "--group", "office:hanoi"),
                  ("add", "dung", "--name", "Dũng", "--group", "office:dung")):
        equal(hub.do("office", *quiet).err, "", f"office {' '.join(quiet)}")
    before = hub.status()["rev"]
    refused(hub, 1, "no office vinh", "office", "set", "hue", "--group", "office:vinh")
    refused(hub, 1, "at once", "office", "set", "hue", "--group", "cluster:9", "--remove-group", "cluster:9")
    refused(hub, 1, "hue already", "office", "add", "hue", "--name", "Again")
    refused(hub, 1, "code", "office", "add", "Huế", "--name", "Huế")
    refused(hub, 1, "code", "office", "add", "", "--name", "Huế")
    refused(hub, 1, "name is required", "office", "add", "vinh")
    refused(hub, 1, "no group", "office", "add", "vinh", "--name", "Vinh", "--group", "Cluster 3")
    refused(hub, 1, "no office vinh", "office", "set", "vinh", "--name", "Vinh")
    refused(hub, 1, "nothing to set", "office", "set", "hue")
    refused(hub, 1, "no office vinh", "enrol", "vinh")
    refused(hub, 1, "hours", "enrol", "hue", "--hours", "0")
    refused(hub, 1, "REPLICA.SEQ", "quarantine", "show", "x")
    refused(hub, 1, "office", "add", "office", "code=vinh", "name=Vinh")
    equal(hub.status()["rev"], before, "the hub's rev")
    equal([office["code"] for office in hub.do("office", "list", "--json").lines()], ["dung", "hanoi", "hue"],
          "the offices")


def test_wrong_values_change_nothing(bench):
    world = Federation(bench, "hue", "da-nang")
    record = add(world["hue"], "partner", "name=One", "status=active")
    world.sync()
    for daemon in (world["hue"], world.hub):
        before = comparable(daemon.record("partner", record))
        for says, *arguments in (
                ("no such record type", "add", "nothing", "name=x"),
                ("name is required", "add", "partner", "country=US"),
                ("bogus", "add", "partner", "name=x", "bogus=1"),
                ("committed_usd", "add", "partner", "name=x", "committed_usd=many"),
                ("country", "add", "partner", "name=x", "country=Atlantis"),
                ("since", "set", "partner", record, "since=31/02/2020"),
                ("status", "set", "partner", record, "status=perhaps"),
                ("name", "set", "partner", record, "name="),
                ("name", "set", "partner", record, "name+=x"),
                ("name", "set", "partner", record, "name=" + "x" * 2000),
                ("group", "set", "partner", record, "group=every one"),
                ("given twice", "set", "partner", record, "sectors=a", "sectors+=b"),
                ("id", "set", "partner", "17", "name=x"),
                ("there is no partner", "set", "partner", NOBODY, "name=x"),
                ("there is no partner", "get", "partner", NOBODY),
                ("there is no partner", "delete", "partner", NOBODY),
                ("token", "set", "partner", record, "name=x", "--seen", "yesterday"),
                ("not in open conflict", "resolve", "partner", record, "status", "--take", "1"),
                ("where", "list", "partner", "--where", "bogus=1"),
                ("where", "list", "partner", "--where", "name")):
            refused(daemon, 1, says, *arguments)
        equal(comparable(daemon.record("partner", record)), before, f"{daemon.name}'s record")
        equal(len(daemon.records("partner")), 1, f"{daemon.name}'s partners")
    refused(world["hue"], 1, "hue may not make", "add", "directive", "number=1", "title=x")
    refused(world["hue"], 1, "owner", "add", "partner", "name=x", "owner=da-nang")
    refused(world["hue"], 1, "owner: what office hue makes", "add", "aid_project", "title=x", "owner=da-nang")
    equal(world["hue"].status()["pending"], 0, "nothing was logged")


def test_nothing_is_given_to_an_office_that_there_is_not(bench):
    """Nobody but headquarters could write it from then on."""
    world = Federation(bench, "hue", "da-nang")
    world.sync()
    record = add(world["hue"], "publication", "title=X")
    world.sync()
    listed = bench.path("list.csv")
    for daemon in (world["hue"], world.hub):
        for owner, says in (("da-nag", "there is no office da-nag"), ("x y", "owner"), ("*", "owner")):
            refused(daemon, 1, says, "set", "publication", record, f"owner={owner}")
            with open(listed, "w", encoding="utf-8") as file:
                file.write(f"title,owner\nX,{owner}\n")
            told = daemon.do("import", "publication", listed, "--map", "owner=owner", "--key", "title",
                             status=3)
            check(says in told.out, f"{owner} in a list: {told.out}")
        refused(daemon, 1, "there is no office da-nag", "add", "publication", "title=Y", "owner=da-nag")
    world["hue"].do("set", "publication", record, "owner=da-nang")
    world.sync()
    world["da-nang"].do("set", "publication", record, "owner=headquarters")
    world.sync()
    equal(world.hub.record("publication", record)["owner"], "headquarters", "the owner")
    world.hub.do("set", "publication", record, "owner=hue")


def test_values_are_kept_to_the_letter(bench):
    world = Federation(bench, "hue")
    strange = "=cmd|' /C calc'!A0 \"q\" \\ <b> ' % & ; \t Đà Nẵng 日本 🇻🇳"
    record = add(world["hue"], "partner", f"name={strange}", "notes=line one\nline two")
    world.sync()
    for daemon in (world["hue"], world.hub):
        kept = daemon.record("partner", record)["fields"]
        equal(kept["name"], strange, "the name")
        equal(kept["notes"], ["line one\nline two"], "the note")
        check("line one" in daemon.do("get", "partner", record).out, "for people")
        equal(len(daemon.records("partner", "--where", f"name={strange}")), 1, "where")
    result = bench.run([world["hue"].program, "add", "partner", b"name=\xff"],
                       environment={"HOPNHAT_DATA": world["hue"].data})
    equal(result.status, 2, "status of a name that is no text")


def test_wrong_requests(bench):
    world = Federation(bench, "hue")
    agent = world["hue"]
    for status, method, path, body in (
            (404, "GET", "/", b""), (404, "GET", "/v1/records", b""), (405, "DELETE", "/v1/status", b""),
            (400, "POST", "/v1/records/partner", b"{"), (400, "POST", "/v1/records/partner", b"[]"),
            (400, "POST", "/v1/records/partner", b'{"set":{"name":"\\u0000"}}'),
            (400, "POST", "/v1/records/partner", b'{"set":{"name":"a","name":"b"}}'),
            (400, "POST", "/v1/records/partner", b"[" * 5000),
            (400, "POST", "/v1/records/partner", b'{"set":{"name":' + b"[" * 3000),
            (413, "POST", "/v1/records/partner", b" " * (64 * 1024 * 1024 + 1)),
            (400, "GET", "/v1/records/partner?limit=-1", b""), (404, "GET", "/v1/records/%ff", b""),
            (400, "GET", "/v1/rejected?after=x", b"")):
        got, answer = call_http(agent, method, path, body)
        equal(got, status, f"{method} {path} {body[:40]}")
        check(answer["error"]["text"], "an error's text")
    with socket.socket(socket.AF_UNIX) as link:
        link.connect(os.path.join(agent.data, "control.sock"))
        link.sendall(b"\0\xff no HTTP at all\r\n\r\n")
    equal(agent.status()["pending"], 0, "nothing was logged")


def test_only_the_owner_reaches_the_store(bench):
    world = Federation(bench, "hue")
    for daemon in (world.hub, world["hue"]):
        equal(os.stat(os.path.join(daemon.data, "control.sock")).st_mode & 0o777, 0o600, "mode of the socket")
        equal(os.stat(daemon.data).st_mode & 0o777, 0o700, "mode of the directory")
        equal(daemon.call("run").status, 1, "a second daemon")


def test_a_code_is_used_once(bench):
    world = Federation(bench, "hue", "da-nang")
    words = "the code does not hold"
    code = world.enrol("hue")
    first, second = bench.agent("first"), bench.agent("second")
    wrong = code[:-1] + ("0" if code[-1] != "0" else "1")
    refused(second, 1, "code", "join", "--hub", world.address, "--code", wrong)
    first.do("join", "--hub", world.address, "--code", code.lower().replace("-", " "))
    refused(second, 1, words, "join", "--hub", world.address, "--code", code)
    refused(first, 1, "already", "join", "--hub", world.address, "--code", world.enrol("hue"))
    other = bench.hub("other")
    other.do("init")
    other.do("office", "add", "hue", "--name", "Huế")
    refused(second, 1, words, "join", "--hub", world.address, "--code", other.do("enrol", "hue").out.strip())
    check(not os.path.exists(os.path.join(second.data, "store")), "nothing was made")
    closed = f"tcp://127.0.0.1:{bench.free_port()}"
    refused(second, 1, "could not be reached", "join", "--hub", closed, "--code", world.enrol("hue"))
    refused(second, 1, "", "join", "--hub", "nonsense", "--code", world.enrol("hue"))


def test_an_unknown_key_gets_nowhere(bench):
    """The hub's store is put back to before an agent joined: the key of that agent is unknown again."""
    world = Federation(bench, "hue", "da-nang")
    world.hub.stop()
    shutil.copytree(world.hub.data, bench.path("before"))
    world.start_hub()
    unknown = world.join("hue", "unknown")
    world.sync()
    world.hub.stop()
    shutil.rmtree(world.hub.data)
    shutil.move(bench.path("before"), world.hub.data)
    world.start_hub()
    add(unknown, "partner", "name=Unknown")
    unknown.do("sync", "--wait", "--timeout", "2", status=1)
    record = add(world["da-nang"], "partner", "name=One")
    world["da-nang"].do("sync", "--wait")
    equal([r["id"] for r in world.hub.records("partner")], [record], "the hub's partners")
    equal(world.hub.status()["installations"], 2, "installations")
    equal(unknown.status()["pending"], 1, "its change is kept")


def test_a_stranger_hub_gets_nothing(bench):
    """Another hub takes the place of ours at its address: it cannot prove our hub's key."""
    world = Federation(bench, "hue")
    world.sync()
    world.hub.stop()
    stranger = bench.hub("stranger")
    stranger.do("init")
    stranger.start("--listen", world.address)
    add(world["hue"], "partner", "name=One")
    world["hue"].do("sync", "--wait", "--timeout", "2", status=1)
    equal(stranger.status()["replicas_online"], 0, "agents at the stranger")
    equal(stranger.records("partner"), [], "the stranger's partners")
    stranger.stop()
    world.start_hub()
    world.sync()
    equal(len(world.hub.records("partner")), 1, "the hub's partners")


def test_noise_on_the_port_harms_nobody(bench):
    world = Federation(bench, "hue")
    host, port = world.address[len("tcp://"):].split(":")
    for noise in (b"", b"\0" * 1000, b"GET / HTTP/1.0\r\n\r\n", os.urandom(5000),
                  b"\xff\0\0\0\0\0\0\0\x01\x7f\x03\0NULL" + b"\0" * 50):
        with socket.create_connection((host, int(port))) as link:
            link.sendall(noise)
    add(world["hue"], "partner", "name=One")
    world.sync()
    equal(world.hub.status()["malformed"], 0, "messages that are none")


if __name__ == "__main__":
    main(globals())
