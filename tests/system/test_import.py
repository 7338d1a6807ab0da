#!/usr/bin/env python3
"""Lists in and out with real processes: the three lists of data/, hostile files, keys, undo, kills."""
import csv
import decimal
import io
import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
import unicodedata
import zipfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from hopnhat_test import ROOT, SOON_S, Process, at_best, check, equal, main, wait_until
from federation import Caller, Federation, add, comparable
from wrong_clock import WrongClock

LISTS = {"quang-tri": ("partners-quang-tri.csv", 40, 0), "da-nang": ("partners-da-nang.csv", 35, 0),
         "hau-giang": ("partners-hau-giang.txt", 30, 2)}
IMPORT_S = 120
SIZE_OF_AN_ID = "Friends of the Mekong River Viet Nam"
REST_MIB = 16  # more than an agent takes that has just begun


def data(name):
    return os.path.join(ROOT, "data", name)


def bring(daemon, *arguments, status=0):
    """`import --json`: the answer."""
    result = daemon.call("import", *arguments, "--json", deadline_s=IMPORT_S)
    equal(result.status, status, f"status of {result.describe()}")
    return result.json()


def counts(answer):
    return answer["added"], answer["changed"], answer["unchanged"], len(answer["rejected"])


def write(bench, name, content, encoding="utf-8"):
    path = bench.path(name)
    with open(path, "wb") as file:
        file.write(content if isinstance(content, bytes) else content.encode(encoding))
    return path


def read_sum(name):
    """The sum of the amounts of a list, read by means of its own: digits of the last column that is all
    digits and marks, of rows that are whole."""
    with open(data(name), "rb") as file:
        raw = file.read()
    text = raw.decode("cp1258" if name.endswith(".txt") else "utf-8-sig")
    separator = max(",;\t", key=text.split("\n")[0].count)
    rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator))
    headings = [unicodedata.normalize("NFC", cell) for cell in rows[0]]
    known = ("Cam kết (USD)", "committed_usd", "Giá trị")
    at = next(place for place, heading in enumerate(headings) if heading in known)
    total = decimal.Decimal(0)
    for row in rows[1:]:
        cell = row[at].strip() if len(row) == len(headings) else ""
        if re.fullmatch(r"\$[\d,]+\.\d\d", cell):
            total += decimal.Decimal(cell[1:].replace(",", ""))
        elif re.fullmatch(r"[\d.]+", cell):
            total += decimal.Decimal(cell.replace(".", ""))
    return total


def held_sum(daemon, office):
    """The exact sum of the amounts of an office's partners, as the daemon holds them."""
    return sum(decimal.Decimal(record["fields"].get("committed_usd", "0"))
               for record in daemon.records("partner") if office in (None, record["owner"]))


def test_the_three_lists(bench):
    sides = Federation(bench, *LISTS)
    for office, (name, rows, rejected) in LISTS.items():
        answer = bring(sides[office], "partner", data(name), status=3 if rejected else 0)
        equal(counts(answer), (rows, 0, 0, rejected), name)
        equal(held_sum(sides[office], office), read_sum(name), f"the sum of {name}")
        print(f"# {name}: {rows} in, {rejected} rejected, committed_usd {held_sum(sides[office], office)}")
    equal(answer["encoding"], "windows-1258", "encoding of the third")
    equal(answer["assumed"], True, "it is assumed")
    equal(answer["not_taken"], ["STT"], "columns that are no field")
    rejected = answer["rejected"]
    equal([(row["line"], row["field"]) for row in rejected], [(14, None), (24, "since")], "rejected")
    check("31/02/2019" in rejected[1]["reason"] and "committed_usd" in rejected[1]["reason"],
          "all that is wrong with a row is said")
    sides.sync()
    expected = sum(read_sum(name) for name, _, _ in LISTS.values())
    equal(held_sum(sides.hub, None), expected, "the sum at the hub")
    equal(expected, decimal.Decimal(257159640), "the sum of the lists")
    print(f"# at headquarters: committed_usd {held_sum(sides.hub, None)}")
    first = next(record["fields"] for record in sides["hau-giang"].records("partner")
                 if record["fields"]["name"] == "Golden West Humanitarian Foundation")
    equal(first, {"name": "Golden West Humanitarian Foundation", "country": "US", "sectors": ["Khuyết tật"],
                  "since": "1994-01-10", "committed_usd": "6602992", "status": "dormant"}, "the first row")
    again = bring(sides["da-nang"], "partner", data("partners-da-nang.csv"), "--key", "name,country,since")
    equal(counts(again), (0, 0, 35, 0), "the same list again, by a key")


