"""Disks that fail, for system tests: a plan for tests/lib/faults.c, and small file systems."""
import mmap
import os
import struct
import subprocess

from hopnhat_test import BUILD, check, skip

LIBRARY = os.path.join(BUILD, "tests", "libhopnhat_faults.so")
WRITES, DSYNC_WRITES, SYNCS = 1, 2, 4
ALL_KINDS = WRITES | DSYNC_WRITES | SYNCS
NOTHING, FAIL_ONCE, FAIL_FROM, KILL_BEFORE, KILL_TORN, KILL_AFTER = range(6)
LAYOUT = struct.Struct("=IIqqQQ")  # struct plan of faults.h
ACTION, KINDS, COUNTDOWN, ERROR, CALLS, FIRED = range(6)


class DiskFaults:
    """What is to happen to the writes of one daemon's store, from the daemon's next start on."""

    def __init__(self, bench, daemon):
        path = bench.path(f"{daemon.name}.faults")
        with open(path, "wb") as file:
            file.write(bytes(LAYOUT.size))
        with open(path, "r+b") as file:
            self.plan = mmap.mmap(file.fileno(), LAYOUT.size)
        daemon.environment.update({"LD_PRELOAD": LIBRARY, "HOPNHAT_FAULTS": path,
                                   "HOPNHAT_FAULTS_PATH": f"{daemon.name}/store/data.mdb"})

    def arm(self, action, kinds=ALL_KINDS, countdown=1, error=0):
        """What happens at the countdown'th call of these kinds from now on."""
        self.plan[:] = LAYOUT.pack(NOTHING, kinds, countdown, error, self.read(CALLS), 0)
        self.plan[0:4] = struct.pack("=I", action)

    def clear(self):
        self.arm(NOTHING)

    def read(self, member):
        return LAYOUT.unpack(self.plan[:])[member]


class SmallDisk:
    """A tmpfs of so many bytes at `path`; skipped without root."""

    def __init__(self, path, size_bytes):
        if os.geteuid() != 0:
            skip("a file system can be mounted by root only")
        self.path, self.filler = path, os.path.join(path, "filler")
        os.makedirs(path, exist_ok=True)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size_bytes},mode=0700", "tmpfs", path],
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            skip(f"no file system can be mounted here: {done.stderr.strip()}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        subprocess.run(["umount", "-l", self.path], check=False)

    def fill(self, leave_bytes=0):
        """No more bytes than these are left."""
        if leave_bytes:
            disk = os.statvfs(self.path)
            with open(self.filler, "ab") as file:
                file.write(bytes(disk.f_bavail * disk.f_frsize - leave_bytes))
            return
        with open(self.filler, "ab", buffering=0) as file:
            for size in (65536, 4096, 1):
                try:
                    while True:
                        file.write(bytes(size))
                except OSError:
                    continue

    def make_room(self):
        os.unlink(self.filler)

    def protect(self, protected):
        mode = "ro" if protected else "rw"
        done = subprocess.run(["mount", "-o", f"remount,{mode}", self.path], check=False, capture_output=True,
                              text=True)
        check(done.returncode == 0, f"remount,{mode}: {done.stderr}")
