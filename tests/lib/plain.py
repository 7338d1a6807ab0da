"""Plain TCP and UDP over an emulated link, the measure beside which the daemons stand. Run as a program
inside a namespace it is one end of that; carry() and ping() start both ends."""
import os
import socket
import subprocess
import sys
import time

PORT = 7500
DEADLINE_S = 600
LATE_S = 1
PIECE = b"\xa5" * 65536


def serve(address, size):
    """Takes size bytes over one connection, answers with one; or (size 0) echoes datagrams."""
    if size == 0:
        with socket.socket(type=socket.SOCK_DGRAM) as door:
            door.bind((address, PORT))
            print("ready", flush=True)
            while True:
                door.sendto(*door.recvfrom(2048))
    with socket.create_server((address, PORT)) as door:
        print("ready", flush=True)
        near, _ = door.accept()
        while size > 0:
            size -= len(near.recv(min(size, 65536)) or b"\0" * size)
        near.sendall(b"!")
        near.recv(1)


def send(address, size):
    """Prints the seconds from the connection's first packet to the answer that all is there."""
    began = time.monotonic()
    with socket.create_connection((address, PORT), timeout=DEADLINE_S) as near:
        while size > 0:
            near.sendall(PIECE[:min(size, len(PIECE))])
            size -= len(PIECE)
        if near.recv(1) != b"!":
            raise SystemExit("the other end went away")
    print(time.monotonic() - began, flush=True)


def trips(address, count, timeout_s):
    """Prints the seconds of each datagram that came back. The next one is sent when it has, or the timeout is
    over; what comes later than that, as on a busy machine, is counted all the same."""
    sent = {}

    def receive(until, name):
        while sent.keys() & name and (left := until - time.monotonic()) > 0:
            near.settimeout(left)
            try:
                came = near.recv(2048)
            except TimeoutError:
                return
            print(time.monotonic() - sent.pop(came))
    with socket.socket(type=socket.SOCK_DGRAM) as near:
        for i in range(count):
            name = str(i).encode()
            sent[name] = time.monotonic()
            near.sendto(name, (address, PORT))
            receive(sent[name] + timeout_s, {name})
        receive(time.monotonic() + LATE_S, set(sent))


def both_ends(near, far, server, client):
    """Runs both ends, each in its namespace: the client's output."""
    this = [sys.executable, "-B", os.path.abspath(__file__)]
    with subprocess.Popen([*far.within, *this, *server], stdout=subprocess.PIPE, text=True) as serving:
        try:
            serving.stdout.readline()
            return subprocess.run([*near.within, *this, *client], check=True, capture_output=True, text=True,
                                  timeout=DEADLINE_S).stdout
        finally:
            serving.kill()


def carry(near, far, address, size):
    """Seconds that plain TCP takes for so many bytes from near to far (Namespaces), at that address."""
    return float(both_ends(near, far, ("serve", address, str(size)), ("send", address, str(size))))


def ping(near, far, address, datagrams=None, timeout_s=5):
    """Seconds of the round trip of one small datagram; with datagrams: of each of so many that came back."""
    out = both_ends(near, far, ("serve", address, "0"),
                    ("trips", address, str(datagrams or 1), str(timeout_s)))
    times = [float(line) for line in out.split()]
    return times[0] if datagrams is None else times


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(sys.argv[2], int(sys.argv[3]))
    elif sys.argv[1] == "send":
        send(sys.argv[2], int(sys.argv[3]))
    else:
        trips(sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
