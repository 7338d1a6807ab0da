#!/usr/bin/env python3
"""People over HTTP: accounts and roles, logins, and the record of administrative acts."""
import json
import os
import socket
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from federation import Federation, add
from hopnhat_test import SOON_S, check, equal, main, skip, wait_until
from web import Web

ROLES = ("reader", "editor", "manager", "administrator")
PASSWORD = "correct horse {}"


def people_of(daemon):
    for role in ROLES:
        daemon.do("account", "add", role[:3], "--role", role, given=PASSWORD.format(role) + "\n")

NAME = "records.example"  # of the proxy


def serve(bench, world, name=None):
    """The hub (or the office) also over TCP, with an account of each role: (daemon, Web of nobody)."""
    daemon, port = (world[name] if name else world.hub), bench.free_port()
    daemon.stop()
    extra = [] if name else ["--listen", world.address]
    daemon.start(*extra, "--http", f"127.0.0.1:{port}", "--set", f"http_names={NAME}")
    people_of(daemon)
    return daemon, Web(port)


def test_each_role_may_what_it_may(bench):
    world = Federation(bench, "hue")
    world.hub.do("office", "add", "headquarters-office", "--name", "HQ", "--headquarters")
    hub, nobody = serve(bench, world)
    record = add(hub, "partner", "name=One")
    asks = {  # the role from which on it is allowed
        ("GET", "/v1/records/partner", None): "reader",
        ("GET", "/v1/status", None): "reader",
        ("GET", "/v1/quarantine", None): "reader",
        ("POST", "/v1/records/partner", '{"set":{"name":"X"}}'): "editor",
        ("PATCH", f"/v1/records/partner/{record}", '{"set":{"address":"Y"}}'): "editor",
        ("POST", "/v1/imports/partner", '{"text":"","file":"f.csv"}'): "manager",
        ("PATCH", "/v1/offices/hue", '{"name":"Huế"}'): "manager",
        ("POST", "/v1/quarantine/0123456789abcdef.1/drop", "{}"): "manager",
        ("POST", "/v1/offices/hue/enrolments", "{}"): "administrator",
        ("POST", "/v1/offices/none/revoke", "{}"): "administrator",
        ("POST", "/v1/catalog/apply", '{"yaml":"","file":"f"}'): "administrator",
        ("GET", "/v1/accounts", None): "administrator",
        ("GET", "/v1/audit", None): "administrator",
        ("POST", "/v1/accounts", "{}"): "administrator",
        ("PATCH", "/v1/accounts/rea", '{"role":"reader"}'): "administrator",
        ("DELETE", "/v1/accounts/none", "{}"): "administrator",
        ("POST", "/v1/backups", json.dumps({"path": bench.path("never")})): None,
        ("POST", "/v1/recovery-key", "{}"): None,
    }
    for (method, path, body), least in asks.items():
        equal(nobody.status(method, path, json.loads(body) if body else None), 401 if least else 403,
              f"{method} {path} of nobody")
    for role in ROLES:
        web = nobody.login(role[:3], PASSWORD.format(role))
        for (method, path, body), least in asks.items():
            may = least is not None and ROLES.index(role) >= ROLES.index(least)
            status, answer, _ = web.ask(method, path, json.loads(body) if body else None)
            words = answer["error"]["text"] if status == 403 else ""
            refused = "role" in words or "itself" in words
            equal(refused, not may, f"{method} {path} of {role}: {status} {answer}")
    check(not os.path.exists(bench.path("never")), "nothing was written")


