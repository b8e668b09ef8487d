"""Signature Version 4: header and query form, clocks, tampering, who is refused."""

import datetime
import hashlib
import re

import pytest

from support import credentials, raw, streams
from support.server import Server, StartFailed, poll, run_cli
from support.streams import refused

MISMATCH = ("The request signature we calculated does not match the signature you provided. Check "
            "your AWS Secret Access Key and signing method. Consult the service documentation for "
            "details.")
UNKNOWN = "The security token included in the request is invalid."


@pytest.fixture(scope="module")
def locked(tmp_path_factory):
    """A server with one key, and the key."""
    directory = tmp_path_factory.mktemp("locked")
    key = credentials.add(directory / "credentials.toml")
    server = Server(directory / "data", "--credentials", directory / "credentials.toml",
                    "--limits", "off", "--transition-ms", "0")
    server.start()
    yield server, key
    server.stop()


def send(locked, operation="DescribeLimits", value=None, **options):
    server, key = locked
    options.setdefault("access_key", key.access_key)
    options.setdefault("secret", key.secret)
    return raw.send_signed(server, operation, value or {}, **options)


def now():
    return datetime.datetime.now(datetime.timezone.utc)


def test_boto3_signs_in(locked):
    server, key = locked
    client = server.client(key.access_key, key.secret)
    name = streams.create(client)
    client.put_record(StreamName=name, Data=b"x" * 100_000, PartitionKey="k")
    assert streams.data(streams.read(client, name)) == [b"x" * 100_000]


def test_a_wrong_secret_and_an_unknown_key_are_refused(locked):
    server, key = locked
    with refused("InvalidSignatureException") as caught:
        server.client(key.access_key, "wrong").list_streams()
    assert caught.value.response["Error"]["Message"].startswith(MISMATCH)
    with refused("UnrecognizedClientException", UNKNOWN):
        server.client("AKIAUNKNOWNUNKNOWN00", key.secret).list_streams()


def test_the_header_form(locked):
    assert send(locked).status == 200


def test_a_body_hash_header_is_signed_and_checked(locked):
    for body, is_right in ((b"{}", True), (b'{"Limit":1}', False)):
        extra = {"X-Amz-Content-Sha256": hashlib.sha256(body).hexdigest()}
        reply = send(locked, extra=extra)
        assert (reply.status == 200) == is_right, reply
    assert reply.error[0] == "InvalidSignatureException"


@pytest.mark.parametrize("query", [False, True])
def test_a_changed_body_is_refused(locked, query):
    def change(path, body, headers):
        return path, b'{"Limit":1}', headers

    reply = send(locked, "ListStreams", query=query, change=change)
    assert reply.status == 400
    assert reply.error[0] == "InvalidSignatureException"
    assert reply.error[1].startswith(MISMATCH)


@pytest.mark.parametrize("header,value", [
    ("X-Amz-Target", raw.PREFIX + "ListStreams"), ("Host", "example.org"),
    ("Content-Type", raw.CBOR)])
def test_a_changed_signed_header_is_refused(locked, header, value):
    def change(path, body, headers):
        body = b"\xa0" if value == raw.CBOR else body
        return path, body, {**headers, header: value}

    reply = send(locked, change=change)
    assert reply.error[0] == "InvalidSignatureException"


def test_a_forged_signature_is_refused(locked):
    def change(path, body, headers):
        forged = re.sub(r"Signature=.*", "Signature=" + "a" * 64, headers["Authorization"])
        return path, body, {**headers, "Authorization": forged}

    assert send(locked, change=change).error[0] == "InvalidSignatureException"


def test_a_signature_for_another_service_is_refused(locked):
    assert send(locked, service="dynamodb").status == 400


def test_no_credentials_at_all(locked):
    server, _ = locked
    reply = raw.call(server, "DescribeLimits", {}, authorize=False)
    assert (reply.status, reply.error) == (
        400, ("MissingAuthenticationTokenException", "Missing Authentication Token"))
    reply = raw.call_cbor(server, "DescribeLimits", {}, authorize=False)
    assert (reply.status, reply.headers["content-type"]) == (400, raw.CBOR)
    assert reply.error == ("MissingAuthenticationTokenException", "Missing Authentication Token")


