#!/usr/bin/env python3
"""Lists in order, search and figures, with real processes: at headquarters, in an office, by a tool alone."""
import os
import random
import shutil
import subprocess
import sys
import threading
import time
from decimal import Decimal

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from federation import Caller, Federation, add, call_http  # noqa: E402
from hopnhat_test import BUILD, SOON_S, check, equal, main, wait_until  # noqa: E402

SORTED_S = 240
ORDERED = ["An Giang", "Ăn Lành", "Ân Nhân", "Dương Minh", "Đà Nẵng Xanh", "Quảng Bình", "Quảng Trị"]


def names(daemon, *options):
    records = daemon.do("list", "partner", *options, "--json").lines()
    return [record["fields"].get("name") for record in records]


def found(daemon, *words):
    return sorted(record["fields"]["name"] for record in daemon.do("search", *words, "--json").lines())


def figures(daemon, *options):
    return daemon.do("report", "partner", *options, "--json").lines()


def fill(world):
    shuffled = ORDERED[:]
    random.Random(4).shuffle(shuffled)
    for place, name in enumerate(shuffled):
        office = world["hue"] if place % 2 else world["da-nang"]
        add(office, "partner", f"name={name}", "country=LA" if place % 3 else "country=FR",
            f"committed_usd=0.{place + 1}", f"since=20{20 + place % 3}-0{place + 1}-05")


def check_answers(daemon):
    equal(names(daemon, "--sort", "name"), ORDERED, f"{daemon.name}: by name")
    equal(names(daemon, "--sort", "-name"), ORDERED[::-1], f"{daemon.name}: by name, reversed")
    parted = names(daemon, "--where", "country=FR") + names(daemon, "--where", "country=LA")
    equal(sorted(parted), sorted(ORDERED), f"{daemon.name}: by country")
    for words in (("quang tri",), ("Quảng Trị",), ("QUANG", "TRI"), ("trị", "quảng")):
        equal(found(daemon, *words), ["Quảng Trị"], f"{daemon.name}: {words}")
    equal(found(daemon, "quang"), ["Quảng Bình", "Quảng Trị"], f"{daemon.name}: quang")
    rows = figures(daemon, "--group-by", "country", "--sum", "committed_usd")
    total = sum(Decimal(f"0.{place + 1}") for place in range(len(ORDERED)))
    equal(Decimal(rows[-1]["sum"]), total, f"{daemon.name}: the total")
    equal(sum(Decimal(row["sum"]) for row in rows[:-1]), total, f"{daemon.name}: the rows")
    equal([row["group"]["country"] for row in rows[:-1]], ["FR", "LA"], f"{daemon.name}: the countries")


def test_answers_are_the_same_everywhere(bench):
    world = Federation(bench, "da-nang", "hue")
    fill(world)
    world.sync()
    for daemon in (world.hub, world["da-nang"], world["hue"]):
        check_answers(daemon)
        daemon.stop()
        check_answers(daemon)  # a tool opens the store itself
        shutil.rmtree(os.path.join(daemon.data, "views"))
        check_answers(daemon)
        if daemon is world.hub:
            world.start_hub()
        else:
            daemon.start()
        check_answers(daemon)
        wait_until(lambda one=daemon: one.status()["index_behind"] == 0, SOON_S, "the indexes catch up")
        check_answers(daemon)


def test_lists_show_what_was_written_just_now(bench):
    world = Federation(bench, "hue")
    office = world["hue"]
    kept = []
    for number in range(25):
        name = f"Bước {number:02}"
        record = add(office, "partner", f"name={name}")
        kept.append(name)
        equal(names(office, "--sort", "name"), kept, "the list at once")
        equal(found(office, f"buoc {number:02}"), [name], "the search at once")
        if number % 5 == 4:
            office.do("set", "partner", record, "name=Áo dài")
            kept[-1:] = []
            equal(names(office, "--sort", "name")[:1], ["Áo dài"], "the changed one at once")
            equal(found(office, f"buoc {number:02}"), [], "and not under its former name")
            office.do("delete", "partner", record)
            equal(names(office, "--sort", "name"), kept, "without the deleted one at once")


