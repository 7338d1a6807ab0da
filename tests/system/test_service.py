#!/usr/bin/env python3
"""The daemons as services: settings, what systemd is told, an orderly stop."""
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from federation import Federation, add, ids  # noqa: E402
from hopnhat_test import ROOT, SOON_S, check, equal, main, skip, wait_until  # noqa: E402
from wrong_clock import WrongClock  # noqa: E402

DAY_MS = 24 * 3600 * 1000
STOP_S = 10


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


class Manager:
    """The end of a notification socket that systemd would hold."""

    def __init__(self, bench, name="notify"):
        self.path = bench.path(name)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.settimeout(SOON_S)
        os.environ["NOTIFY_SOCKET"] = self.path

    def heard(self, but=""):
        """The next message that does not begin with `but`."""
        while True:
            text = self.socket.recv(4096).decode()
            if not but or not text.startswith(but):
                return text

    def close(self):
        os.environ.pop("NOTIFY_SOCKET", None)
        os.environ.pop("WATCHDOG_USEC", None)
        self.socket.close()


def test_the_settings_are_the_sample_files(bench):
    for daemon, name in ((bench.hub(), "hub"), (bench.agent("a"), "agent")):
        with open(os.path.join(ROOT, "deploy", "config", name + ".yaml"), encoding="utf-8") as sample:
            equal(sample.read(), daemon.do("run", "--help-config").out, f"deploy/config/{name}.yaml")


def test_the_packages_are_built_with_what_bootstrap_installs(_bench):
    """Debian's list of what is needed is one of its own: nothing may be missing there."""
    with open(os.path.join(ROOT, "deploy", "debian", "control"), encoding="utf-8") as control:
        wanted = control.read().partition("Standards-Version")[0]
    installed = subprocess.run([os.path.join(ROOT, "deploy", "bootstrap"), "--print"], capture_output=True,
                               check=True, text=True).stdout.split()
    not_wanted = ("libc6-dev", "libcmocka-dev")
    libraries = [name for name in installed if name.endswith("-dev") and name not in not_wanted]
    check(len(libraries) > 10, "there are some")
    equal([name for name in libraries if not re.search(rf"\s{re.escape(name)}(:native)?[,\n]", wanted)], [],
          "missing in deploy/debian/control")


def test_the_units_are_sandboxed(_bench):
    if not shutil.which("systemd-analyze"):
        skip("systemd-analyze is not here")
    for name in ("agent", "hub"):
        unit = os.path.join(ROOT, "deploy", "systemd", f"hopnhat-{name}.service")
        done = subprocess.run(["systemd-analyze", "security", "--offline=true", "--threshold=15",
                               "--no-pager", unit], capture_output=True, text=True, check=False, timeout=30)
        equal(done.returncode, 0, f"exposure below 1.5: {done.stdout[-300:]}{done.stderr}")


def test_wrong_settings_are_named_with_their_line(bench):
    hub = bench.hub()
    hub.do("init")
    path = write(bench.path("hub.yaml"), "log_level: info\nlisen: tcp://*:1\n")
    result = hub.do("run", "--config", path, status=1)
    check(f"{path}:2: there is no setting \"lisen\"" in result.err, f"the line is named: {result.err}")
    write(path, "backup_keep: 1\n")
    result = hub.do("run", "--config", path, status=1)
    check(f"{path}:1: backup_keep: \"1\" is no number from 2 to 64" in result.err, f"the range: {result.err}")
    result = hub.do("run", "--set", "backup_keep=many", status=2)
    check("backup_keep" in result.err, f"what was given: {result.err}")
    result = hub.do("run", "--config", bench.path("none.yaml"), status=1)
    check("none.yaml" in result.err, f"a file that is not there: {result.err}")