def test_header_and_query_together(locked):
    def change(path, body, headers):
        return path, body, {**headers, **raw.any_authorization()}

    reply = send(locked, query=True, change=change)
    assert reply.error == (
        "InvalidSignatureException",
        "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.")


@pytest.mark.parametrize("gone", [("Credential",), ("Signature",), ("SignedHeaders",),
                                  ("Credential", "Signature", "SignedHeaders")])
def test_parts_missing_from_the_header(locked, gone):
    def change(path, body, headers):
        parts = headers["Authorization"].removeprefix("AWS4-HMAC-SHA256 ").split(", ")
        kept = [part for part in parts if part.split("=")[0] not in gone]
        text = "AWS4-HMAC-SHA256 " + ", ".join(kept)
        change.header = text.strip()
        return path, body, {**headers, "Authorization": change.header}

    reply = send(locked, change=change)
    texts = [f"Authorization header requires '{part}' parameter. "
             for part in ("Credential", "Signature", "SignedHeaders") if part in gone]
    assert reply.error == (
        "IncompleteSignatureException", "".join(texts) + f"Authorization={change.header}")


def test_no_date(locked):
    def change(path, body, headers):
        headers.pop("X-Amz-Date")
        change.header = headers["Authorization"]
        return path, body, headers

    reply = send(locked, change=change)
    assert reply.error == (
        "IncompleteSignatureException",
        "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. "
        f"Authorization={change.header}")


@pytest.mark.parametrize("gone", ["X-Amz-Credential", "X-Amz-Signature", "X-Amz-SignedHeaders",
                                  "X-Amz-Date"])
def test_parts_missing_from_the_query(locked, gone):
    def change(path, body, headers):
        base, query = path.split("?")
        kept = [part for part in query.split("&") if not part.startswith(gone + "=")]
        return f"{base}?{'&'.join(kept)}", body, headers

    reply = send(locked, query=True, change=change)
    assert reply.error == (
        "IncompleteSignatureException",
        f"AWS query-string parameters must include '{gone}'. Re-examine the query-string "
        "parameters.")


def test_the_query_form_signs_the_body(locked):
    name = streams.unique()
    assert send(locked, "CreateStream", {"StreamName": name, "ShardCount": 1},
                query=True).status == 200
    reply = send(locked, "DescribeStreamSummary", {"StreamName": name}, query=True)
    assert reply.json["StreamDescriptionSummary"]["StreamName"] == name


def test_a_presigned_request_expires(locked):
    at = now() - datetime.timedelta(seconds=120)
    assert send(locked, query=True, at=at, expires=300).status == 200
    reply = send(locked, query=True, at=at, expires=60)
    assert reply.error[0] == "InvalidSignatureException"
    assert reply.error[1].startswith("Signature expired: ")


@pytest.mark.parametrize("minutes", [-4, 4])
def test_a_clock_within_five_minutes_passes(locked, minutes):
    assert send(locked, at=now() + datetime.timedelta(minutes=minutes)).status == 200


def test_a_clock_too_far_off_is_refused(locked):
    stamp = r"\d{8}T\d{6}Z"
    for minutes, pattern in (
        (-6, rf"Signature expired: {{at}} is now earlier than {stamp} \({stamp} - 5 min\.\)"),
        (6, rf"Signature not yet current: {{at}} is still later than {stamp} "
            rf"\({stamp} \+ 5 min\.\)"),
    ):
        at = now() + datetime.timedelta(minutes=minutes)
        reply = send(locked, at=at)
        assert reply.error[0] == "InvalidSignatureException"
        assert re.fullmatch(pattern.replace("{at}", f"{at:%Y%m%dT%H%M%SZ}"), reply.error[1])


def test_the_key_is_checked_before_types_and_constraints(locked):
    server, _ = locked
    reply = raw.call(server, "ListStreams", {"Limit": "x"}, authorize=False)
    assert reply.error[0] == "MissingAuthenticationTokenException"
    assert send(locked, "ListStreams", {"Limit": "x"}).error[0] == "SerializationException"


