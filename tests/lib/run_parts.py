"""The parts of tests/run, after deploy/bootstrap: builds, programs, counts, the closing line.

Every program of tests reports in lines on stdout: `ok NAME`, `not ok NAME REASON`, `skip NAME REASON`
(system tests, simulator), or TAP, which is what cmocka writes when asked. A program without such lines
counts as one test, by its exit status.
"""
import concurrent.futures
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, "build")
LOGS = os.path.join(BUILD, "logs")
JOBS = 2
PARTS = ("tidy", "unit", "sanitize", "clang", "coverage", "system", "sim")
SLOW_PARTS = ("sanitize", "clang", "coverage")
SYSTEM_DEADLINE_S, SYSTEM_DEADLINE_FULL_S = 600, 2 * 3600
SIM_DEADLINE_S = 1200
COVERAGE_DEADLINE_S = 1200
TIDY_DEADLINE_S = 300
SEEDS, SEEDS_FAST = 300, 30

OK = re.compile(r"ok\b")
NOT_OK = re.compile(r"not ok\b")
SKIP = re.compile(r"skip\b|(not )?ok\b[^#]*# *skip", re.IGNORECASE)
CTEST_LINE = re.compile(r"\s*\d+/\d+ Test\s+#\d+: (\S+) [. ]*(.*?)\s+([\d.]+) sec")


class Count:
    """How many tests passed, failed and were skipped."""

    def __init__(self, passed=0, failed=0, skipped=0):
        self.passed, self.failed, self.skipped = passed, failed, skipped

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped

    def __str__(self):
        text = f"{self.passed} passed, {self.failed} failed"
        return text + (f", {self.skipped} skipped" if self.skipped else "")


def count_lines(output, succeeded):
    """The tests that one program reported. A program that failed has at least one failed test, whatever
    it printed: it may have died before it could say so."""
    count = Count()
    for line in output.splitlines():
        if SKIP.match(line):
            count.skipped += 1
        elif NOT_OK.match(line):
            count.failed += 1
        elif OK.match(line):
            count.passed += 1
    if not succeeded and not count.failed:
        count.failed = 1
    if succeeded and not (count.passed or count.failed or count.skipped):
        count.passed = 1
    return count


def say(text=""):
    print(text, flush=True)


def result_line(name, verdict, seconds, note=""):
    return f"  {verdict:7} {name:58} {seconds:7.1f} s{'  ' + note if note else ''}"


def show_result(*result):
    say(result_line(*result))


def show_output(title, output):
    say(f"---- output of {title}\n{output.rstrip() or '(nothing)'}\n----")


def end_on_signal(number, _frame):
    raise KeyboardInterrupt(f"signal {number}")


def run_logged(name, command, environment=None, children=None):
    """Runs command to its end, stdout and stderr into build/logs/NAME.log: (status, output, seconds). Keeps
    the process in children (a set) while it runs, for one who has to end it from another thread."""
    children = set() if children is None else children
    path = os.path.join(LOGS, name + ".log")
    began = time.monotonic()
    with open(path, "wb") as log, \
            subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log,
                             stderr=subprocess.STDOUT, env={**os.environ, **(environment or {})}) as child:
        children.add(child)
        try:
            status = child.wait()
        finally:
            if child.poll() is None:
                child.terminate()  # timeout(1) hands it on to what it runs
            children.discard(child)
    with open(path, encoding="utf-8", errors="replace") as log:
        return status, log.read(), time.monotonic() - began


def run_program(name, command, deadline_s, environment, children=None):
    """One program of tests under a deadline: (Count, lines to print, output to show or None). timeout(1)
    also ends what it started."""
    command = ["timeout", "--kill-after=10", str(deadline_s)] + command
    status, output, seconds = run_logged(name, command, environment, children)
    if status in (124, 137):
        output += f"\nnot ok {name} passed its deadline of {deadline_s} s\n"
    count = count_lines(output, status == 0)
    if count.failed:
        return count, result_line(name, "FAILED", seconds, str(count)), output
    lines = [result_line(name, "ok" if count.passed else "skipped", seconds, str(count))]
    lines += ["    " + line for line in output.splitlines() if SKIP.match(line)]
    return count, "\n".join(lines), None


