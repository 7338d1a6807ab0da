"""What deploy/demo shows, once everything is built. See there."""
import decimal
import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unicodedata

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("HOPNHAT_BUILD", os.path.join(ROOT, "build"))
STATE = os.path.join(BUILD, "demo.json")  # of a demo that was left running
OFFICES = (("quang-tri", "Quảng Trị", "partners-quang-tri.csv"),
           ("da-nang", "Đà Nẵng", "partners-da-nang.csv"),
           ("hau-giang", "Hậu Giang", "partners-hau-giang.txt"))
READY_S, SYNC_S, STOP_S = 20, 60, 15


class Failed(Exception):
    """The demo cannot go on."""


def say(text=""):
    print(text, flush=True)


def heading(text):
    say(f"\n== {text}")


def width(text):
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
               for c in text)


def table(headings, rows):
    rows = [[str(cell) for cell in row] for row in [headings, *rows]]
    widths = [max(width(row[i]) for row in rows) for i in range(len(headings))]
    for number, row in enumerate(rows):
        cells = (cell + " " * (widths[i] - width(cell)) for i, cell in enumerate(row))
        say("   " + "   ".join(cells).rstrip())
        if number == 0:
            say("   " + "   ".join("-" * one for one in widths))


class Daemon:
    """The hub, or the agent of an office."""

    def __init__(self, program, code, directory):
        self.program, self.code = os.path.join(BUILD, program), code
        self.data, self.child = os.path.join(directory, code), None
        self.log = os.path.join(directory, code + ".log")

    def call(self, *arguments):
        return subprocess.run([self.program, "--data", self.data, *arguments], capture_output=True, text=True,
                              timeout=SYNC_S + 30, check=False, stdin=subprocess.DEVNULL)

    def do(self, *arguments):
        done = self.call(*arguments)
        if done.returncode != 0:
            raise Failed(f"{os.path.basename(self.program)} {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def json(self, *arguments):
        return [json.loads(line) for line in self.do(*arguments, "--json").splitlines()]

    def status(self):
        return self.json("status")[0]

    def record(self, record_id):
        return self.json("get", "partner", record_id)[0]

    def answers(self):
        try:
            with socket.socket(socket.AF_UNIX) as probe:
                probe.connect(os.path.join(self.data, "control.sock"))
            return True
        except OSError:
            return False

    def start(self, *arguments):
        with open(self.log, "ab") as log:
            self.child = subprocess.Popen([self.program, "--data", self.data, "run", *arguments], stdout=log,
                                          stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)
        end = time.monotonic() + READY_S
        while not self.answers():
            if self.child.poll() is not None or time.monotonic() > end:
                with open(self.log, encoding="utf-8", errors="replace") as log:
                    raise Failed(f"{self.code} does not start: {log.read()[-500:]}")
            time.sleep(0.02)

    def stop(self):
        if self.child and self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
            self.child.wait(STOP_S)


class Demo:
    """One run: the daemons, and what was found wrong."""

    def __init__(self, directory):
        self.directory, self.wrong = directory, []
        self.hub = Daemon("hopnhat-hub", "hub", directory)
        self.offices = [Daemon("hopnhat-agent", code, directory) for code, _, _ in OFFICES]
        self.sides = [self.hub, *self.offices]
        self.address = f"tcp://127.0.0.1:{free_port()}"

    def must(self, holds, what):
        """Notes whether something is as it must be."""
        say(f"   {'yes' if holds else 'NO '}  {what}")
        if not holds:
            self.wrong.append(what)

    def make(self):
        heading("A hub with three offices")
        self.hub.do("init")
        for code, name, _ in OFFICES:
            self.hub.do("office", "add", code, "--name", name)
        self.hub.start("--listen", self.address)
        for office in self.offices:
            code = self.hub.do("enrol", office.code).strip()
            office.do("join", "--hub", self.address, "--code", code)
            office.start()
        say(self.hub.do("office", "list").rstrip())

    def enter(self):
        heading("Each office imports its own list of partners, kept the way it keeps it")
        rows, rejected = [], []
        for office, (_, _, name) in zip(self.offices, OFFICES):
            done = office.call("import", "partner", os.path.join(ROOT, "data", name), "--json")
            if done.returncode not in (0, 3):
                raise Failed(f"{office.code} cannot import {name}: {done.stderr.strip()}")
            answer = json.loads(done.stdout)
            rejected += [f"{name}, line {row['line']}: {row['reason']}" for row in answer["rejected"]]
            rows.append([office.code, name, answer["encoding"], answer["added"], len(answer["rejected"])])
        table(["office", "list", "encoding", "rows in", "rejected"], rows)
        for line in rejected:
            say(f"   {line}")
        return sum(row[3] for row in rows)

    def sync(self):
        """Twice, so that each has what the others sent."""
        for _ in range(2):
            for office in self.offices:
                office.do("sync", "--wait", "--timeout", str(SYNC_S))

    def compare(self, entered):
        heading("All have synced: what each side holds")
        held, rows = [], []
        for side in self.sides:
            partners = {record["id"]: {**record, "token": None} for record in side.json("list", "partner")}
            total = sum(decimal.Decimal(partner["fields"].get("committed_usd", "0"))
                        for partner in partners.values())
            held.append(partners)
            rows.append([side.code, len(partners), f"{total:,}"])
        table(["side", "partners", "committed USD"], rows)
        self.must(len(held[0]) == entered, f"the hub has the {entered} partners that were entered")
        self.must(all(partners == held[0] for partners in held), "every office holds the same as the hub")

    def disagree(self):
        """The hub goes away; two offices write one field of a record, and different ones of another."""
        partners = sorted(self.offices[0].json("list", "partner", "--where", "status=active"),
                          key=lambda record: record["id"])
        one, two = (record["id"] for record in partners[:2])
        names = [record["fields"]["name"] for record in partners[:2]]
        heading("The hub goes away, and the offices work on")
        self.hub.stop()
        quang_tri, da_nang, _ = self.offices
        edits = ((da_nang, one, names[0], "status=dormant"), (quang_tri, one, names[0], "status=ended"),
                 (da_nang, two, names[1], "address=12 Bạch Đằng, Đà Nẵng"),
                 (quang_tri, two, names[1], "website=https://example.org"))
        for office, record, _, edit in edits:
            office.do("set", "partner", record, edit)
        table(["office", "partner", "writes"], [[office.code, name, edit] for office, _, name, edit in edits])
        failed = da_nang.call("sync", "--wait", "--timeout", "1")
        say(f"   da-nang tries to sync: {failed.stderr.strip()}")
        self.must(failed.returncode == 1, "without the hub `sync --wait` ends with 1")
        return one, two, names

    def show_outcome(self, one, two, names):
        heading("The hub is back: what each side holds now")
        rows = []
        for side in self.sides:
            first, second, status = side.record(one), side.record(two), side.status()
            shown = first["fields"].get("status", "") + (" (open)" if "status" in first["open"] else "")
            equal = "" if side is self.hub else "yes" if status["digests_equal"] else "NO"
            pending = "" if side is self.hub else status["pending"]
            address, website = (second["fields"].get(name, "") for name in ("address", "website"))
            rows.append([side.code, shown, address, website, status["conflicts_open"], pending, equal])
        table(["side", f"status of {names[0]}", f"address of {names[1]}", "its website", "conflicts",
               "pending", "digests equal"], rows)
        heading("The conflict: two wrote without knowing of each other; the later value is read for now")
        say("\n".join("   " + line for line in self.hub.do("conflicts").rstrip().splitlines()))

    def judge(self, one, two):
        heading("Is everything as it must be?")
        ones, twos = ([{**side.record(record), "token": None} for side in self.sides]
                      for record in (one, two))
        found = [self.values(side) for side in self.sides]
        statuses = [office.status() for office in self.offices]
        self.must(all(values == {(one, "status"): ["dormant", "ended"]} for values in found),
                  "every side shows one conflict, with both values")
        self.must(all(record["open"] == ["status"] and record == ones[0] for record in ones),
                  "every side reads it the same way until somebody settles it")
        self.must(all("address" in record["fields"] and "website" in record["fields"] and not record["open"]
                      and record == twos[0] for record in twos),
                  "edits of different fields are both there, without a conflict")
        self.must(all(status["pending"] == 0 and status["caught_up"] for status in statuses),
                  "nothing is left to send, and all is read")
        self.must(all(status["digests_equal"] and status["digest_mismatches"] == 0 for status in statuses),
                  "all digests are equal: every office holds exactly what the hub holds for it")

    @staticmethod
    def values(side):
        return {(conflict["id"], conflict["field"]): sorted(value["value"] for value in conflict["values"])
                for conflict in side.json("conflicts")}

    def run(self):
        self.make()
        entered = self.enter()
        self.sync()
        self.compare(entered)
        one, two, names = self.disagree()
        self.hub.start("--listen", self.address)
        self.sync()
        self.show_outcome(one, two, names)
        self.judge(one, two)
        return one

    def end(self):
        for side in reversed(self.sides):
            side.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def leave_running(self, one):
        with open(STATE, "w", encoding="utf-8") as file:
            json.dump({"directory": self.directory, "pids": [side.child.pid for side in self.sides]}, file)
        path = shlex.quote(BUILD)
        data = shlex.quote(self.offices[1].data)
        say(f"""
All of it is still running. Go on by hand, as da-nang:

   export PATH={path}:$PATH HOPNHAT_DATA={data}
   hopnhat-agent conflicts
   hopnhat-agent resolve partner {one} status --take 1
   hopnhat-agent list partner --where country=FR
   hopnhat-agent status

The other stores are beside it (quang-tri, hau-giang, hub). deploy/demo --stop ends all.""")


def free_port():
    """A port below those from which the kernel takes ports for outgoing connections."""
    for port in range(17410, 17910):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise Failed("no free port on loopback")


def is_ours(pid):
    """Whether that process is one of our programs: its number may be another's by now."""
    try:
        return os.path.basename(os.readlink(f"/proc/{pid}/exe")).startswith(("hopnhat-hub", "hopnhat-agent"))
    except OSError:
        return False


def running():
    """What a demo that was left running wrote down; None where there is none."""
    try:
        with open(STATE, encoding="utf-8") as file:
            state = json.load(file)
    except (OSError, ValueError):
        return None
    return state if any(is_ours(pid) for pid in state["pids"]) else None


def stop():
    state = running()
    if not state:
        say("demo: none is running")
        return 0
    for pid in reversed(state["pids"]):
        if is_ours(pid):
            os.kill(pid, signal.SIGTERM)
    end = time.monotonic() + STOP_S
    while any(is_ours(pid) for pid in state["pids"]) and time.monotonic() < end:
        time.sleep(0.05)
    shutil.rmtree(state["directory"], ignore_errors=True)
    os.unlink(STATE)
    say("demo: stopped")
    return 0


def interrupted(_number, _frame):
    raise KeyboardInterrupt


def main():
    if "--stop" in sys.argv[1:]:
        return stop()
    if running():
        say("demo: one is running already; deploy/demo --stop ends it")
        return 1
    once = "--once" in sys.argv[1:]
    signal.signal(signal.SIGTERM, interrupted)
    demo = Demo(tempfile.mkdtemp(prefix="hopnhat-demo-"))
    kept = False
    try:
        one = demo.run()
        if not once:
            demo.leave_running(one)
            kept = True
    except (Failed, OSError, subprocess.SubprocessError) as error:
        say(f"demo: {error}")
        demo.wrong.append(str(error))
    except KeyboardInterrupt:
        demo.wrong.append("interrupted")
    finally:
        if not kept:
            demo.end()
    say(f"\ndemo: {'everything held' if not demo.wrong else 'not everything held: ' + '; '.join(demo.wrong)}")
    return 1 if demo.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
