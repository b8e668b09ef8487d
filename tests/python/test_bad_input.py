"""Input and surroundings that a healthy client does not produce."""

import errno
import os
import resource
import socket
import subprocess

import botocore.exceptions
import pytest

from support import raw, streams
from support.server import Server, StartFailed, poll, run_cli

MIB = 1024 * 1024
IDLE_CONNECTIONS = 10_000


def is_alive(server):
    return raw.call(server, "DescribeLimits", {}).status == 200


@pytest.mark.parametrize("depth", [100, 1000, 100_000, 1_000_000])
def test_deep_nesting_is_refused_or_skipped(server, depth):
    for body, content_type in (
        (b'{"a":' + b"[" * depth + b"]" * depth + b"}", raw.JSON),
        (b'{"a":' * depth + b"1" + b"}" * depth, raw.JSON),
        (b"\xa1\x61a" + b"\x81" * depth + b"\x00", raw.CBOR),
        (b"\xa1\x61a" * depth + b"\x00", raw.CBOR),
        (b"\xa1\x61a" + b"\x9f" * depth + b"\xff" * depth, raw.CBOR),
        (b"\xa1\x61a" + b"\xc1" * depth + b"\x00", raw.CBOR),
    ):
        reply = raw.send(server, body, "DescribeLimits", content_type=content_type)
        assert reply.status in (200, 400)
        if reply.status == 400:
            assert reply.error[0] == "SerializationException"
    assert is_alive(server)


@pytest.mark.parametrize("body", [
    b"\xa1", b"\xa1\x61", b"\xbf", b"\xbf\x61a", b"\x81\x01", b"\x01", b"\xf6", b"\xff",
    b"\xa1\x01\x02", b"\xa0\xa0", b"\x1c", b"\xbb\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\xa1\x61a\x5b\x7f\xff\xff\xff\xff\xff\xff\xff", b"\xa1\x61a\x7a\xff\xff\xff\xff",
    b"\xa1\x61\xff\x01", b"\xa1\x61a\x9b\x7f\xff\xff\xff\xff\xff\xff\xff",
    b"\xa1\x61a\x5f\x61b\xff"])
def test_cbor_that_is_none(server, body):
    reply = raw.send(server, body, "DescribeLimits", content_type=raw.CBOR)
    assert reply.status == 400 and reply.error[0] == "SerializationException"
    assert is_alive(server)


@pytest.mark.parametrize("body", [
    b'{"StreamName":"\xff\xfe"}', b'{"StreamName":"\xed\xa0\x80"}', b'{"StreamName":"\xc0\x80"}',
    b'{"StreamName":"\\ud800"}', b'{"StreamName":"\\x41"}', b'{"StreamName":"a\nb"}',
    b'{"StreamName":"\\u00"}', b'{"StreamName":01}', b'{"StreamName":.5}', b'{"StreamName":1e}',
    b'{"StreamName":tru}', b'{"StreamName" "a"}', b'{"StreamName":"a"', b"\xef\xbb\xbf{}x"])
def test_json_that_is_none(server, body):
    reply = raw.send(server, body, "DescribeStream")
    assert reply.status == 400
    assert reply.error[0] in ("SerializationException", "ValidationException")
    assert is_alive(server)


def test_a_member_given_twice_does_no_harm(server):
    reply = raw.send(server, b'{"StreamName":"a","StreamName":"b"}', "DescribeStream")
    assert reply.status == 400
    assert is_alive(server)


def test_a_body_over_the_cap_is_refused_before_it_is_read(server):
    head = (f"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: {raw.JSON}\r\n"
            f"X-Amz-Target: {raw.PREFIX}PutRecord\r\nContent-Length: {10**12}\r\n\r\n")
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as sock:
        sock.sendall(head.encode())
        received = sock.recv(10000)
    assert received.startswith(b"HTTP/1.1 413")
    assert received.endswith(b"\r\n\r\n")
    assert is_alive(server)


def test_a_chunked_body_over_the_cap_is_cut_off(server):
    head = (f"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: {raw.JSON}\r\n"
            f"X-Amz-Target: {raw.PREFIX}PutRecord\r\nTransfer-Encoding: chunked\r\n\r\n")
    chunk = b"100000\r\n" + b" " * MIB + b"\r\n"
    received = b""
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as sock:
        sock.sendall(head.encode())
        try:
            for _ in range(64):
                sock.sendall(chunk)
            pytest.fail("the server took 64 MiB")
        except (BrokenPipeError, ConnectionResetError, TimeoutError):
            pass
        try:
            received = sock.recv(1000)
        except ConnectionResetError:
            pass
    assert received == b"" or received.startswith(b"HTTP/1.1 413")
    assert is_alive(server)


