"""Opens sockets as systemd does and hands them to the program, which is started anew when it ends: `activated.py RUNS PROGRAM ARGUMENTS...`.

Prints the sockets' ports as one JSON object, then whatever the program prints."""

import json
import os
import socket
import sys

FIRST = 3  # sd_listen_fds(3)
STREAM, DATAGRAM = socket.SOCK_STREAM, socket.SOCK_DGRAM
# In the order of LISTEN_FDNAMES.
SOCKETS = [("dns", DATAGRAM), ("dns", STREAM), ("dot", STREAM), ("doq", DATAGRAM), ("doh", STREAM), ("doh", DATAGRAM), ("api", STREAM)]


def opened(kind, port):
    one = socket.socket(socket.AF_INET, kind)
    one.bind(("127.0.0.1", port))
    if kind == STREAM:
        one.listen(16)
    return one


def all_opened():
    """All of them; those of one name at one port, which somebody may have taken for the other kind."""
    while True:
        sockets, ports = [], {}
        try:
            for name, kind in SOCKETS:
                one = opened(kind, ports.get(name, 0))
                ports[name] = one.getsockname()[1]
                sockets.append(one)
            return sockets, ports
        except OSError:
            for one in sockets:
                one.close()


def main():
    sockets, ports = all_opened()
    print(json.dumps(ports), flush=True)
    for _ in range(int(sys.argv[1])):
        child = os.fork()
        if child == 0:
            # First where none of them is in another's place.
            high = [os.dup2(one.fileno(), 100 + at) for at, one in enumerate(sockets)]
            for at, one in enumerate(high):
                os.dup2(one, FIRST + at)
            os.closerange(FIRST + len(high), 200)
            os.environ["LISTEN_PID"] = str(os.getpid())
            os.environ["LISTEN_FDS"] = str(len(high))
            os.environ["LISTEN_FDNAMES"] = ":".join(name for name, _ in SOCKETS)
            os.execv(sys.argv[2], sys.argv[2:])
        _, status = os.waitpid(child, 0)
        if status != 0:
            sys.exit(f"the program ended with {status}")


main()