def test_an_author_is_who_logged_in(bench):
    world = Federation(bench, "hue")
    hue, nobody = serve(bench, world, "hue")
    web = nobody.login("EDI", PASSWORD.format("editor"))  # names know no capitals
    status, answer, _ = web.ask("POST", "/v1/records/partner", {"set": {"name": "One"}, "author": "director"})
    equal(status, 200, "adding")
    path = f"/v1/records/partner/{answer['id']}"
    equal(web.status("PATCH", path, {"set": {"address": "A"}, "author": "director"}), 200, "setting")
    world.sync()
    for daemon in (hue, world.hub):
        changes = daemon.do("history", "partner", answer["id"], "--json").lines()
        equal([c["author"] for c in changes], ["edi", "edi"], f"authors at {daemon.name}")
    hub, nobody = serve(bench, world)
    web = nobody.login("adm", PASSWORD.format("administrator"))
    erasing = {"fields": ["address"], "reason": "case 1", "author": "director"}
    equal(web.status("POST", f"{path}/erase", erasing), 200, "erasing")
    equal(web.status("PATCH", "/v1/offices/hue", {"name": "Hue", "author": "director"}), 200, "renaming")
    for kind in ("erasure", "office"):
        changes = [c for line in hub.do("list", kind, "--json").lines()
                   for c in hub.do("history", kind, line["id"], "--json").lines()]
        equal(changes[0]["author"], "adm", f"author of what was done to the {kind}")
        check("director" not in str(changes), f"nobody else: {changes}")


def test_rights_are_those_of_the_moment(bench):
    world = Federation(bench)
    hub, nobody = serve(bench, world)
    web = nobody.login("adm", PASSWORD.format("administrator"))
    equal(web.status("GET", "/v1/accounts"), 200, "as administrator")
    hub.do("account", "set", "adm", "--role", "reader")
    equal(web.status("GET", "/v1/accounts"), 403, "as reader")
    hub.do("account", "set", "adm", "--disabled")
    equal(web.status("GET", "/v1/status"), 401, "shut")
    equal(nobody.status("POST", "/v1/session", {"name": "adm", "password": PASSWORD.format("administrator")}),
          403, "login of a shut account")
    hub.do("account", "set", "adm", "--disabled", "no")
    web = nobody.login("adm", PASSWORD.format("administrator"))
    equal(web.status("DELETE", "/v1/session"), 200, "logging out")
    equal(web.status("GET", "/v1/status"), 401, "after logging out")
    web = nobody.login("edi", PASSWORD.format("editor"))
    hub.do("account", "remove", "edi")
    equal(web.status("GET", "/v1/status"), 401, "removed")
    for arguments, given in ((("account", "add", "rea", "--role", "reader"), "long enough here\n"),
                             (("account", "add", "x y", "--role", "reader"), "long enough here\n"),
                             (("account", "add", "new", "--role", "king"), "long enough here\n"),
                             (("account", "add", "new", "--role", "reader"), "short\n"),
                             (("account", "add", "new", "--role", "reader"), ""),
                             (("account", "set", "none", "--role", "reader"), ""),
                             (("passwd", "none"), "long enough here\n")):
        hub.do(*arguments, status=1, given=given)


def test_a_lost_password_is_replaced_on_the_machine(bench):
    world = Federation(bench)
    hub, nobody = serve(bench, world)
    old = nobody.login("adm", PASSWORD.format("administrator"))
    hub.do("passwd", "adm", given="a new one entirely\n")
    equal(old.status("GET", "/v1/status"), 401, "the login under the old password")
    equal(nobody.status("POST", "/v1/session", {"name": "adm", "password": PASSWORD.format("administrator")}),
          403, "the old password")
    web = nobody.login("adm", "a new one entirely")
    status, answer, _ = web.ask("POST", "/v1/session/password",
                                {"password": "a new one entirely", "new_password": "yet another one"})
    equal(status, 200, f"the own password: {answer}")
    equal(web.status("GET", "/v1/status"), 401, "the login under the password before")
    entries = hub.do("audit", "--json").lines()
    row = next(e for e in entries if e["act"] == "PATCH /v1/accounts/adm")
    check(row["actor"].startswith(f"uid {os.geteuid()} as "), f"who replaced it: {row}")
    check("password" in row["detail"], f"what: {row}")
    check(any(e["actor"].startswith("adm from 127.0.0.1") and "own password" in e["act"] for e in entries),
          "the own change is on record")
    with open(hub.process.log_path, encoding="utf-8") as log:
        words = log.read() + hub.do("audit").out
    for secret in ("a new one entirely", "yet another one", PASSWORD.format("administrator")):
        check(secret not in words, "a password stands on record or in the log")
    hub.stop()
    with open(os.path.join(hub.data, "store", "data.mdb"), "rb") as store:
        content = store.read()
    check(b"$argon2id$" in content and b"yet another one" not in content, "how it is stored")