def test_the_largest_legal_request_is_below_the_cap(server, client, make_stream):
    name = make_stream(MaxRecordSizeInKiB=10240)
    body = raw.b64(b"x" * (10 * MIB - 1)).encode()
    reply = raw.send(server, b'{"StreamName":"%s","PartitionKey":"k","Data":"%s"}' % (
        name.encode(), body), "PutRecord")
    assert reply.status == 200


def test_headers_without_end_are_refused(server):
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as sock:
        sock.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\n")
        try:
            for index in range(2000):
                sock.sendall(b"X-Filler-%d: %s\r\n" % (index, b"y" * 1000))
            received = sock.recv(1000)
        except (BrokenPipeError, ConnectionResetError):
            received = b""
    assert received == b"" or received.startswith(b"HTTP/1.1 4")
    assert is_alive(server)


@pytest.mark.parametrize("garbage", [
    b"\x00" * 100, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 50,
    b"GET\r\n\r\n", b"POST / HTTP/9.9\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 200,
    b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
], ids=["zeros", "tls", "http09", "http99", "broken-h2", "negative-length", "two-lengths"])
def test_bytes_that_are_no_http(server, garbage):
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as sock:
        sock.sendall(garbage)
        try:
            sock.shutdown(socket.SHUT_WR)
            while sock.recv(10000):
                pass
        except OSError as error:
            # The server may have hung up before we did.
            assert error.errno in (errno.ECONNRESET, errno.ENOTCONN, errno.EPIPE)
    assert is_alive(server)


def test_a_slow_client_does_not_hold_up_others(server):
    slow = [socket.create_connection(("127.0.0.1", server.port), timeout=20) for _ in range(50)]
    try:
        for index, sock in enumerate(slow):
            sock.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{"[:10 + index])
        assert all(is_alive(server) for _ in range(20))
    finally:
        for sock in slow:
            sock.close()


def test_a_client_that_stops_sending_still_gets_its_answer(server):
    body = b"{}"
    headers = "".join(f"{k}: {v}\r\n" for k, v in raw.any_authorization().items())
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as sock:
        sock.sendall((f"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: {raw.JSON}\r\n{headers}"
                      f"X-Amz-Target: {raw.PREFIX}DescribeLimits\r\nContent-Length: 2\r\n\r\n"
                      ).encode() + body)
        sock.shutdown(socket.SHUT_WR)
        assert sock.recv(10000).startswith(b"HTTP/1.1 200")


def test_a_client_that_leaves_in_the_middle_does_no_harm(server, client, stream):
    request = (f"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: {raw.JSON}\r\n"
               f"X-Amz-Target: {raw.PREFIX}PutRecord\r\nContent-Length: 1000\r\n\r\n"
               '{"StreamName":').encode()
    for _ in range(50):
        with socket.create_connection(("127.0.0.1", server.port), timeout=20) as sock:
            sock.sendall(request)
    assert is_alive(server)
    assert streams.read(client, stream) == []


def test_ten_thousand_idle_connections(start_server):
    wanted = IDLE_CONNECTIONS + 500
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.skip(f"at most {hard} files may be open here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    server = start_server("--limits", "off", "--transition-ms", "0", "--max-connections", "20000",
                          preexec=lambda: (
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))))
    idle = []
    try:
        for _ in range(IDLE_CONNECTIONS):
            idle.append(socket.create_connection(("127.0.0.1", server.port), timeout=20))
        client = server.client()
        name = streams.create(client)
        client.put_record(StreamName=name, Data=b"x", PartitionKey="k")
        assert streams.data(streams.read(client, name)) == [b"x"]
        for sock in (idle[0], idle[-1]):
            sock.sendall(b"GET /_anabranch/health HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert sock.recv(1000).startswith(b"HTTP/1.1 200")
    finally:
        for sock in idle:
            sock.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def small_disk(tmp_path):
    """A file system of its own that is soon full."""
    point = tmp_path / "small"
    point.mkdir()
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small file system")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=192m", "tmpfs", point],
                             capture_output=True)
    if mounted.returncode != 0:
        pytest.skip(f"cannot mount a small file system: {mounted.stderr.decode().strip()}")
    yield point
    subprocess.run(["umount", "-l", point], check=True)