def test_the_service_manager_is_told(bench):
    manager = Manager(bench)
    try:
        os.environ["WATCHDOG_USEC"] = "300000"
        hub = bench.hub()
        hub.do("init")
        path = write(bench.path("hub.yaml"), f"listen: tcp://127.0.0.1:{bench.free_port()}\n")
        process = hub.start("--config", path)
        equal(manager.heard(), "WATCHDOG_USEC=300000\nREADY=1", "once it serves")
        for _ in range(3):
            equal(manager.heard(), "WATCHDOG=1", "while it turns")
        write(path, "log_level: loud\n")
        process.signal(signal.SIGHUP)
        check(manager.heard("WATCHDOG").startswith("RELOADING=1"), "it reads the settings again")
        equal(manager.heard("WATCHDOG"), "READY=1", "it has read them")
        check(f"{path}:1: log_level" in process.log(), f"what was wrong is logged: {process.log()}")
        write(path, "log_level: error\nlisten: tcp://127.0.0.1:1\n")
        process.signal(signal.SIGHUP)
        manager.heard("WATCHDOG")
        manager.heard("WATCHDOG")
        check("listen: the change takes effect when the service is started again" in process.log(),
              f"what needs a new start is logged: {process.log()}")
        check("were read again" not in process.log(), "the level counts at once")
        process.signal(signal.SIGTERM)
        equal(manager.heard("WATCHDOG"), "STOPPING=1", "it is on its way out")
        equal(process.wait(), 0, "exit status")
    finally:
        manager.close()


def heard_patience_until_ready(manager, what):
    """The service asks for time before it is ready, and takes it back with that."""
    asked = manager.heard()
    for word in ("EXTEND_TIMEOUT_USEC", "WATCHDOG_USEC"):
        check(word + "=3600000000" in asked, f"{what}: {asked}")
    while (told := manager.heard()) == asked:
        pass
    equal(told, "WATCHDOG_USEC=300000\nREADY=1", what)


def test_nobody_loses_patience_while_a_store_is_written_anew(bench):
    """After an erasure: at the hub before it is ready, in an office in the midst of its work. And where a
    store is verified after a crash."""
    world = Federation(bench, "hue")
    person = add(world["hue"], "partner", "name=An")
    world.sync()
    world["hue"].stop()
    world.hub.do("erase", "partner", person, "name", "--reason", "case 1")
    world.hub.stop()
    manager = Manager(bench)
    try:
        os.environ["WATCHDOG_USEC"] = "300000"
        world.start_hub()
        heard_patience_until_ready(manager, "a hub that writes its store anew")
        check(not world.hub.status()["erased_in_files"], "it has done so")
        manager.close()
        manager = Manager(bench, "notify-agent")
        os.environ["WATCHDOG_USEC"] = "300000"
        world["hue"].start()
        equal(manager.heard(), "WATCHDOG_USEC=300000\nREADY=1", "the office serves")
        while (asked := manager.heard()) == "WATCHDOG=1":
            pass
        check("WATCHDOG_USEC=3600000000" in asked, f"an office that writes its store anew: {asked}")
        while (told := manager.heard()) == asked:
            pass
        equal(told, "WATCHDOG_USEC=300000\nREADY=1", "it serves again")
        world["hue"].process.signal(signal.SIGSEGV)
        world["hue"].process.wait()
        manager.close()
        manager = Manager(bench, "notify-crashed")
        os.environ["WATCHDOG_USEC"] = "300000"
        world["hue"].start()
        heard_patience_until_ready(manager, "a store that is verified first")
    finally:
        manager.close()