def show_program(name, outcome):
    """Prints what run_program told: its Count."""
    count, lines, output = outcome
    say(lines)
    if output is not None:
        show_output(name, output)
    return count


def build(directory, name, compiler, options):
    """Configures and builds everything: whether it worked. The compiler counts at the first time only."""
    configure = ["cmake", "-S", ROOT, "-B", directory, "-G", "Ninja"] + options
    for step, command in (("configure", configure), ("build", ["ninja", "-C", directory, f"-j{JOBS}"])):
        status, output, seconds = run_logged(f"{step}-{name}", command, {"CC": compiler})
        if status != 0:
            show_result(f"{step} {name}", "FAILED", seconds)
            show_output(f"{step} {name}", re.sub(r"^\[\d+/\d+\] .*\n", "", output, flags=re.MULTILINE))
            return False
        show_result(f"{step} {name}", "ok", seconds)
    return True


def stream_ctest(directory, name, report):
    """Runs every ctest test, a line for each as it ends; ctest's own status."""
    command = ["ctest", "--test-dir", directory, f"-j{JOBS}", "--no-tests=error", "--timeout", "300",
               "--output-junit", report, "--test-output-size-passed", "1000000",
               "--test-output-size-failed", "1000000"]
    environment = {**os.environ, "CMOCKA_MESSAGE_OUTPUT": "TAP", "HOPNHAT_BUILD": directory,
                   "UBSAN_OPTIONS": "print_stacktrace=1",
                   "ASAN_OPTIONS": "detect_stack_use_after_return=1:strict_string_checks=1"}
    with open(os.path.join(LOGS, f"ctest-{name}.log"), "w", encoding="utf-8") as log, \
            subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=environment,
                             stderr=subprocess.STDOUT, text=True, errors="replace") as ctest:
        for line in ctest.stdout:
            log.write(line)
            found = CTEST_LINE.match(line)
            if found:
                program, verdict, seconds = found.groups()
                show_result(program, *(("ok", float(seconds)) if verdict == "Passed" else
                                       ("FAILED", float(seconds), verdict.replace("***", " ").strip(" :"))))
    return ctest.returncode


def run_ctest(directory, name, by_program):
    """The unit tests of one build: the sum of what the programs report, or with by_program one each."""
    report = os.path.join(LOGS, f"ctest-{name}.xml")
    if os.path.exists(report):
        os.remove(report)
    status = stream_ctest(directory, name, report)
    total = Count()
    cases = xml.etree.ElementTree.parse(report).iter("testcase") if os.path.exists(report) else ()
    for case in cases:
        output = case.findtext("system-out") or ""
        program, state = case.get("name"), case.get("status")
        with open(os.path.join(LOGS, f"{name}-{program}.log"), "w", encoding="utf-8") as log:
            log.write(output)
        if state == "notrun":
            count = Count(failed=1)
        elif by_program:
            count = Count(passed=1) if state == "run" else Count(failed=1)
        else:
            count = count_lines(output, state == "run")
        if count.failed:
            show_output(f"{program} ({name})", output)
        total.add(count)
    if status != 0 and not total.failed:
        reason = f"status {status}" if total.passed else "no tests were found"
        show_result(f"ctest {name}", "FAILED", 0, reason)
        total.failed = 1
    return total


def part_tidy(_fast):
    total = show_program("tidy", run_program("tidy", [os.path.join("tests", "tidy")], TIDY_DEADLINE_S, {}))
    check = [os.path.join("tests", "defences"), "--check"]
    total.add(show_program("defences", run_program("defences", check, TIDY_DEADLINE_S, {})))
    for test in sorted(os.listdir(os.path.join(ROOT, "tests", "lib"))):
        if test.startswith("test_"):
            command = [sys.executable, "-B", os.path.join("tests", "lib", test)]
            environment = {"HOPNHAT_BUILD": BUILD}
            total.add(show_program(test, run_program(test, command, TIDY_DEADLINE_S, environment)))
    return total