def test_a_list_by_key(bench):
    sides = Federation(bench, "hue", "da-nang")
    hue = sides["hue"]
    equal(counts(bring(hue, "partner", write(bench, "a.csv", """Tên,Nước,Lĩnh vực,Ghi chú,Cam kết
Plan,Pháp,Y tế,một,1.000
Oxfam,Anh,Y tế;Giáo dục,hai,
"""))), (2, 0, 0, 0), "first")
    second = write(bench, "b.csv", """STT;Tên;Nước;Lĩnh vực;Ghi chú;Cam kết
1;PLAN ;FR;Giáo dục;ba;2.000,5
2;oxfam;GB;;hai;
3;CARE;Đức;;;7
4;care\u00a0;DE;;;7
5;Care;DE;;;8
6;;;x;;
""")
    dry = bring(hue, "partner", second, "--key", "name,country", "--dry-run", status=3)
    answer = bring(hue, "partner", second, "--key", "name,country", status=3)
    equal(counts(answer), (1, 1, 2, 2), "updated; the same again in other letters")
    equal(counts(dry), counts(answer), "what the dry run said")
    check("import" not in dry, "a dry run writes nothing")
    lines = [row["line"] for row in answer["rejected"]]
    equal(lines, [6, 7], "rejected: one that differs, one without a key")
    plan = next(record for record in hue.records("partner") if record["fields"]["name"] == "Plan")
    equal(plan["fields"], {"name": "Plan", "country": "FR", "sectors": ["Giáo dục"], "notes": ["một", "ba"],
                           "committed_usd": "2000.5"}, "the updated record")
    repeated = write(bench, "c.csv", "name,country\nCARE,DE\nCARE,DE\n")
    equal(counts(bring(hue, "partner", repeated, "--key", "name,country")), (0, 0, 2, 0), "said twice")
    add(hue, "partner", "name=CARE", "country=DE")
    several = bring(hue, "partner", repeated, "--key", "name,country", status=3)
    equal(len(several["rejected"]), 2, "a key of several records")
    result = hue.call("import", "partner", repeated, "--key", "since")
    check(result.status == 1 and "since" in result.err, f"a key without a column: {result.describe()}")
    for key in ("", "name,"):
        equal(hue.call("import", "partner", repeated, "--key", key).status, 2, f"--key {key}")


def test_a_dry_run_finds_what_the_import_finds(bench):
    """Of records of the list's own type, however many rows have been written before."""
    hub = Federation(bench).hub
    add(hub, "directive", "number=1", "title=Chỉ thị cũ")
    path = write(bench, "d.csv", "number,title,replaces\n" +
                 "".join(f"{i},Văn bản {i},\n" for i in range(2, 122)) +
                 "200,Mới,Văn bản 2\n201,Khác,chi thi cu\n")
    dry = bring(hub, "directive", path, "--dry-run", status=3)
    equal(counts(dry), (121, 0, 0, 1), "what would be done")
    answer = bring(hub, "directive", path, status=3)
    equal((counts(answer), answer["rejected"]), (counts(dry), dry["rejected"]), "what was done")


def test_rows_of_others_are_rejected(bench):
    sides = Federation(bench, "hue", "da-nang")
    project = write(bench, "p.csv", "title,province\nCầu Hiền Lương,Quảng Trị\n")
    equal(counts(bring(sides["hue"], "aid_project", project)), (1, 0, 0, 0), "one's own")
    sides.sync()
    changed = write(bench, "q.csv", "title,province\nCầu Hiền Lương,Huế\nMới,Huế\n")
    answer = bring(sides["da-nang"], "aid_project", changed, "--key", "title", status=3)
    equal(counts(answer), (1, 0, 0, 1), "another office's record stays")
    check("may not write" in answer["rejected"][0]["reason"], str(answer))