def test_what_an_office_may_send_in_a_day(bench):
    """A broken or hostile office fills its own part and no more; the others do not notice."""
    path = write(bench.path("hub.yaml"), "office_mib_per_day: 1\n")
    world = Federation(bench, "hue", "da-nang")
    world.hub.stop()
    at_noon_ms = DAY_MS // 2 - int(time.time() * 1000) % DAY_MS  # so that no day ends meanwhile
    WrongClock(bench, world.hub).set(at_noon_ms)
    process = world.hub.start("--config", path, "--listen", world.address)
    hue = world["hue"]
    for i in range(30):
        add(hue, "partner", f"name=Flood {i}", f"notes={random.randbytes(30000).hex()}")
    wait_until(lambda: world.hub.status()["by_office"]["hue"]["held_back"], 30, "it is held back")
    wait_until(lambda: "as much today" in hue.status()["trouble"], 30, "its people are told")
    taken = world.hub.status()["by_office"]["hue"]["taken_today_bytes"]
    check(1 << 20 <= taken < 2 << 20, f"what was taken: {taken}")
    check("office hue has sent" in process.log(), "so is headquarters")
    add(world["da-nang"], "partner", "name=One")
    world["da-nang"].do("sync", "--wait", "--timeout", "30")
    equal(world.hub.status()["by_office"]["da-nang"]["held_back"], False, "another office")
    check(hue.status()["pending"] > 0, "the rest waits")
    seen = world.hub.do("add", "partner", "name=Two", "group=everyone").out.strip()
    wait_until(lambda: seen in ids(hue, "partner"), 30, "what others write comes meanwhile")
    check("as much today" in hue.status()["trouble"], "and its people are still told")
    write(path, "office_mib_per_day: 0\n")
    process.signal(signal.SIGHUP)
    wait_until(lambda: not world.hub.status()["by_office"]["hue"]["held_back"], SOON_S, "it may send more")
    hue.stop()
    hue.start()
    hue.do("sync", "--wait", "--timeout", "60")
    equal(len(ids(world.hub, "partner")), 32, "nothing was lost")


def test_a_hangup_stops_what_has_no_settings_file(bench):
    hub = bench.hub()
    hub.do("init")
    process = hub.start("--listen", f"tcp://127.0.0.1:{bench.free_port()}")
    process.signal(signal.SIGHUP)
    equal(process.wait(), 0, "exit status")


def test_stops_are_quick_and_the_hub_is_told(bench):
    world = Federation(bench, "hue", "da-nang")
    add(world["hue"], "partner", "name=One")
    world.sync()
    equal(world.hub.status()["replicas_online"], 2, "both are there")
    begun = time.monotonic()
    world["hue"].stop()
    check(time.monotonic() - begun < STOP_S, f"the agent stopped in {time.monotonic() - begun:.1f} s")
    wait_until(lambda: world.hub.status()["replicas_online"] == 1, SOON_S, "the hub counts it no more")
    begun = time.monotonic()
    world.hub.stop()
    check(time.monotonic() - begun < STOP_S, f"the hub stopped in {time.monotonic() - begun:.1f} s")
    begun = time.monotonic()
    world["da-nang"].stop()
    check(time.monotonic() - begun < STOP_S, f"without its hub in {time.monotonic() - begun:.1f} s")


def processor_s(process):
    with open(f"/proc/{process.pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def stop_amid(hub, *arguments):
    """Stops the hub while it works for this command: the command's stderr, and how long the stop took."""
    before = processor_s(hub.process)
    command = subprocess.Popen([hub.program, *arguments], env={**os.environ, "HOPNHAT_DATA": hub.data},
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, encoding="utf-8")
    wait_until(lambda: processor_s(hub.process) > before + 0.2, 30, "the hub is at work")
    begun = time.monotonic()
    hub.stop()
    took_s = time.monotonic() - begun
    words = command.communicate(timeout=30)[1]
    equal(command.returncode, 1, f"status of {arguments}: {words}")
    return words, took_s


def test_a_stop_does_not_wait_for_a_long_import(bench):
    world = Federation(bench)
    path = bench.path("many.csv")
    with open(path, "w", encoding="ascii") as many:
        many.write("name\n" + "".join(f"Partner {number}\n" for number in range(100000)))
    for arguments in (("import", "partner", path), ("import", "--undo", "1")):
        if "--undo" in arguments:
            world.hub.do("import", "partner", path, deadline_s=120)
        before = world.hub.status()["records"]
        words, took_s = stop_amid(world.hub, *arguments)
        check("is being stopped: nothing has been changed" in words, f"what the command says: {words}")
        check(took_s < STOP_S, f"the hub stopped in {took_s:.1f} s")
        world.start_hub()
        equal(world.hub.status()["records"], before, f"records as before {arguments}")


if __name__ == "__main__":
    main(globals())
