"""A TCP proxy on loopback inside the test process: counts, delays, throttles and cuts. For machines where no
network namespace can be made (tests/lib/link.py), and where a cut has to come after a certain byte.

The sender feels the throttle: little is buffered before it. No loss of packets is emulated.
"""
import collections
import socket
import struct
import threading
import time

READ_BYTES = 1400     # a piece is forwarded as a whole: what a cut loses is counted in these
BUFFER_BYTES = 4096   # of the kernel, before the throttle


class Proxy:
    """Forwards connections to 127.0.0.1:to_port. Set at any time: rate (bytes a second each way, 0: without
    bound), delay_ms (one way). counted: bytes handed on, [to the hub, from the hub]; kept: these bytes
    themselves, once keep() was called."""

    def __init__(self, port, to_port, rate=0, delay_ms=0):
        self.port, self.to_port, self.rate, self.delay_ms = port, to_port, rate, delay_ms
        self.counted, self.kept, self.connections, self.left = [0, 0], None, 0, None
        self.refusing, self.open = False, set()
        self.lock = threading.Lock()
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
        self.listener.bind(("127.0.0.1", port))
        self.listener.listen(64)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(("127.0.0.1", self.to_port))
            except OSError:
                reset(near)
                continue
            for end in (near, far):  # before a cut can close them
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.lock:
                if self.refusing:
                    reset(near, far)
                    continue
                self.connections += 1
                self.open |= {near, far}
            for way, one, other in ((0, near, far), (1, far, near)):
                threading.Thread(target=self.carry, args=(way, one, other), daemon=True).start()

    def carry(self, way, one, other):
        """Reads as fast as the rate allows, and hands on what is old enough, in a thread of its own."""
        pieces, ready = collections.deque(), threading.Condition()
        threading.Thread(target=self.hand_on, args=(way, pieces, ready, one, other), daemon=True).start()
        free = time.monotonic()
        while True:
            try:
                piece = one.recv(READ_BYTES)
            except OSError:
                piece = b""
            free = max(free, time.monotonic()) + (len(piece) / self.rate if self.rate else 0)
            with ready:
                pieces.append((free + self.delay_ms / 1000, piece))
                ready.notify()
            if not piece:
                return
            pause(free)

    def hand_on(self, way, pieces, ready, one, other):
        while True:
            with ready:
                ready.wait_for(lambda: pieces)
                due, piece = pieces.popleft()
            pause(due)
            if not piece:
                break
            try:
                if not self.may_pass(way, piece):
                    self.cut()
                    break
                other.sendall(piece)
            except OSError:
                break
        with self.lock:
            self.open -= {one, other}
        reset(one, other)

    def may_pass(self, way, piece):
        """Counts it; False: it is beyond what cut_after allows, and is lost."""
        with self.lock:
            if self.left is not None:
                if self.left < len(piece):
                    self.left = None
                    return False
                self.left -= len(piece)
            self.counted[way] += len(piece)
            if self.kept:
                self.kept[way] += piece
            return True

    def keep(self):
        """Keeps what is handed on from now on, anew: what was kept before is forgotten."""
        with self.lock:
            self.kept = [bytearray(), bytearray()]

    def cut(self, refuse=False):
        """Ends all connections at once; what is under way is lost. refuse: none is taken until mend()."""
        with self.lock:
            self.refusing, ending, self.open = refuse, self.open, set()
        reset(*ending)

    def mend(self):
        self.refusing = False

    def cut_after(self, bytes_):
        """Cuts once, when so many more bytes (of both ways together) have been handed on; None: no more."""
        with self.lock:
            self.left = bytes_

    def total(self):
        return sum(self.counted)

    def close(self):
        self.listener.close()
        self.cut(refuse=True)


def pause(until):
    """Waits until that moment of the monotonic clock. It emulates; no test waits for a state by it."""
    wait = until - time.monotonic()
    if wait > 0:
        time.sleep(wait)


def reset(*sockets):
    """Ends connections so that the other side hears of it at once, in whatever thread it waits."""
    for ending in sockets:
        try:
            ending.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            ending.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        ending.close()