def read_fields(daemon):
    """Fields by id; members of sets in one order."""
    return {record["id"]: {name: sorted(value) if isinstance(value, list) else value
                           for name, value in record["fields"].items()}
            for record in daemon.records("partner")}


def test_undo(bench):
    sides = Federation(bench, "hue", "da-nang")
    hue, da_nang = sides["hue"], sides["da-nang"]
    bring(hue, "partner", write(bench, "a.csv", "name,country,sectors,notes,status\n"
                                                "Plan,FR,a;b,một,active\nOxfam,GB,a,,active\n"))
    sides.sync()
    before = read_fields(hue)
    answer = bring(hue, "partner", write(bench, "b.csv", """name,country,sectors,notes,status,website
Plan,FR,b;c,hai,ended,example.org
Oxfam,GB,b,,dormant,
CARE,DE,,,,
Misereor,DE,,,,
"""), "--key", "name")
    equal(counts(answer), (2, 2, 0, 0), "imported")
    sides.sync()
    oxfam = next(key for key, value in before.items() if value["name"] == "Oxfam")
    care = next(record["id"] for record in da_nang.records("partner", "--where", "name=CARE"))
    da_nang.do("set", "partner", oxfam, "status=prospect")
    da_nang.do("set", "partner", care, "website=https://care.org")
    sides.sync()
    refused = hue.call("import", "--undo", str(answer["import"]), "--dry-run")
    check(refused.status == 2 and "--dry-run" in refused.err, f"not dry: {refused.describe()}")
    result = hue.call("import", "--undo", str(answer["import"]), "--json")
    equal(result.status, 3, f"status of {result.describe()}")
    undone = result.json()
    equal((undone["deleted"], undone["restored"], len(undone["kept"])), (1, 2, 2), str(undone))
    equal({(row["id"], row["field"]) for row in undone["kept"]}, {(oxfam, "status"), (care, None)}, "kept")
    sides.sync()
    for side in (hue, da_nang, sides.hub):
        after = read_fields(side)
        equal(set(after), set(before) | {care}, f"records of {side.name}")
        equal({**after[oxfam], "status": "active"}, before[oxfam], "all else of Oxfam is as before")
        equal({key: value for key, value in after.items() if key not in (oxfam, care)},
              {key: value for key, value in before.items() if key != oxfam}, "Plan is as before")
    check(hue.call("import", "--undo", str(answer["import"])).status == 1, "it is taken back once")
    check(hue.call("import", "--undo", "99").status == 1, "an import that is none")
    equal([row["import"] for row in hue.do("import", "--imports", "--json").lines()], [2, 1], "imports")


def check_stale_exports(bench, sides, record):
    """What somebody has taken away since does not come back by an export of before."""
    taken = {"notes": "-1; 2", "sectors": "c\\d", "contacts": "@lan"}
    for place, (field, value) in enumerate(taken.items()):
        sides.sync()
        stale = {}
        for side in (sides["hue"], sides.hub):
            stale[side] = bench.path(f"stale-{side.name}.csv")
            side.do("export", "partner", "--out", stale[side])
        sides["da-nang" if place else "hue"].do("set", "partner", record, f"{field}-={value}")
        sides.sync()
        for side, path in stale.items():
            answer = bring(side, "partner", path, status=3)
            equal((counts(answer), answer["rejected"][0]["field"]), ((0, 0, 1, 1), field), side.name)
            left = side.record("partner", record)["fields"].get(field, [])
            check(value not in left, f"{field} at {side.name}: {left}")


