"""An office at work while a crowd of others loses the hub and comes back; for tests and tests/bench/table."""
import statistics
import time

import crowd
from federation import Federation, add, call_http
from hopnhat_test import Failed

MORE_MIB = 64  # the hub may need so much more while all come back at once
PAUSE_S = 0.02  # between two edits of the office at work


class Result:
    """What was seen: times in ms, memory of the hub in KiB, changes lost."""

    def __init__(self):
        self.usual_p50_ms = self.p50_ms = self.p95_ms = 0.0
        self.took_s, self.lost, self.usual_kib, self.most_kib, self.counts = 0.0, 0, 0, 0, {}


class Office:
    """A hub, an office at work in one group with its neighbour, and a crowd that is not connected yet."""

    def __init__(self, bench, members):
        self.bench, self.members, self.crowd = bench, members, None
        path = bench.path("crowd")
        groups = {"a": ["cluster:1"], "b": ["cluster:1"]}
        self.federation = Federation(bench, "a", "b", groups=groups)
        self.federation.hub.stop()
        crowd.make(self.federation.hub, path, members)
        self.federation.start_hub()
        self.port = int(self.federation.address.rsplit(":", 1)[1])
        self.crowd = crowd.Crowd(self.port, path)
        self.federation.sync()
        self.number = 0
        self.record = add(self.federation["a"], "partner", "name=Room to Read", "group=cluster:1")
        self.federation.sync()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.crowd.close()
        self.bench.close()

    def memory_kib(self):
        """RSS and RssAnon of the hub."""
        with open(f"/proc/{self.federation.hub.process.pid}/status", encoding="ascii") as status:
            lines = dict(line.split(":", 1) for line in status)
        return int(lines["VmRSS"].split()[0]), int(lines["RssAnon"].split()[0])

    def edit_ms(self):
        """The office edits a record; the time until the neighbour shows it."""
        a, b = self.federation["a"], self.federation["b"]
        self.number += 1
        text = f"street {self.number}"
        began = time.perf_counter()
        status, _ = call_http(a, "PATCH", f"/v1/records/partner/{self.record}",
                              f'{{"set":{{"address":"{text}"}}}}'.encode())
        if status != 200:
            raise Failed(f"an edit was answered {status}")
        while call_http(b, "GET", f"/v1/records/partner/{self.record}")[1]["fields"].get("address") != text:
            if time.perf_counter() - began > 30:
                raise Failed("an edit has not come to the neighbour within 30 s")
            time.sleep(0.0005)
        return (time.perf_counter() - began) * 1000

    def edits_ms(self, during):
        """Edits one after another while during() holds."""
        times = []
        while during():
            times.append(self.edit_ms())
            time.sleep(PAUSE_S)
        return times

    def storm(self, least_s=10, deadline_s=120):
        """All are connected, the hub restarts, the office is back first and works while the others come."""
        result, hub = Result(), self.federation.hub
        self.crowd.connect(self.members, deadline_s)
        until = time.monotonic() + least_s / 2
        result.usual_p50_ms = statistics.median(self.edits_ms(lambda: time.monotonic() < until))
        result.usual_kib = self.memory_kib()[1]
        hub.kill()
        self.crowd.wait(lambda counts: counts["up"] == 0, deadline_s, "all have lost the hub")
        self.federation.start_hub()
        for name in "ab":
            self.federation[name].do("sync", "--wait", "--timeout", "30", deadline_s=40)
        began, back_s = time.monotonic(), []

        def still_coming():
            result.most_kib = max(result.most_kib, self.memory_kib()[1])
            passed_s = time.monotonic() - began
            if self.crowd.look()["open"] == self.members and not back_s:
                back_s.append(passed_s)
            if passed_s > deadline_s:
                raise Failed(f"not all are back within {deadline_s} s: {self.crowd.counts}")
            return not back_s or passed_s < least_s
        times = sorted(self.edits_ms(still_coming))
        result.p50_ms, result.p95_ms = times[len(times) // 2], times[len(times) * 95 // 100]
        result.took_s = back_s[0]
        self.crowd.wait(lambda counts: counts["open"] == self.members, deadline_s, "all are back still")
        result.counts = self.crowd.counts
        result.lost = result.counts["lost"] + result.counts["saved"] - result.counts["acknowledged"]
        return result


__all__ = ["MORE_MIB", "Office", "Result"]