def test_who_guesses_is_slowed_and_logged(bench):
    world = Federation(bench)
    hub, nobody = serve(bench, world)
    guess = {"name": "adm", "password": "wrong and wrong"}
    right = {"name": "adm", "password": PASSWORD.format("administrator")}
    guesses = [nobody.status("POST", "/v1/session", guess) for _ in range(5)]
    equal(guesses, [403] * 5, "the first guesses")

    def slowed():
        """The next guess, and then the right one, unless the wait was over before they came: it doubles, and
        begins anew with the right one."""
        guesses.append(nobody.status("POST", "/v1/session", guess))
        return guesses[-1] == 503 and nobody.status("POST", "/v1/session", right) == 503
    wait_until(slowed, SOON_S, "the right one is refused as well while it waits")
    equal(nobody.status("POST", "/v1/session", {"name": "rea", "password": PASSWORD.format("reader")}), 200,
          "another account meanwhile")
    wait_until(lambda: nobody.status("POST", "/v1/session", right) == 200, SOON_S,
               "the right one after the wait")
    first, second = (nobody.ask("POST", "/v1/session", {"name": name, "password": "wrong and wrong"})[1]
                     for name in ("edi", "nobody"))
    equal(first, second, "the answer for an account and for none")
    lines = [line for line in hub.process.log().splitlines() if "login as adm" in line and "failed" in line]
    equal(len(lines), guesses.count(403), "failed logins in the log")
    check("127.0.0.1" in lines[0], f"from where: {lines[0]}")


def try_login(web, name, password="wrong and wrong"):
    """(status, text) of a login, once all logins together are not too many."""
    found = []

    def tried():
        status, answer, _ = web.ask("POST", "/v1/session", {"name": name, "password": password})
        found[:] = [status, answer.get("error", {}).get("text", "")]
        return "at once" not in found[1]
    wait_until(tried, SOON_S, "room for a login")
    return tuple(found)


def test_behind_a_proxy_nobody_waits_for_the_mistakes_of_others(bench):
    world = Federation(bench)
    hub, nobody = serve(bench, world)
    clumsy, other = (Web(nobody.port, {"Host": NAME, "X-Forwarded-For": f"192.0.2.{n}"}) for n in (1, 2))
    silent = Web(nobody.port, {"Host": NAME})  # of a proxy that does not say for whom it asks
    answers = [try_login(clumsy, f"nobody{number}") for number in range(25)]
    equal({status for status, _ in answers[:20]}, {403}, "who mistypes")
    check(any("too many wrong passwords" in text for _, text in answers[20:]), f"waits: {answers[20:]}")
    answers = [try_login(silent, f"nobody{number}") for number in range(25)]
    equal({status for status, _ in answers}, {403}, "who mistypes by a proxy that does not tell")
    answers = []
    for number in range(1, 26):
        web = Web(nobody.port, {"Host": NAME, "X-Forwarded-For": f"[2001:db8::{number}]:443"})
        answers.append(try_login(web, f"nobody{number}"))
    check(any("too many wrong passwords" in text for _, text in answers[20:]), f"one network: {answers[20:]}")
    for web in (other, silent):
        equal(try_login(web, "adm", PASSWORD.format("administrator")), (200, ""), "another who knows it")
    check("login as nobody3 from 192.0.2.1 failed" in hub.process.log(), "the log says who it was")