def test_an_own_export_changes_nothing(bench):
    sides = Federation(bench, "hue", "da-nang")
    hue = sides["hue"]
    values = {"name": '=cmd|"/c calc"!A1', "sectors": 'a;b', "address": "một\n\u0301hai, \"ba\"",
              "website": "'+x", "committed_usd": "1.2340", "since": "2001-05", "profile": "---"}
    record = add(hue, "partner", *(f"{key}={value}" for key, value in values.items()), "sectors=c\\d",
                 "notes+=x\n---\ny", "notes+=-1; 2", "country=LA", "contacts+=@lan")
    add(hue, "partner", "name=Plan", "status=active")
    shown = comparable(hue.record("partner", record))
    for form in ("--csv", "--json"):
        path = bench.path("own" + form)
        hue.do("export", "partner", form, "--out", path)
        equal(counts(bring(hue, "partner", path)), (0, 0, 2, 0), f"import of an own export, {form}")
        equal(counts(bring(hue, "partner", path, "--key", "id")), (0, 0, 2, 0), f"with --key id, {form}")
    equal(comparable(hue.record("partner", record)), shown, "the record is as it was")
    refused = hue.call("export", "partner", "--csv", "--where", "nothing=1", "--out", path)
    equal(refused.status, 1, "a field that there is not")
    nameless = hue.call("export", "partner", "--out", "")
    check(nameless.status == 2 and "needs the name of a file" in nameless.err, nameless.describe())
    check(os.path.getsize(path) > 0, "an export that fails leaves the file that was there")
    with open(bench.path("own--csv"), "rb") as file:
        raw = file.read()
    check(raw.startswith(b"\xef\xbb\xbf"), "a byte order mark for Excel")
    rows = {row["id"]: row for row in csv.DictReader(io.StringIO(raw.decode("utf-8-sig"), newline=""))}
    for row in rows.values():
        for name, cell in row.items():
            check(cell[:1] not in ("=", "+", "-", "@"), f"{name} may run in a spreadsheet: {cell}")
    equal(rows[record]["committed_usd"], "1.2340", "a decimal that reads back")
    sheet = bench.path("own.xlsx")
    hue.do("export", "partner", "--xlsx", "--out", sheet)
    with zipfile.ZipFile(sheet) as file:
        content = file.read("xl/worksheets/sheet1.xml").decode()
    check("=cmd|" in content and "<f>" not in content, "texts of a workbook are no formulas")
    edited = raw.decode("utf-8").replace(",active,", ",ended,")
    sides.sync()
    sides["da-nang"].do("set", "partner", rows[record]["id"], "website=https://a.example")
    sides.sync()
    answer = bring(hue, "partner", write(bench, "edited.csv", edited), status=3)
    equal(counts(answer), (0, 1, 0, 1), "one edited row; one field that somebody else has written since")
    equal(answer["rejected"][0]["field"], "website", "which")
    check_stale_exports(bench, sides, record)


def test_what_a_workbook_cannot_hold(bench):
    """Excel's cells end at 32,767 characters: the record and the field are named, and the way out."""
    hue = Federation(bench, "hue")["hue"]
    add(hue, "partner", "name=Plan")
    record = add(hue, "partner", "name=Oxfam", "notes+=" + "ă" * 20000, "notes+=" + "b" * 20000)
    sheet, part = bench.path("own.xlsx"), bench.path("own.xlsx.part")
    for _ in range(2):
        write(bench, "own.xlsx.part", b"what an export that was killed has left" * 10000)
        result = hue.call("export", "partner", "--xlsx", "--out", sheet)
        check(result.status == 1 and all(word in result.err for word in (record, "notes", "32767", "--csv")),
              f"what is wrong: {result.describe()}")
        check(not os.path.exists(sheet) and not os.path.exists(part), "no half of a file is left")
    hue.do("export", "partner", "--csv", "--out", sheet)
    hue.do("set", "partner", record, "notes-=" + "b" * 20000)
    for form in ("--xlsx", "--csv", "--json"):
        write(bench, "own.xlsx.part", b"what an export that was killed has left" * 10000)
        hue.do("export", "partner", form, "--out", sheet)
        check(not os.path.islink(sheet), "a file of its own")
        os.symlink(write(bench, "other", b"somebody's"), part)  # is not written through
        hue.do("export", "partner", form, "--out", sheet)
        with open(bench.path("other"), "rb") as file:
            check(not os.path.islink(sheet) and file.read() == b"somebody's", f"{form}: the other file")
        check(not os.path.exists(part), "the next export replaces it")
        with open(sheet, "rb") as file:
            check(b"killed" not in file.read(), f"{form}: and has nothing of it")
    shown = hue.do("import", "partner", sheet).out
    check("own.xlsx: utf-8, JSON lines\n" in shown and "headings" not in shown, f"how it was read: {shown}")