def test_wrong_questions_are_named(bench):
    office = Federation(bench, "hue")["hue"]
    for command, part in ((("list", "partner", "--sort", "nothing"), "sort: nothing"),
                          (("list", "partner", "--where", "nothing=1"), "where: nothing"),
                          (("search", "!"), "no words"),
                          (("report", "partner", "--group-by", "nothing"), "group-by: nothing"),
                          (("list", "partner", "--where", "since:year=21"), "no year (YYYY)"),
                          (("report", "partner", "--where", "since:month=2021"), "no month (YYYY-MM)"),
                          (("report", "partner", "--where", "since:quarter=Q2/2021"), "no quarter (YYYY-Q1)"),
                          (("list", "report", "--where", "submitted_at=2024-05-01"), "submitted_at:month"),
                          (("report", "partner", "--sum", "name"), "no number")):
        result = office.call(*command)
        equal(result.status, 1, f"{command}: exit status")
        check(part in result.err, f"{command}: says {result.err!r}")
    for command, part in ((("report", "partner", "--group-by", "country", "--group-by", "status"), "twice"),
                          (("list", "partner", "--sort", "name", "--sort", "country"), "twice"),
                          (("report", "partner", "--sum", ""), "--sum needs a value")):
        result = office.call(*command)
        check(result.status == 2 and part in result.err, f"{command}: {result.describe()}")


def test_a_list_sorted_without_an_index_holds_up_nobody(bench):
    """Each of its pages is no look at all records; and it is whole, past the places that are kept at once."""
    hub = bench.hub()
    subprocess.run([os.path.join(BUILD, "tests", "bench", "fill"), hub.data, "100000"], check=True)
    hub.start("--listen", f"tcp://127.0.0.1:{bench.free_port()}")
    asked, waits, listed = Caller(hub), [], []
    lister = threading.Thread(target=lambda: listed.extend(
        hub.records("partner", "--sort", "-name_vi", deadline_s=SORTED_S)))
    begun = time.monotonic()
    lister.start()
    while lister.is_alive():
        before = time.monotonic()
        asked.call("GET", "/v1/status")
        waits.append(time.monotonic() - before)
    whole_s = time.monotonic() - begun
    equal((len(listed), len({record["id"] for record in listed})), (100000, 100000), "records, each once")
    numbers = [record["fields"]["name_vi"].split() for record in listed]
    order = [(int(words[5].rstrip(",")), words[-1]) for words in numbers]
    equal(len({month for month, _ in order}), 12, "months")
    equal(sum(a[0] != b[0] for a, b in zip(order, order[1:])), 11, "changes of the month: it is in order")
    check(len(waits) > 100, f"{len(waits)} answers meanwhile, {whole_s:.0f} s")
    print(f"# {whole_s:.1f} s; {len(waits)} answers meanwhile, the longest after {max(waits):.2f} s",
          flush=True)


REPORT = "/v1/report/partner?group-by=country,since:year"


def start_reports(hub, count, answers):
    threads = [threading.Thread(target=lambda: answers.append(call_http(hub, "GET", REPORT)))
               for _ in range(count)]
    for thread in threads:
        thread.start()
    return threads


def test_a_report_holds_up_nobody(bench):
    """Headquarters answers and takes edits while reports over all records are made; and it can be stopped."""
    hub = bench.hub()
    subprocess.run([os.path.join(BUILD, "tests", "bench", "fill"), hub.data, "100000"], check=True)
    hub.start("--listen", f"tcp://127.0.0.1:{bench.free_port()}")
    asked, answers, meanwhile = Caller(hub), [], 0
    threads = start_reports(hub, 4, answers)
    while any(thread.is_alive() for thread in threads):
        asked.call("GET", "/v1/status")
        asked.call("POST", "/v1/records/partner", '{"set":{"name":"Meanwhile","group":"everyone"}}')
        meanwhile += not answers  # before the first report was done
    equal([status for status, _ in answers], [200] * 4, "the reports")
    check(meanwhile >= 5, f"while reports were made, headquarters took {meanwhile} edits")
    counts = {answer["total"]["count"] for _, answer in answers}
    check(all(100000 <= count <= 100000 + 2000 for count in counts), f"each is of one snapshot: {counts}")
    answers = []
    for thread in start_reports(hub, 12, answers):
        thread.join()
    refused = [answer["error"]["text"] for status, answer in answers if status == 503]
    equal(len(refused) + sum(status == 200 for status, _ in answers), 12, "answers to twelve at once")
    check(len(refused) < 9 and all("ask again" in text for text in refused), f"past the bound: {refused}")
    answers = []
    threads = start_reports(hub, 1, answers)
    asked.call("GET", "/v1/status")
    hub.stop()
    for thread in threads:
        thread.join()
    print(f"# {meanwhile} edits while four reports were made; {len(refused)} of twelve at once were told to "
          f"wait; the last ended with {answers}"[:300], flush=True)


if __name__ == "__main__":
    main(globals())