def test_a_foreign_page_gets_nothing_through_a_browser(bench):
    world = Federation(bench)
    _, nobody = serve(bench, world)
    status, _, fields = nobody.ask("POST", "/v1/session",
                                   {"name": "edi", "password": PASSWORD.format("editor")})
    equal(status, 200, "login")
    cookie = fields["Set-Cookie"]
    for word in ("HttpOnly", "SameSite=Strict", "Path=/"):
        check(word in cookie, f"{word} in {cookie}")
    browser = Web(nobody.port, {"Cookie": cookie.partition(";")[0]})
    here = {"Origin": f"http://127.0.0.1:{nobody.port}"}
    body = {"set": {"name": "One"}}
    equal(browser.status("GET", "/v1/records/partner"), 200, "reading")
    equal(browser.status("POST", "/v1/records/partner", body, here), 200, "writing from the own page")
    for wrong in ({}, {"Origin": "http://evil.example"}, {"Origin": "null"},
                  {**here, "Host": "evil.example"}):
        equal(browser.status("POST", "/v1/records/partner", body, wrong), 403, f"writing with {wrong}")
    equal(browser.status("GET", "/v1/records/partner", None, {"Host": "evil.example"}), 403, "rebinding")
    by_proxy = {"Host": NAME, "Origin": f"https://{NAME}", "X-Forwarded-Proto": "https"}
    equal(browser.status("POST", "/v1/records/partner", body, by_proxy), 200, "a name that is set")
    equal(nobody.status("GET", "/v1/status", None, {"Cookie": "hopnhat_session=" + "0" * 64}), 401, "a guess")


def test_every_act_is_on_record(bench):
    world = Federation(bench, "hue")
    hub, nobody = serve(bench, world)
    web = nobody.login("man", PASSWORD.format("manager"))
    equal(web.status("PATCH", "/v1/offices/hue", {"name": "Huế"}), 200, "renaming")
    equal(web.status("PATCH", "/v1/offices/vinh", {"name": "Vinh"}), 404, "an office that is not there")
    hub.do("catalog", "apply", os.devnull, status=1)
    entries = hub.do("audit", "--json").lines()
    equal([e["number"] for e in entries], list(range(1, len(entries) + 1)), "numbers")
    acts = [(e["actor"].split(" as ")[0], e["act"]) for e in entries]
    local = f"uid {os.geteuid()}"
    for wanted in ((local, "POST /v1/offices"), (local, "POST /v1/offices/hue/enrolments"),
                   (local, "POST /v1/accounts"), ("man from 127.0.0.1", "PATCH /v1/offices/hue"),
                   ("man from 127.0.0.1", "failed: PATCH /v1/offices/vinh")):
        check(wanted in acts, f"{wanted} in {acts}")
    renamed = next(e for e in entries if e["act"] == "PATCH /v1/offices/hue")
    check("Huế" in renamed["detail"], f"what was changed: {renamed}")
    hub.do("verify")
    hub.stop()
    alter(os.path.join(hub.data, "store", "data.mdb"), b"PATCH /v1/offices/hue", b"PATCH /v1/offices/hun")
    result = hub.do("verify", status=1)
    check("audit: the chain breaks at entry" in result.out + result.err, f"verify: {result.describe()}")


def alter(path, old, new):
    with open(path, "r+b") as file:
        content = file.read()
        check(old in content, f"{old} in {path}")
        file.seek(0)
        file.write(content.replace(old, new))


def test_the_socket_serves_root_and_the_daemons_user(bench):
    if os.geteuid() != 0:
        skip("only root can be somebody else")
    world = Federation(bench)
    path = os.path.join(world.hub.data, "control.sock")
    os.chmod(bench.directory, 0o755)
    os.chmod(world.hub.data, 0o755)
    os.chmod(path, 0o666)

    def asked(uid):
        """The status that a process of that user is answered."""
        child = os.fork()
        if child == 0:
            status = 0
            try:
                os.setuid(uid)
                with socket.socket(socket.AF_UNIX) as link:
                    link.settimeout(10)
                    link.connect(path)
                    link.sendall(b"GET /v1/status HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                    status = int(link.recv(1000).split()[1]) // 100
            finally:
                os._exit(status)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    equal(asked(65534), 4, "another user")
    equal(asked(0), 2, "root")


if __name__ == "__main__":
    main(globals())