def test_lists_as_offices_keep_them(bench):
    hue = Federation(bench, "hue")["hue"]
    body = [("Hội hữu nghị Việt – Lào", "Lào", "05/06/99", "1.234.567,5", "Đang hoạt động"),
            ("Quỹ\u00a0Châu\u00a0Á", "Hoa Kỳ", "2/3/2001", "$1,234,567.00", "Tiềm năng"),
            ("Viện Gớt", "CHLB Đức", "2010-07-01", "12", "đã kết thúc")]
    text = "DANH SÁCH ĐỐI TÁC NĂM 2025\n\nSTT\tTên tổ chức\tQuốc gia\tNgày bắt đầu\tSố tiền\tTình trạng\n" + \
        "".join(f"{number}\t" + "\t".join(row) + "\n" for number, row in enumerate(body, 1)) + \
        "\tTổng cộng\t\t\t2.469.146,5\t\n"
    forms = {"utf-8": text.encode(), "utf-16": b"\xff\xfe" + text.encode("utf-16-le"),
             "utf-16be": b"\xfe\xff" + text.replace("\n", "\r\n").encode("utf-16-be"),
             "nfd": unicodedata.normalize("NFD", text).encode()}
    seen = None
    for name, raw in forms.items():
        answer = bring(hue, "partner", write(bench, name, raw))
        equal(counts(answer), (3, 0, 0, 0), name)
        equal((answer["line"], answer["totals"], answer["separator"]), (3, [7], "\t"), name)
        found = [record["fields"] for record in hue.records("partner")][-3:]
        equal(found, seen or found, f"the same from {name}")
        seen = found
    equal([(one["name"], one["country"], one["since"], one["committed_usd"], one["status"]) for one in seen],
          [("Hội hữu nghị Việt – Lào", "LA", "1999-06-05", "1234567.5", "active"),
           ("Quỹ Châu Á", "US", "2001-03-02", "1234567", "prospect"),
           ("Viện Gớt", "DE", "2010-07-01", "12", "ended")], "what was read")
    turned = bring(hue, "partner", write(bench, "turned", forms["utf-16be"]), "--encoding", "utf-16")
    equal((counts(turned), turned["encoding"]), ((3, 0, 0, 0), "utf-16be"), "the mark tells the order")
    numbered = text.replace("trạng\n", "trạng\n(1)\t(2)\t(3)\t(4)\t(5)=(3)+(4)\t(6)\n")
    for name, raw, line in (("numbered", numbered, 4), ("bare", re.sub(r"[()]|=.*(?=\t6)", "", numbered), 4),
                            ("plain", text, 0)):
        answer = bring(hue, "partner", write(bench, name, raw))
        equal((counts(answer), answer["numbers_line"]), ((3, 0, 0, 0), line), name)
    odd = write(bench, "odd.csv", "Bên ta,Bên bạn\nHuế,Plan\n")
    check(hue.call("import", "partner", odd).status == 1, "no known heading is an error")
    unnamed = hue.call("import", "partner", data("countries.csv"))
    check(unnamed.status == 1 and "no column for name," in unnamed.err, f"no name: {unnamed.describe()}")
    equal(counts(bring(hue, "partner", odd, "--map", "bên bạn=name")), (1, 0, 0, 0), "--map")
    check(hue.call("import", "partner", odd, "--map", "x").status == 2, "a map that is none")
    check(hue.call("import", "partner", odd, "--encoding", "klingon").status == 2, "no such encoding")
    check(hue.call("import", "partner", bench.path("none.csv")).status == 1, "no such file")
    check(hue.call("import", "partner").status == 2, "no file given")


def undo(daemon, answer, status=0):
    result = daemon.call("import", "--undo", str(answer["import"]), "--json")
    equal(result.status, status, f"status of {result.describe()}")
    return result.json()


