"""Name servers that do what they should not, beside Knot's, which does: each on an address of its own, port 53."""

import socket
import struct
import sys
import threading

CUT = 0x0200


def answer(query, flags=0x8400, rcode=0):
    """An answer with the query's question alone, or with what a zone has that it asks for."""
    end = 12
    while query[end]:
        end += query[end] + 1
    end += 5
    question = query[12:end]
    rtype = struct.unpack("!H", question[-4:-2])[0]
    is_apex = question[1 : 1 + question[0]].lower() not in (b"www", b"ns")
    data = {1: bytes([198, 51, 100, 1]), 2: b"\x02ns\xc0\x0c" if is_apex else b""}.get(rtype)
    records = b""
    if data and not flags & CUT and not rcode:
        records = b"\xc0\x0c" + struct.pack("!HHIH", rtype, 1, 300, len(data)) + data
    head = query[:2] + struct.pack("!HHHHH", flags | rcode, 1, 1 if records else 0, 0, 0)
    return head + question + records


def has_edns(query):
    return struct.unpack("!H", query[10:12])[0] > 0


def packets(address, reply):
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((address, 53))
    while True:
        query, peer = server.recvfrom(4096)
        said = reply(query)
        if said:
            server.sendto(said, peer)


def connections(address, reply):
    server = socket.create_server((address, 53))
    while True:
        stream, _ = server.accept()
        with stream:
            # A client that has gone ends its own connection alone.
            try:
                (length,) = struct.unpack("!H", stream.recv(2, socket.MSG_WAITALL))
                said = reply(stream.recv(length, socket.MSG_WAITALL))
                if said:
                    stream.sendall(struct.pack("!H", len(said)) + said)
            except (OSError, struct.error):
                pass


def nothing(_query):
    return None


def main():
    refuses = lambda query: answer(query, flags=0x8000, rcode=5)
    cuts = lambda query: answer(query, flags=0x8400 | CUT)
    formerr = lambda query: answer(query, rcode=1) if has_edns(query) else answer(query)
    drops = lambda query: None if has_edns(query) else answer(query)
    for address, over_udp, over_tcp in (
        ("127.0.1.3", refuses, refuses),
        ("127.0.1.4", cuts, answer),
        ("127.0.1.5", cuts, nothing),
        ("127.0.1.6", formerr, formerr),
        ("127.0.1.7", drops, drops),
    ):
        threading.Thread(target=packets, args=(address, over_udp), daemon=True).start()
        threading.Thread(target=connections, args=(address, over_tcp), daemon=True).start()
    sys.stdin.read()


if __name__ == "__main__":
    main()
