"""The server's own certificate, HTTP/1.1 and HTTP/2 by ALPN."""

import os
import signal
import socket
import ssl
import subprocess

import botocore.exceptions
import pytest

from support import raw, streams
from support.server import Server, poll, run_cli


@pytest.fixture(scope="module")
def secure(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("tls") / "data", "--tls-self-signed", "--limits", "off",
                    "--transition-ms", "0")
    server.start()
    yield server
    server.stop()


def certificate(server):
    return str(server.data_dir / "tls-cert.pem")


def test_boto3_verifies_the_certificate(secure):
    assert secure.endpoint.startswith("https://")
    for host in ("127.0.0.1", "localhost"):
        client = secure.client(verify=certificate(secure),
                               endpoint_url=f"https://{host}:{secure.port}")
        name = streams.create(client)
        client.put_record(StreamName=name, Data=b"x" * 100_000, PartitionKey="k")
        assert streams.data(streams.read(client, name)) == [b"x" * 100_000]


def test_a_client_that_does_not_know_the_certificate_refuses(secure):
    with pytest.raises(botocore.exceptions.SSLError):
        secure.client().list_streams()


@pytest.mark.parametrize("offered,chosen", [
    (["h2", "http/1.1"], "h2"), (["http/1.1"], "http/1.1"), ([], None)])
def test_the_protocol_is_negotiated(secure, offered, chosen):
    context = ssl.create_default_context(cafile=certificate(secure))
    if offered:
        context.set_alpn_protocols(offered)
    with socket.create_connection(("127.0.0.1", secure.port), timeout=20) as plain:
        with context.wrap_socket(plain, server_hostname="localhost") as sock:
            assert sock.selected_alpn_protocol() == chosen


def test_plain_text_on_a_tls_port_is_no_harm(secure):
    with socket.create_connection(("127.0.0.1", secure.port), timeout=20) as sock:
        sock.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")
        try:
            while sock.recv(1000):
                pass
        except ConnectionResetError:
            pass
    assert raw.call(secure, "DescribeLimits", {}).status == 200


def test_the_certificate_is_kept_over_a_restart_and_its_key_is_private(start_server):
    server = start_server("--tls-self-signed")
    before = open(certificate(server)).read()
    server.restart()
    assert open(certificate(server)).read() == before
    keys = [path for path in server.data_dir.glob("tls-*") if "PRIVATE KEY" in path.read_text()]
    assert keys and all(path.stat().st_mode & 0o077 == 0 for path in keys)


def test_a_certificate_of_ones_own(start_server, tmp_path):
    cert, key = tmp_path / "own.pem", tmp_path / "own.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-days", "2", "-subj", "/CN=own", "-addext", "subjectAltName=IP:127.0.0.1",
         "-out", cert, "-keyout", key], check=True, capture_output=True)
    server = start_server("--tls-cert", cert, "--tls-key", key)
    assert server.client(verify=str(cert)).list_streams()["StreamNames"] == []


def test_a_certificate_that_is_none_is_refused(tmp_path):
    (tmp_path / "cert.pem").write_text("nothing")
    (tmp_path / "key.pem").write_text("nothing")
    result = run_cli("serve", "--listen", "127.0.0.1:0", "--data-dir", tmp_path / "data",
                     "--tls-cert", tmp_path / "cert.pem", "--tls-key", tmp_path / "key.pem")
    assert result.returncode > 0
    assert b"cert.pem" in result.stderr and b"panicked" not in result.stderr


def make_pair(cert, key, name):
    """A new pair, its key first, each put into place at once as certbot does."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-days", "2", "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1",
         "-out", f"{cert}.new", "-keyout", f"{key}.new"], check=True, capture_output=True)
    os.replace(f"{key}.new", key)
    os.replace(f"{cert}.new", cert)


def shown(server):
    pem = ssl.get_server_certificate(("127.0.0.1", server.port), timeout=20)
    subject = subprocess.run(["openssl", "x509", "-noout", "-subject"], input=pem.encode(),
                             check=True, capture_output=True)
    return subject.stdout.decode().strip().rsplit("=", 1)[1].strip()


def test_a_renewed_certificate_is_shown_without_a_restart(start_server, tmp_path):
    cert, key = tmp_path / "own.pem", tmp_path / "own.key"
    make_pair(cert, key, "first")
    server = start_server("--tls-cert", cert, "--tls-key", key)
    assert shown(server) == "first"
    make_pair(cert, key, "second")
    poll(lambda: shown(server) == "second", what="the renewed certificate")
    cert.write_text("nothing")
    poll(lambda: shown(server) == "second" and "cannot be used" in server.log(), what="a warning")
    assert server.client(verify=False).list_streams()["StreamNames"] == []


def test_a_hang_up_has_the_files_looked_at_and_ends_nothing(start_server, tmp_path):
    cert, key = tmp_path / "own.pem", tmp_path / "own.key"
    make_pair(cert, key, "first")
    server = start_server("--tls-cert", cert, "--tls-key", key)
    make_pair(cert, key, "second")
    server.process.send_signal(signal.SIGHUP)
    poll(lambda: "certificate read again" in server.log(), what="a line in the log")
    assert shown(server) == "second"
    assert server.terminate() == 0