def test_two_imports_are_taken_back_in_turn(bench):
    """The second wrote over what the first had; once it is taken back, the first can be, but where a person
    wrote in between."""
    hue = Federation(bench, "hue")["hue"]
    kept = add(hue, "partner", "name=Kept", "status=active", "sectors=mìn")
    before = hue.record("partner", kept)["fields"]
    first = write(bench, "1.csv", "name,status,sectors,address\nPlan,active,y tế;mìn,Huế\n"
                                  "Oxfam,active,y tế,\nCARE,active,,\nKept,dormant,y tế,\n")
    second = write(bench, "2.csv", "name,status,sectors,website\nPlan,ended,giáo dục,https://a.example\n"
                                   "Oxfam,ended,y tế,\nCARE,ended,,\nKept,ended,giáo dục,\n")
    imports = [bring(hue, "partner", first, "--key", "name")]
    care = next(record["id"] for record in hue.records("partner") if record["fields"]["name"] == "CARE")
    hue.do("set", "partner", care, "status=prospect")  # a person, between the two
    for _ in range(2):  # imported and taken back more than once: still the first's
        imports.append(bring(hue, "partner", second, "--key", "name"))
        equal(undo(hue, imports[-1])["restored"], 4, "records put back")
    equal(hue.record("partner", care)["fields"]["status"], "prospect", "what the person wrote is back")
    imports.append(bring(hue, "partner", second, "--key", "name"))
    stood = hue.records("partner")
    refused = hue.call("import", "--undo", str(imports[0]["import"]))  # the wrong order changes nothing
    check(refused.status == 1 and f"take import {imports[-1]['import']} back first" in refused.err,
          f"refused: {refused.describe()}")
    equal([record["fields"] for record in hue.records("partner")], [record["fields"] for record in stood],
          "all stand")
    equal(undo(hue, imports[-1])["restored"], 4, "the last one first")
    answer = undo(hue, imports[0], 3)
    equal((answer["deleted"], answer["restored"]), (2, 1), f"the first is taken back: {answer}")
    equal([row["id"] for row in answer["kept"]], [care], "but for what a person wrote")
    listed = hue.do("import", "--imports", "--json").lines()
    equal([(row["undone"] is not None, row["kept"]) for row in listed], [(True, 0)] * 3 + [(True, 1)],
          "as listed")
    equal(hue.record("partner", kept)["fields"], before, "what was there is as it was")
    equal(sorted(record["fields"]["name"] for record in hue.records("partner")), ["CARE", "Kept"], "the rest")


def test_a_day_alone_is_its_beginning(bench):
    """In a field that holds a time: from a list and as it is typed."""
    hue = Federation(bench, "hue")["hue"]
    reports = write(bench, "reports.csv", "Kỳ,Loại báo cáo,Ngày nộp\n"
                    "2024-04,Tháng,05/05/2024\n2024-05,Tháng,2024-06-04\n"
                    "2024-06,Tháng,3/7/24 8h30\n2024-07,Tháng,8/24\n")
    answer = bring(hue, "report", reports, status=3)
    equal([row["line"] for row in answer["rejected"]], [5], "a month is no time")
    typed = add(hue, "report", "period=2024-08", "kind=monthly", "submitted_at=05/09/2024")
    hue.do("set", "report", typed, "submitted_at=6/9/2024")
    equal([record["fields"]["submitted_at"] for record in hue.records("report")],
          ["2024-05-05T00:00", "2024-06-04T00:00", "2024-07-03T08:30", "2024-09-06T00:00"], "what was read")


def test_references_by_name(bench):
    sides = Federation(bench, "hue")
    hue = sides["hue"]
    called = ("Quỹ Châu Á", "Plan", "Hai Lần", SIZE_OF_AN_ID)
    partners = {name: add(hue, "partner", f"name={name}") for name in called}
    add(hue, "partner", "name=hai lần")
    projects = write(bench, "p.csv", """Tên dự án,Đối tác
Nước sạch,quy chau a
Trường học,PLAN
Cầu treo,Không Có
Đường,Hai lần
Trạm xá,%s
Kênh,%s
""" % (partners["Plan"], SIZE_OF_AN_ID))
    answer = bring(hue, "aid_project", projects, "--map", "Tên dự án=title", "--map", "Đối tác=partner",
                   status=3)
    equal(counts(answer), (4, 0, 0, 2), "projects")
    reasons = [(row["line"], row["field"], row["reason"]) for row in answer["rejected"]]
    check("no partner here is called" in reasons[0][2] and "several" in reasons[1][2], f"{reasons}")
    got = {record["fields"]["title"]: record["fields"]["partner"] for record in hue.records("aid_project")}
    equal(got, {"Nước sạch": partners["Quỹ Châu Á"], "Trường học": partners["Plan"],
                "Trạm xá": partners["Plan"], "Kênh": partners[SIZE_OF_AN_ID]}, "what they refer to")


