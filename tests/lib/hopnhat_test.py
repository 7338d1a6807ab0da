"""For system tests: real processes on loopback, deadlines everywhere, one line for each test.

A test file is an executable Python program:

    import os, sys
    sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
    from hopnhat_test import check, equal, main, skip

    def test_an_edit_travels(bench):
        hub = bench.hub()
        ...

    if __name__ == "__main__":
        main(globals())

main runs every test_* in order (or those named on the command line), each with a fresh Bench, prints
`ok NAME`, `not ok NAME REASON` or `skip NAME REASON`, and ends with status 1 if any failed. The programs
under test are taken from HOPNHAT_BUILD, by default build/ of the checkout. HOPNHAT_KEEP=1 keeps the
directory of a failed test. HOPNHAT_FULL=1 asks for the long forms (FULL here).

Nothing here sleeps for a state: wait_until polls for it and fails at its deadline. Processes are ended by
their pid alone. They stay in the process group of the test, so that timeout(1) around it ends them too.
"""
import json
import os
import random
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
import traceback

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("HOPNHAT_BUILD", os.path.join(ROOT, "build"))
FULL = os.environ.get("HOPNHAT_FULL") == "1"
POLL_S = 0.02
# What takes a moment on an idle machine and may take long on one that does much else; less than the 30 s
# after which an agent gives up a hub that does not answer, so that what comes by that alone does not pass.
SOON_S = 25
COMMAND_DEADLINE_S = 60
READY_DEADLINE_S = 60
STOP_DEADLINE_S = 30
MEASURED_TRIES = 8


class Failed(Exception):
    """The test failed; the text says how."""


class Skipped(Exception):
    """The test cannot run here; the text says why."""


def check(condition, what):
    if not condition:
        raise Failed(what)


def equal(got, wanted, what):
    if got != wanted:
        raise Failed(f"{what}: {got!r}, not {wanted!r}")


def skip(reason):
    raise Skipped(reason)


def wait_until(predicate, deadline_s, what):
    """The first true value of predicate(), asked every POLL_S; Failed after deadline_s."""
    end = time.monotonic() + deadline_s
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() >= end:
            raise Failed(f"not within {deadline_s} s: {what}")
        time.sleep(POLL_S)


def at_best(measured, what):
    """That measured(), which compares times, holds in one of a few tries: a busy machine is slow now and
    then, a slow program each time."""
    if not any(measured() for _ in range(MEASURED_TRIES)):
        raise Failed(f"in none of {MEASURED_TRIES} tries: {what}")


def json_lines(text):
    """The objects of JSON lines, in order; a value may hold what else parts lines (U+2028)."""
    return [json.loads(line) for line in text.split("\n") if line.strip()]


class Result:
    """What a command left: status, out, err (text)."""

    def __init__(self, argv, status, out, err):
        self.argv, self.status, self.out, self.err = argv, status, out, err

    def json(self):
        """The one JSON object on stdout."""
        try:
            return json.loads(self.out)
        except ValueError as error:
            raise Failed(f"no JSON from {self.describe()}") from error

    def lines(self):
        """The JSON lines on stdout."""
        try:
            return json_lines(self.out)
        except ValueError as error:
            raise Failed(f"no JSON lines from {self.describe()}") from error

    def describe(self):
        return (f"{' '.join(self.argv)}: status {self.status}, stdout {self.out[-300:]!r}, "
                f"stderr {self.err[-500:]!r}")


class Process:
    """A running program; its stdout and stderr go to the end of log_path."""

    def __init__(self, argv, log_path, environment):
        self.argv, self.log_path = argv, log_path
        with open(log_path, "ab") as log:
            self.begins = log.tell()
            self.child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                          env=environment)
        self.pid = self.child.pid

    def running(self):
        return self.child.poll() is None

    def log(self):
        """What it has written, without that of others who wrote to the file before it."""
        with open(self.log_path, "rb") as log:
            log.seek(self.begins)
            return log.read().decode("utf-8", errors="replace")

    def signal(self, number):
        """Sends a signal; a process that has ended already is left alone (its pid may be another's)."""
        if self.running():
            self.child.send_signal(number)

    def wait(self, deadline_s=STOP_DEADLINE_S):
        """Its exit status (negative: the signal that ended it). Past the deadline: killed, and Failed."""
        try:
            return self.child.wait(deadline_s)
        except subprocess.TimeoutExpired as error:
            self.kill()
            raise Failed(f"{' '.join(self.argv)} did not end within {deadline_s} s") from error

    def stop(self, deadline_s=STOP_DEADLINE_S):
        """SIGTERM, then its exit status."""
        self.signal(signal.SIGTERM)
        return self.wait(deadline_s)

    def kill(self):
        """SIGKILL, and returns when it is gone."""
        self.signal(signal.SIGKILL)
        self.child.wait()


