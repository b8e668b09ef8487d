"""Frames of HTTP/2 as no library would send them."""

import socket

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, SETTINGS, PING, GOAWAY = 0, 1, 4, 6, 7
END_STREAM, END_HEADERS, ACK = 1, 4, 1


def frame(kind, flags, stream, payload):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + \
        stream.to_bytes(4, "big") + payload


def headers(stream, fields, flags=END_HEADERS):
    """A POST of `/`; no field longer than a few hundred bytes."""
    def text(value):
        value = value.encode()
        rest = len(value) - 127
        length = bytes([len(value)]) if rest < 0 else \
            bytes([127, rest]) if rest < 128 else bytes([127, rest % 128 | 128, rest // 128])
        return length + value
    # :method POST, :scheme http, :path /
    block = b"\x83\x86\x84" + b"".join(
        b"\0" + text(name) + text(value) for name, value in fields.items())
    return frame(HEADERS, flags, stream, block)


class Connection:
    """Says what it is told, and waits for nothing unless it is asked to."""

    def __init__(self, server):
        self.socket = socket.create_connection(("127.0.0.1", server.port), timeout=20)
        self.stream = self.socket.makefile("rb")
        self.socket.sendall(PREFACE + frame(SETTINGS, 0, 0, b""))

    def send(self, *frames):
        self.socket.sendall(b"".join(frames))

    def next(self, kind, flags=0):
        """The payload of the next frame of a kind that has these flags."""
        while True:
            head = self.stream.read(9)
            assert len(head) == 9, "the connection has ended"
            payload = self.stream.read(int.from_bytes(head[:3], "big"))
            if head[3] == kind and head[4] & flags == flags:
                return payload
            assert head[3] != GOAWAY, payload

    def ping(self):
        """Waits until everything that was sent has been looked at."""
        self.send(frame(PING, 0, 0, b"12345678"))
        assert self.next(PING, ACK) == b"12345678"

    def has_ended(self):
        """Whether the server ends it; waits for that."""
        while head := self.stream.read(9):
            self.stream.read(int.from_bytes(head[:3], "big"))
        return True

    def close(self):
        self.socket.close()