def test_hostile_lists(bench):
    hue = Federation(bench, "hue")["hue"]
    whole = {"nul": b"name,country\nA\0B,FR\n",
             "invalid": b"name\nT\xe1\xbb\x95 ch\xe1\xbb\xa9c\nab\xffcd\n",
             "columns": b"name" + b"," * 1000000 + b"\nPlan\n",
             "empty": b"", "bytes": bytes(range(1, 256)) * 200,
             "half": b"\xff\xfen\0a\0m", "quotes": b'"' * 100001, "commas": b"," * 100000}
    for name, raw in whole.items():
        result = hue.call("import", "partner", write(bench, name, raw), deadline_s=IMPORT_S)
        check(result.status == 1 and "hopnhat-agent: " in result.err, f"{name}: {result.describe()}")
    equal(hue.records("partner"), [], "nothing of them was written")
    for name, raw in (("empty", b""), ("mark", b"\xef\xbb\xbf"), ("blank", b" \r\n\n")):
        path = write(bench, name, raw)
        result = hue.call("import", "partner", path)
        check(result.status == 1 and f"{path}: the file is empty" in result.err, result.describe())
    rows = b"name,country,notes\n" + b"x" * 70 * 1024 + b",FR,\n" + b"Plan" + b",y" * 5000 + b"\n" + \
        b"=cmd|' /C calc'!A0,FR,\n" + b"bell\x07,FR,\n" + b'"open,FR,\nOxfam,GB,"a\nb"\n' + b"Short\n" + \
        b";" * 900 + b",FR,\n" + b"Care,FR,,,,\n"
    answer = bring(hue, "partner", write(bench, "rows", rows), status=3)
    equal([row["line"] for row in answer["rejected"]], [2, 3, 5, 6, 9], "rows that are left out")
    equal(sorted(record["fields"]["name"] for record in hue.records("partner")),
          sorted(["=cmd|' /C calc'!A0", "Oxfam", ";" * 900, "Care"]), "the others are in, as they stood")
    screen = write(bench, "screen", 'name,"x\x1b]0;y\x07","Quốc\ngia"\nCRS,1,US\n')
    result = hue.call("import", "partner", screen)
    check(result.status == 0 and "\x1b" not in result.out and "Quốc gia = country" in result.out,
          f"headings do not reach the terminal as they are: {result.describe()}")
    hue.do("add", "partner", "name=still here")


def shows(master, shown, pattern):
    try:
        shown.append(os.read(master, 65536).decode())
    except BlockingIOError:
        pass
    return re.search(pattern, "".join(shown))


def test_progress_on_a_terminal(bench):
    """By a clock that nobody puts right meanwhile."""
    hue = Federation(bench, "hue")["hue"]
    path = big_list(bench, 2000)
    WrongClock(bench, hue).set(3600 * 1000)  # of the tool: what waits for that time of day waits for an hour
    master, terminal = pty.openpty()
    hue.process.signal(signal.SIGSTOP)  # so that the tool has to wait, however fast the machine is
    with subprocess.Popen([hue.program, "import", "partner", path], stderr=terminal,
                          stdout=subprocess.DEVNULL,
                          env={**os.environ, "HOPNHAT_DATA": hue.data, **hue.machine}) as child:
        os.close(terminal)
        os.set_blocking(master, False)
        shown = []
        try:
            wait_until(lambda: shows(master, shown, r"2001 lines read, taking them in \.\.\. [1-9]\d* s"),
                       SOON_S, f"the terminal shows how long it takes: {shown}")
        finally:
            hue.process.signal(signal.SIGCONT)
        equal(child.wait(IMPORT_S), 0, "its status")
    os.close(master)
    result = hue.call("import", "partner", path, "--dry-run", deadline_s=IMPORT_S)
    equal(result.err, "", "stderr where it is no terminal")