def test_a_full_disk_leaves_the_server_readable_and_it_recovers(start_server, small_disk):
    server = start_server("--limits", "off", "--transition-ms", "0", "--journal-file-bytes", "16MiB",
                          data_dir=small_disk / "data")
    client = server.client()
    name = streams.create(client)
    acknowledged = []

    def put(index):
        payload = b"%06d" % index + os.urandom(256 * 1024)
        client.put_record(StreamName=name, Data=payload, PartitionKey="k")
        acknowledged.append(payload[:6])

    for index in range(100):
        put(index)
    space = os.statvfs(small_disk)
    filler = small_disk / "filler"
    with open(filler, "wb") as file:
        fill(file, space.f_bavail * space.f_frsize)
    error = None
    for index in range(100, 3000):
        try:
            put(index)
        except botocore.exceptions.ClientError as caught:
            error = caught.response
            break
    assert error is not None, "the disk never became full"
    assert error["ResponseMetadata"]["HTTPStatusCode"] in (400, 500)
    assert error["Error"]["Code"] in (
        "InternalFailure", "InternalFailureException", "ProvisionedThroughputExceededException",
        "LimitExceededException", "ServiceUnavailable"), error["Error"]
    found = streams.drain(client, streams.iterator(client, name))
    assert [r["Data"][:6] for r in found][:len(acknowledged)] == acknowledged
    filler.unlink()

    def writes_again():
        try:
            put(9999)
            return True
        except botocore.exceptions.ClientError:
            return False

    poll(writes_again, 30, "puts succeed after space has returned")
    server.restart()
    found = streams.drain(server.client(), streams.iterator(server.client(), name))
    kept = [r["Data"][:6] for r in found]
    assert [payload for payload in kept if payload in set(acknowledged)] == acknowledged


def fill(file, size):
    try:
        for _ in range(0, size, MIB):
            file.write(b"\0" * MIB)
        file.flush()
    except OSError:
        pass


def test_a_data_directory_in_use_is_refused_with_its_name(start_server):
    server = start_server()
    with pytest.raises(StartFailed) as caught:
        Server(server.data_dir).start()
    assert caught.value.returncode > 0
    assert str(server.data_dir) in caught.value.stderr
    assert "panicked" not in caught.value.stderr
    assert is_alive(server)


def test_a_data_directory_that_is_a_file_is_refused(tmp_path):
    path = tmp_path / "data"
    path.write_text("not a directory")
    with pytest.raises(StartFailed) as caught:
        Server(path).start()
    assert caught.value.returncode > 0
    assert str(path) in caught.value.stderr and "panicked" not in caught.value.stderr


def test_a_data_directory_that_may_not_be_written_is_refused(tmp_path):
    path = tmp_path / "data"
    path.mkdir()
    path.chmod(0o500)

    def give_up_root():
        if os.geteuid() == 0:
            os.setgid(65534)
            os.setuid(65534)

    if os.geteuid() == 0:
        # Another user must get as far as the directory, whose own rights are the matter here.
        for parent in (tmp_path, *tmp_path.parents[:2]):
            parent.chmod(parent.stat().st_mode | 0o055)
    with pytest.raises(StartFailed) as caught:
        Server(path, preexec=give_up_root).start()
    assert caught.value.returncode > 0
    assert str(path) in caught.value.stderr and "panicked" not in caught.value.stderr


def test_damage_is_named_and_not_passed_over(start_server):
    server = start_server("--limits", "off", "--transition-ms", "0")
    client = server.client()
    name = streams.create(client)
    for index in range(50):
        client.put_record(StreamName=name, Data=b"%d" % index * 1000, PartitionKey="k")
    server.kill()
    journals = sorted((path for path in server.data_dir.rglob("*")
                       if path.is_file() and path.stat().st_size > 4096),
                      key=lambda path: path.stat().st_mtime)
    assert journals
    with open(journals[-1], "r+b") as file:
        file.seek(4096 + 2000)
        original = file.read(64)
        file.seek(4096 + 2000)
        file.write(bytes(byte ^ 0xFF for byte in original))
    with pytest.raises(StartFailed) as caught:
        server.start()
    assert caught.value.returncode > 0
    assert journals[-1].name in caught.value.stderr
    inspected = run_cli("inspect", server.data_dir)
    assert inspected.returncode != 0
    assert journals[-1].name in (inspected.stdout + inspected.stderr).decode()


def test_flags_that_make_no_sense_are_refused(tmp_path):
    for flags in (["--durability", "often"], ["--listen", "nonsense"], ["--transition-ms", "-1"],
                  ["--account-id", "12"], ["--tls-cert", "/nowhere.pem"], ["--no-such-flag"]):
        result = run_cli("serve", "--data-dir", tmp_path / "data", *flags)
        assert result.returncode > 0, flags
        assert result.stderr and b"panicked" not in result.stderr