def part_unit(_fast):
    return run_ctest(BUILD, "unit", False)


def part_sanitize(_fast):
    directory = BUILD + "-sanitize"
    if not build(directory, "sanitize", "gcc", ["-DCMAKE_BUILD_TYPE=Debug", "-DHOPNHAT_SANITIZE=ON"]):
        return Count(failed=1)
    return run_ctest(directory, "sanitize", True)


def part_clang(_fast):
    built = build(BUILD + "-clang", "clang", "clang", ["-DCMAKE_BUILD_TYPE=RelWithDebInfo"])
    return Count(passed=1) if built else Count(failed=1)


def part_coverage(_fast):
    """A build of its own, without assertions: tests/coverage."""
    return show_program("coverage", run_program("coverage", [os.path.join("tests", "coverage")],
                                                COVERAGE_DEADLINE_S, {}))


def part_system(_fast):
    folder = os.path.join(ROOT, "tests", "system")
    names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    names = [name for name in names if name.startswith("test_")]
    if not names:
        return skip_part("system", "there is no tests/system/test_*")

    def run_one(name):
        return run_program(f"system-{name}", [os.path.join(folder, name)], deadline_s,
                           {"HOPNHAT_BUILD": BUILD}, children)
    deadline_s = SYSTEM_DEADLINE_FULL_S if os.environ.get("HOPNHAT_FULL") == "1" else SYSTEM_DEADLINE_S
    total, children = Count(), set()
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        running = {pool.submit(run_one, name): name for name in names}
        try:
            for ended in concurrent.futures.as_completed(running):
                total.add(show_program(running[ended], ended.result()))
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            for child in list(children):
                child.terminate()
            raise
    return total


def part_sim(fast):
    """tests/sim/run SEEDS: reports by lines like a system test and names the seed of each failure."""
    for needed in (os.path.join(BUILD, "tests", "sim", "sim"), os.path.join(ROOT, "tests", "sim", "run")):
        if not os.access(needed, os.X_OK):
            return skip_part("sim", f"there is no {os.path.relpath(needed, ROOT)}")
    seeds = str(SEEDS_FAST if fast else SEEDS)
    return show_program("sim", run_program("sim", [os.path.join("tests", "sim", "run"), seeds],
                                           SIM_DEADLINE_S, {"HOPNHAT_BUILD": BUILD}))


def skip_part(name, reason):
    say(f"  skipped {name}: {reason}")
    return Count(skipped=1)


def finish(total):
    say(str(total))
    return 1 if total.failed or not total.passed else 0


def main(arguments):
    fast = "--fast" in arguments
    if "--full" in arguments:
        os.environ["HOPNHAT_FULL"] = "1"  # for hopnhat_test.FULL
    wanted = [argument for argument in arguments if argument not in ("--fast", "--full")]
    unknown = [part for part in wanted if part not in PARTS]
    if unknown:
        print(f"tests/run: unknown argument {unknown[0]}; parts are {', '.join(PARTS)}", file=sys.stderr)
        return 2
    chosen = wanted or [part for part in PARTS if not (fast and part in SLOW_PARTS)]
    signal.signal(signal.SIGTERM, end_on_signal)
    began = time.monotonic()
    shutil.rmtree(LOGS, ignore_errors=True)
    os.makedirs(LOGS)
    total = Count()
    if set(chosen) & {"unit", "system", "sim"}:
        say("== build")
        if not build(BUILD, "gcc", "gcc", ["-DCMAKE_BUILD_TYPE=RelWithDebInfo"]):
            return finish(Count(failed=1))
    for part in PARTS:
        if part not in chosen:
            say(f"== {part}: left out, {'by --fast' if fast and not wanted else 'not asked for'}")
            continue
        say(f"== {part}")
        count = globals()["part_" + part](fast)
        say(f"  {part}: {count}")
        total.add(count)
    say(f"\n{time.monotonic() - began:.0f} s in all; logs in build/logs")
    return finish(total)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        say("interrupted")
        say(str(Count(failed=1)))
        sys.exit(130)