def test_a_session_token_of_nobody_is_refused(locked):
    server, key = locked
    with refused("UnrecognizedClientException", UNKNOWN):
        server.client(key.access_key, key.secret, token="nobody's").list_streams()


def test_a_key_with_a_session_token_needs_it(tmp_path, start_server):
    file = tmp_path / "credentials.toml"
    key = credentials.add(file, "ci", "123456789012", "--session-token", "the/token+==",
                          "--expires", "12h")
    server = start_server("--credentials", file)
    server.client(key.access_key, key.secret, token="the/token+==").list_streams()
    for query in (False, True):
        reply = raw.send_signed(server, "ListStreams", {}, key.access_key, key.secret,
                                token="the/token+==", query=query)
        assert reply.status == 200, reply
    for token in (None, "another"):
        with refused("UnrecognizedClientException", UNKNOWN):
            server.client(key.access_key, key.secret, token=token).list_streams()


def test_a_key_expires(tmp_path, start_server):
    file = tmp_path / "credentials.toml"
    key = credentials.add(file, "ci", "123456789012", "--session-token", "t", "--expires", "1s")
    server = start_server("--credentials", file)
    client = server.client(key.access_key, key.secret, token="t")

    def expired():
        try:
            client.list_streams()
        except client.exceptions.ClientError as error:
            return error.response["Error"]["Code"]

    assert poll(expired) == "ExpiredTokenException"


def test_an_open_server_takes_any_credentials(server):
    for access_key, secret, token in (
        ("anything", "at all", None), ("AKIAIOSFODNN7EXAMPLE", "x", "a/session+token==")):
        assert server.client(access_key, secret, token).list_streams()["StreamNames"] is not None
    path, body, headers = raw.signed_request(server, "DescribeLimits", {}, "a", "b", query=True)
    connection = raw.connect(server)
    assert raw.exchange(connection, "POST", path, body, headers).status == 200
    connection.close()


def test_the_key_decides_the_account(tmp_path, start_server):
    file = tmp_path / "credentials.toml"
    one = credentials.add(file, "alice", "111111111111")
    two = credentials.add(file, "bob", "222222222222")
    server = start_server("--credentials", file, "--transition-ms", "0")
    client = server.client(one.access_key, one.secret)
    name = streams.create(client)
    described = client.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
    assert described["StreamARN"].split(":")[4] == "111111111111"
    with refused("ResourceNotFoundException"):
        server.client(two.access_key, two.secret).describe_stream_summary(StreamName=name)


def test_a_server_that_others_can_reach_needs_credentials(tmp_path):
    with pytest.raises(StartFailed) as caught:
        Server(tmp_path / "data", listen="0.0.0.0:0").start()
    assert caught.value.returncode not in (0, None) and caught.value.returncode > 0
    assert "--credentials" in caught.value.stderr
    assert "--insecure-anonymous" in caught.value.stderr


def test_it_starts_with_credentials_or_when_told_to(tmp_path, start_server):
    file = tmp_path / "credentials.toml"
    credentials.add(file)
    start_server("--credentials", file, listen="0.0.0.0:0")
    start_server("--insecure-anonymous", listen="0.0.0.0:0")


def test_a_removed_key_opens_nothing_after_a_restart(tmp_path, start_server):
    file = tmp_path / "credentials.toml"
    one, two = credentials.add(file, "alice"), credentials.add(file, "bob")
    listed = run_cli("credentials", "list", "--file", file)
    assert one.access_key in listed.stdout.decode() and two.access_key in listed.stdout.decode()
    assert one.secret not in listed.stdout.decode()
    assert run_cli("credentials", "remove", "--file", file, one.access_key).returncode == 0
    server = start_server("--credentials", file)
    with refused("UnrecognizedClientException", UNKNOWN):
        server.client(one.access_key, one.secret).list_streams()
    server.client(two.access_key, two.secret).list_streams()


def test_the_file_of_keys_is_for_its_owner_only(tmp_path):
    file = tmp_path / "credentials.toml"
    credentials.add(file)
    assert file.stat().st_mode & 0o077 == 0
