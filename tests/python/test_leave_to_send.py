"""A client that waits for leave to send its body (`Expect: 100-continue`) hears at once what needs
none, and is told to send in every other case. No test here sends a body before it has leave."""

import socket

import pytest

from support import credentials, http2, raw

# `:status` over HTTP/2: an entry of the table, or a literal with the name of entry 8 in Huffman's code.
STATUS = {b"\x88": "200", b"\x8c": "400", b"\x48\x82\x08\x01": "100", b"\x48\x83\x68\x0c\xff": "403",
          b"\x48\x83\x68\x2c\xff": "413"}
BODY = b"{}"


@pytest.fixture
def guarded(start_server, tmp_path):
    """A server that is called localhost alone, and the key that it knows."""
    file = tmp_path / "keys.toml"
    key = credentials.add(file)
    return start_server("--credentials", file, "--allowed-host", "localhost"), key.access_key


def fields(access_key, **other):
    signed = {name.lower(): value for name, value in raw.any_authorization(access_key).items()}
    return {"host": "localhost", "content-type": raw.JSON, "expect": "100-continue",
            "x-amz-target": f"{raw.PREFIX}DescribeLimits", "content-length": str(len(BODY)),
            **signed, **other}


class Http1:
    """A request over HTTP/1.1 without its body."""

    def __init__(self, server, fields):
        self.socket = socket.create_connection(("127.0.0.1", server.port), timeout=8)
        self.stream = self.socket.makefile("rb")
        lines = ["POST / HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode())

    def has_leave(self):
        """Whether the first word is to go on."""
        self.status = self.stream.readline()
        return self.outcome() == "100"

    def send_body(self):
        assert self.stream.readline() == b"\r\n"
        self.socket.sendall(BODY)
        self.status = self.stream.readline()

    def outcome(self):
        return self.status.split()[1].decode()

    def text(self):
        length = 0
        for line in iter(self.stream.readline, b"\r\n"):
            name, value = line.decode().split(":", 1)
            length = int(value) if name.lower() == "content-length" else length
        return self.stream.read(length)


class Http2:
    """A request over HTTP/2 without its body."""

    def __init__(self, server, fields):
        self.connection = http2.Connection(server)
        self.socket = self.connection.socket
        self.socket.settimeout(8)
        self.connection.send(http2.headers(1, fields))

    def has_leave(self):
        self.head = self.connection.next(http2.HEADERS)
        return self.outcome() == "100"

    def send_body(self):
        self.connection.send(http2.frame(http2.DATA, http2.END_STREAM, 1, BODY))
        self.head = self.connection.next(http2.HEADERS)

    def text(self):
        return self.connection.next(http2.DATA)

    def outcome(self):
        return next(status for start, status in STATUS.items() if self.head.startswith(start))


@pytest.mark.parametrize("version", [Http1, Http2])
def test_what_needs_no_body_is_refused_before_there_is_one(guarded, version):
    server, known = guarded
    for refused, expected, error in (
            (fields("AKIDNOBODY"), "400", b"UnrecognizedClientException"),
            (fields(known, **{"x-amz-date": "20200101T000000Z"}), "400", b"InvalidSignatureException"),
            (fields(known, **{"content-length": str(17 << 20)}), "413", None),
            (fields(known, host="other.example"), "403", b"AccessDeniedException")):
        request = version(server, refused)
        with request.socket:
            assert not request.has_leave(), refused
            assert request.outcome() == expected
            assert error is None or error in request.text()


@pytest.mark.parametrize("version", [Http1, Http2])
def test_whoever_may_be_known_is_told_to_send(guarded, version):
    server, known = guarded
    request = version(server, fields(known))
    with request.socket:
        assert request.has_leave()
        request.send_body()
        # The signature, which needs the body, is wrong.
        assert request.outcome() == "400"