def big_list(bench, rows):
    return write(bench, "big.csv", "Tên,Quốc gia,Cam kết,Ghi chú\n" +
                 "".join(f"Tổ chức {i},Pháp,{i}.000,dòng {i}\n" for i in range(1, rows + 1)))


def test_a_kill_leaves_all_or_nothing(bench):
    """50,000 rows; the daemon is killed at several moments of the import."""
    rows = 50000
    sides = Federation(bench, "hue")
    hue = sides["hue"]
    path = big_list(bench, rows)
    add(hue, "partner", "name=before")
    outcomes = set()
    for delay_s in (0.15, 0.3, 0.5, 0.7, 0.9, 1.2, None):
        command = Process([hue.program, "--data", hue.data, "import", "partner", path, "--json"],
                          bench.path("import.log"), bench.environment())
        if delay_s is None:
            equal(command.wait(IMPORT_S), 0, "the import that nobody disturbs")
        else:
            wait_or_end(command, delay_s)
            hue.kill()
            command.wait(IMPORT_S)
            hue.start()
        held = len(hue.records("partner", deadline_s=IMPORT_S)) - 1
        check(held % rows == 0, f"{held} of {rows} rows after a kill at {delay_s} s")
        outcomes.add(held // rows)
    check(len(outcomes) > 1, "there is an import in the end")
    hue.do("sync", "--wait", "--timeout", str(IMPORT_S), deadline_s=IMPORT_S + 10)
    equal(len(sides.hub.records("partner", deadline_s=IMPORT_S)), held + 1, "all of it is at the hub")


def rss_anonymous_kib(daemon):
    with open(f"/proc/{daemon.process.pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("RssAnon"))


def test_an_office_serves_while_a_long_list_travels(bench):
    """Whoever asks meanwhile waits for less than the import itself took, and its memory is given back."""
    sides = Federation(bench, "hue")
    hue, path = sides["hue"], big_list(bench, 50000)
    at_first_kib = rss_anonymous_kib(hue)

    def serves():
        began, waits, asked = time.monotonic(), [], Caller(hue)
        bring(hue, "partner", path)
        import_s = time.monotonic() - began

        def travelled():
            before = time.monotonic()
            caught_up = asked.call("GET", "/v1/status")["caught_up"]
            waits.append(time.monotonic() - before)
            return caught_up
        asked.call("POST", "/v1/sync")
        wait_until(travelled, IMPORT_S, "all of it is at the hub and back")
        print(f"# import {import_s:.2f} s, {len(waits)} answers meanwhile, the slowest {max(waits):.2f} s",
              flush=True)
        return max(waits) < import_s / 2
    at_best(serves, "whoever asks meanwhile waits for less than half of what the import took")
    most_kib = at_first_kib + REST_MIB * 1024
    with open(f"/proc/{hue.process.pid}/maps", encoding="utf-8") as maps:
        gives_back = "libasan" not in maps.read()  # a sanitizer keeps what was freed
    if gives_back:
        wait_until(lambda: rss_anonymous_kib(hue) < most_kib, 30, f"it is down to {most_kib} KiB")
    print(f"# at rest {rss_anonymous_kib(hue) / 1024:.1f} MiB", flush=True)


def wait_or_end(process, seconds):
    """Lets that time pass, or less where the process ends."""
    try:
        process.child.wait(seconds)
    except Exception:  # pylint: disable=broad-except  # it runs on
        pass


def test_the_hub_imports_too(bench):
    sides = Federation(bench, "hue")
    answer = bring(sides.hub, "partner", data("partners-quang-tri.csv"))
    equal(counts(answer), (40, 0, 0, 0), "at headquarters")
    sides.sync()
    equal(len(sides["hue"].records("partner")), 40, "records in the office")
    sides["hue"].stop()
    alone = bring(sides["hue"], "partner", data("partners-da-nang.csv"))
    equal(counts(alone), (35, 0, 0, 0), "no daemon runs")
    result = sides.hub.call("import", "--undo", str(answer["import"]), "--json")
    equal(json.loads(result.out)["deleted"], 40, f"undone: {result.describe()}")


if __name__ == "__main__":
    main(globals())
