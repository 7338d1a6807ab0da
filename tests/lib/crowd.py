"""A crowd of light agents (tests/bench/crowd) beside a hub of a test or a bench."""
import json
import os
import subprocess
import time

from hopnhat_test import BUILD, Failed

PROGRAM = os.path.join(BUILD, "tests", "bench", "crowd")


def make(hub, path, count, deadline_s=300):
    """Lets `count` members join the hub, which must not be running, and writes the crowd's file."""
    subprocess.run([PROGRAM, "make", hub.data, path, str(count)], check=True, timeout=deadline_s)


class Crowd:
    """The running crowd. `counts` is what it told last."""

    def __init__(self, port, path, at_once=False):
        self.child = subprocess.Popen([PROGRAM, "run", str(port), path] + ["--at-once"] * at_once,
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        os.set_blocking(self.child.stdout.fileno(), False)
        self.rest, self.counts = b"", {}

    def command(self, text):
        self.child.stdin.write(text.encode() + b"\n")
        self.child.stdin.flush()

    def look(self):
        """Reads what it has told since; its counts."""
        piece = self.child.stdout.read()
        *lines, self.rest = (self.rest + (piece or b"")).split(b"\n")
        if lines:
            self.counts = json.loads(lines[-1])
        return self.counts

    def wait(self, condition, deadline_s, what):
        """Until condition(counts) holds; the seconds that it took."""
        began = time.monotonic()
        while not (self.look() and condition(self.counts)):
            if time.monotonic() - began > deadline_s or self.child.poll() is not None:
                raise Failed(f"the crowd: not within {deadline_s} s: {what}; {self.counts}")
            time.sleep(0.02)
        return time.monotonic() - began

    def connect(self, count, deadline_s=120):
        """So many are in session, at the head, and all that they wrote is acknowledged."""
        self.command(f"connect {count}")
        return self.wait(lambda counts: counts["open"] >= count, deadline_s, f"{count} in session")

    def close(self):
        self.child.stdin.close()
        try:
            self.child.wait(10)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
