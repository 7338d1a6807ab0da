#!/usr/bin/env python3
"""The test helpers themselves: counting, deadlines, the end of processes, the lines that are printed."""
import contextlib
import io
import os
import random
import signal
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from hopnhat_test import (BUILD, ROOT, SOON_S, Bench, Failed, check, equal, json_lines, main,  # noqa: E402
                          run_test, skip, wait_until)
from run_parts import count_lines  # noqa: E402

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]


def fails(function):
    try:
        function()
    except Failed as reason:
        return str(reason)
    raise Failed("nothing failed")


def gone(pid):
    """Whether pid is no running process of ours any more."""
    return not os.path.exists(f"/proc/{pid}")


def test_count_lines(_bench):
    cases = [
        ("1..2\nok 1 - a\nok 2 - b\n", True, "2 passed, 0 failed"),
        ("ok 1 - a\nnot ok 2 - b\n# b.c:3: error\n", False, "1 passed, 1 failed"),
        ("ok a\nskip b no root\n", True, "1 passed, 0 failed, 1 skipped"),
        ("not ok 1 # SKIP a\nok 2 # skip b\n", True, "0 passed, 0 failed, 2 skipped"),
        ("ok 1 - a\nSegmentation fault\n", False, "1 passed, 1 failed"),
        ("okay so far\n", True, "1 passed, 0 failed"),
        ("", False, "0 passed, 1 failed"),
        ("not ok a died and the status was lost\n", True, "0 passed, 1 failed"),
    ]
    for output, succeeded, wanted in cases:
        equal(str(count_lines(output, succeeded)), wanted, repr(output))


def test_wait_until(_bench):
    answers = iter([None, 0, "there"])
    equal(wait_until(lambda: next(answers), 5, "an answer"), "there", "what came")
    check("never" in fails(lambda: wait_until(lambda: False, 0.05, "never")), "the reason names the state")


def test_run(bench):
    result = bench.run([sys.executable, "-c", "import sys; print('{\"a\": 1}'); sys.exit(3)"])
    equal((result.status, result.json(), result.lines()), (3, {"a": 1}, [{"a": 1}]), "status and output")
    check("did not end within" in fails(lambda: bench.run(SLEEP, deadline_s=0.2)), "a command has a deadline")
    equal(bench.run(["cat"], given="đây").out, "đây", "stdin to stdout")


def test_processes_end(_bench):
    bench = Bench("inner")
    stopped, left = bench.start("stopped", SLEEP), bench.start("left", SLEEP)
    check(stopped.running() and left.running(), "both run")
    equal(stopped.stop(), -15, "status after SIGTERM")
    bench.close()
    check(gone(stopped.pid) and gone(left.pid), "close leaves no process")
    check(not os.path.exists(bench.directory), "close leaves no directory")


def test_timeout_ends_grandchildren(bench):
    pid_file = bench.path("pid")
    script = bench.path("script")
    with open(script, "w", encoding="utf-8") as file:
        file.write(f"import sys\nsys.path.insert(0, {os.path.dirname(os.path.abspath(__file__))!r})\n"
                   "from hopnhat_test import Bench\nimport time\n"
                   f"process = Bench('x').start('x', {SLEEP!r})\n"
                   f"open({pid_file!r}, 'w').write(str(process.pid))\ntime.sleep(600)\n")

    def started():
        with contextlib.suppress(OSError, ValueError), open(pid_file, encoding="ascii") as file:
            return int(file.read())
    with subprocess.Popen(["timeout", "600", sys.executable, "-B", script],
                          env=bench.environment({"TMPDIR": bench.directory})) as deadline:
        pid = wait_until(started, SOON_S, "the grandchild is there")
        deadline.send_signal(signal.SIGALRM)  # what timeout(1) gives itself when the time is over
        equal(deadline.wait(SOON_S), 124, "status of timeout(1)")
    wait_until(lambda: gone(pid) or is_zombie(pid), SOON_S, "the grandchild is gone")


def is_zombie(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


def test_json_lines_end_with_line_feeds_alone(_bench):
    equal(json_lines('{"a":"x\u2028y\x85z"}\n\n{"a":"2"}\n'), [{"a": "x\u2028y\x85z"}, {"a": "2"}], "objects")


def test_lines(_bench):
    def passing(_):
        pass

    def failing(_):
        equal(1, 2, "the\nnumber")

    def skipping(_):
        skip("needs root")

    def broken(_):
        raise KeyError("x")

    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
        verdicts = [run_test(case.__name__, case) for case in (passing, failing, skipping, broken)]
    equal(verdicts, [True, False, True, False], "verdicts")
    equal(out.getvalue().splitlines(), ["ok passing", "not ok failing the number: 1, not 2",
                                        "skip skipping needs root", "not ok broken KeyError: 'x'"], "lines")


NO_SEEDS = ("abc", "0", "-1", "3x")


def test_run_of_the_simulator_takes_numbers_alone(bench):
    for seeds in NO_SEEDS:
        result = bench.run([os.path.join(ROOT, "tests", "sim", "run"), seeds, "plain"])
        equal((result.status, result.out), (2, ""), f"status and output for {seeds}")


def test_simulator_takes_numbers_alone(bench):
    program = os.path.join(BUILD, "tests", "sim", "sim")
    if not os.path.exists(program):
        skip("it is not built")
    for seeds in NO_SEEDS:
        result = bench.run([program, "--mode", "plain", "--seeds", seeds])
        equal((result.status, result.out), (2, ""), f"status and output for {seeds}")


def test_free_ports(bench):
    ports = {bench.free_port() for _ in range(50)}
    equal(len(ports), 50, "different ports")
    other, drawn = Bench("other"), []
    for each in (bench, other):  # which draw the same numbers
        random.seed(1)
        drawn.append(each.free_port())
    other.close()
    check(drawn[0] != drawn[1], f"a port that another test has is not given out, in use or not: {drawn}")
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as limits:
        first = int(limits.read().split()[0])
    check(first <= 2024 or max(ports) < first, "below the ports of outgoing connections")


if __name__ == "__main__":
    main(globals())