class Bench:
    """One test's directory, ports and processes; close() ends and removes them all."""

    def __init__(self, name):
        # Short, because a Unix socket's path may have 107 bytes at most.
        self.directory = tempfile.mkdtemp(prefix="hn-")
        self.name, self.processes, self.claims, self.things = name, [], [], []

    def path(self, *parts):
        return os.path.join(self.directory, *parts)

    def free_port(self):
        """A loopback TCP port that nobody listens on, below the range from which the kernel takes ports
        for outgoing connections: an agent that retries an unused port of that range can end up connected to
        itself, and any other connection can take the port while a hub is down. No other test is given it
        before this one has ended: an abstract socket of that name claims it."""
        with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as limits:
            first = int(limits.read().split()[0])
        lowest = 10000 if first > 11000 else 1024
        for _ in range(1000):
            port, claim = random.randrange(lowest, max(first, lowest + 1000)), socket.socket(socket.AF_UNIX)
            try:
                claim.bind(f"\0hopnhat-test-port-{port}")
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
            except OSError:
                claim.close()
                continue
            self.claims.append(claim)
            return port
        raise Failed("no free port on loopback")

    def environment(self, extra=None):
        return {**os.environ, **(extra or {})}

    def run(self, argv, deadline_s=COMMAND_DEADLINE_S, environment=None, given=None):
        """Runs argv to its end: Result. given: text for stdin. Past the deadline it is killed, and Failed."""
        try:
            done = subprocess.run(argv, env=self.environment(environment), timeout=deadline_s, check=False,
                                  capture_output=True, encoding="utf-8", errors="replace", input=given or "")
        except subprocess.TimeoutExpired as error:
            raise Failed(f"{' '.join(argv)} did not end within {deadline_s} s") from error
        return Result(argv, done.returncode, done.stdout, done.stderr)

    def start(self, name, argv, environment=None):
        """Starts argv in the background, logging to NAME.log in the test's directory: Process."""
        process = Process(argv, self.path(name + ".log"), self.environment(environment))
        self.processes.append(process)
        return process

    def hub(self, name="hub"):
        return Daemon(self, "hopnhat-hub", name)

    def agent(self, name):
        return Daemon(self, "hopnhat-agent", name)

    def closing(self, thing):
        """The thing, whose close() is called at the test's end, once its processes are gone."""
        self.things.append(thing)
        return thing

    def close(self, keep=False):
        for process in reversed(self.processes):
            process.kill()
        for thing in reversed([*self.claims, *self.things]):
            thing.close()
        if not keep:
            shutil.rmtree(self.directory, ignore_errors=True)


class Daemon:
    """A hub or an agent with its own store in the test's directory, running or not."""

    def __init__(self, bench, program, name):
        self.bench, self.name = bench, name
        self.program = os.path.join(BUILD, program)
        self.data = bench.path(name)
        self.process = None
        self.environment = {}  # what `run` gets on top
        self.machine = {}  # what every command gets on top, `run` too
        self.within = []  # what its commands start with, so that they run in a network namespace

    def call(self, *arguments, deadline_s=COMMAND_DEADLINE_S, given=None):
        """One command on this store, whatever its status: Result."""
        argv = [*self.within, self.program, *arguments]
        return self.bench.run(argv, deadline_s, {"HOPNHAT_DATA": self.data, **self.machine}, given)

    def do(self, *arguments, status=0, deadline_s=COMMAND_DEADLINE_S, given=None):
        """One command that must end with this status: Result."""
        result = self.call(*arguments, deadline_s=deadline_s, given=given)
        check(result.status == status, f"wanted status {status} from {result.describe()}")
        return result

    def record(self, type_name, record_id):
        return self.do("get", type_name, record_id, "--json").json()

    def records(self, type_name, *arguments, deadline_s=COMMAND_DEADLINE_S):
        return self.do("list", type_name, *arguments, "--json", deadline_s=deadline_s).lines()

    def status(self):
        return self.do("status", "--json").json()

    def listens(self):
        """Whether a Unix socket in the store's directory takes connections: the daemon serves its tools."""
        for folder, _, names in os.walk(self.data):
            for path in (os.path.join(folder, name) for name in names):
                try:
                    if stat.S_ISSOCK(os.stat(path).st_mode):
                        with socket.socket(socket.AF_UNIX) as probe:
                            probe.connect(path)
                            return True
                except OSError:
                    continue
        return False

    def start(self, *arguments, deadline_s=READY_DEADLINE_S):
        """`run ARGUMENTS`, and returns when the daemon serves its tools: Process."""
        check(self.process is None or not self.process.running(), f"{self.name} runs already")
        self.process = self.bench.start(self.name, [*self.within, self.program, "run", *arguments],
                                        {"HOPNHAT_DATA": self.data, **self.machine, **self.environment})

        def ready():
            check(self.process.running(), f"{self.name} ended with status {self.process.child.returncode}: "
                                          f"{self.process.log()[-500:]!r}")
            return self.listens()
        wait_until(ready, deadline_s, f"{self.name} serves its socket")
        return self.process

    def stop(self, status=0):
        """SIGTERM, and it must end with this status."""
        equal(self.process.stop(), status, f"exit status of {self.name}")

    def kill(self):
        self.process.kill()


def ensure_build():
    """Installs what is missing and builds, as tests/run does; nothing where HOPNHAT_BUILD names a build."""
    if "HOPNHAT_BUILD" in os.environ:
        return
    print("building …", flush=True)
    for command in ([os.path.join(ROOT, "deploy", "bootstrap")],
                    ["cmake", "-S", ROOT, "-B", BUILD, "-G", "Ninja"], ["ninja", "-C", BUILD]):
        done = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              encoding="utf-8")
        if done.returncode != 0:
            sys.exit(f"{done.stdout[-4000:]}\n{' '.join(command)}: failed")


def run_test(name, function):
    """Runs one test and prints its line: True unless it failed."""
    bench, failed = Bench(name), True
    try:
        function(bench)
        print(f"ok {name}", flush=True)
        failed = False
    except Skipped as reason:
        print(f"skip {name} {reason}", flush=True)
        failed = False
    except Failed as reason:
        print(f"not ok {name} {' '.join(str(reason).split())}", flush=True)
        traceback.print_exc(limit=-3)
    except Exception as error:  # pylint: disable=broad-except  # a defect of the test fails this test alone
        print(f"not ok {name} {type(error).__name__}: {' '.join(str(error).split())}", flush=True)
        traceback.print_exc()
    finally:
        if failed:
            for process in bench.processes:
                print(f"# last of {process.log_path}:\n{process.log()[-2000:]}", flush=True)
        keep = failed and os.environ.get("HOPNHAT_KEEP") == "1"
        if keep:
            print(f"# kept: {bench.directory}", flush=True)
        bench.close(keep)
    return not failed


def end_on_signal(number, _frame):
    sys.exit(128 + number)


def main(names):
    """Runs the test_* functions among names (pass globals()) and ends the program."""
    signal.signal(signal.SIGTERM, end_on_signal)
    tests = {name: value for name, value in names.items() if name.startswith("test_") and callable(value)}
    wanted = sys.argv[1:] or list(tests)
    unknown = [name for name in wanted if name not in tests]
    if unknown or not tests:
        print(f"no test {' '.join(unknown)}; there are: {' '.join(tests)}", file=sys.stderr)
        sys.exit(2)
    ensure_build()
    failures = sum(not run_test(name[len("test_"):], tests[name]) for name in wanted)
    sys.exit(1 if failures else 0)
