"""Requests that no SDK would send: own headers, own bodies, real signatures on request."""

import base64
import dataclasses
import datetime
import hashlib
import http.client
import json
import re
import ssl
import unittest.mock

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import cbor2

from . import seen
from .server import ACCOUNT, REGION

JSON = "application/x-amz-json-1.1"
CBOR = "application/x-amz-cbor-1.1"
PREFIX = "Kinesis_20131202."
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclasses.dataclass
class Reply:
    status: int
    headers: dict
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def cbor(self):
        return decode_cbor_raw(self.body)

    @property
    def error(self):
        """(`__type`, message) of a JSON or CBOR error."""
        value = self.cbor if self.headers.get("content-type") == CBOR else self.json
        return value["__type"], value.get("message", value.get("Message"))


def any_authorization(access_key=ACCOUNT, region=REGION):
    """Credentials of the right form with no valid signature, as an open server accepts them."""
    now = datetime.datetime.now(datetime.timezone.utc)
    return {
        "X-Amz-Date": now.strftime("%Y%m%dT%H%M%SZ"),
        "Authorization": (
            f"AWS4-HMAC-SHA256 Credential={access_key}/{now:%Y%m%d}/{region}/kinesis/aws4_request, "
            f"SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature={'0' * 64}"
        ),
    }


def connect(server, timeout=30):
    if server.is_tls:
        context = ssl.create_default_context(cafile=server.data_dir / "tls-cert.pem")
        return http.client.HTTPSConnection("127.0.0.1", server.port, timeout=timeout,
                                           context=context)
    return http.client.HTTPConnection("127.0.0.1", server.port, timeout=timeout)


def connect_admin(server, timeout=30):
    """To the admin listener, which is plain HTTP."""
    return http.client.HTTPConnection(server.admin.removeprefix("http://"), timeout=timeout)


def exchange(connection, method, path, body, headers):
    connection.request(method, path, body=body, headers=headers)
    answer = connection.getresponse()
    return Reply(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())


def send(server, body=b"{}", target=None, content_type=JSON, method="POST", path="/",
         headers=None, authorize=True, connection=None):
    """One request with exactly these headers; `target` without the service prefix."""
    all_headers = any_authorization() if authorize else {}
    if content_type is not None:
        all_headers["Content-Type"] = content_type
    if target is not None:
        all_headers["X-Amz-Target"] = target if "." in target else PREFIX + target
    all_headers.update(headers or {})
    owned = connection is None
    connection = connection or connect(server)
    try:
        return noted(target, exchange(connection, method, path, body, all_headers))
    finally:
        if owned:
            connection.close()


def noted(operation, reply):
    """The reply, once it is known which error of the operation it is."""
    if operation and reply.status in (400, 500) and reply.headers.get("content-type") in (JSON, CBOR):
        seen.note(operation, reply.error[0])
    return reply


def call(server, operation, value, **options):
    """A JSON request with any body value."""
    return send(server, json.dumps(value).encode(), operation, **options)


def call_cbor(server, operation, value, **options):
    """The same over CBOR."""
    body = value if isinstance(value, bytes) else cbor2.dumps(value)
    return send(server, body, operation, content_type=CBOR, **options)


def cbor_milliseconds(milliseconds):
    """A timestamp as the Java SDK writes it: tag 1 over integer milliseconds."""
    return cbor2.CBORTag(1, milliseconds)


def decode_cbor_raw(data):
    """Decodes with tag 1 left as a tag, because the library would read it as seconds."""
    return _Raw(data).value()


class _Raw:
    """Enough of RFC 8949 to see the tags and the lengths that were really sent."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def value(self):
        value = self._item()
        assert self.at == len(self.data), f"{len(self.data) - self.at} bytes after the value"
        return value

    def _item(self):
        first = self._take(1)[0]
        major, info = first >> 5, first & 31
        if major == 7:
            return self._simple(info)
        if info == 31:
            return self._indefinite(major)
        count = info if info < 24 else int.from_bytes(self._take(1 << (info - 24)), "big")
        if major == 0:
            return count
        if major == 1:
            return -1 - count
        if major == 2:
            return self._take(count)
        if major == 3:
            return self._take(count).decode()
        if major == 4:
            return [self._item() for _ in range(count)]
        if major == 5:
            return {self._item(): self._item() for _ in range(count)}
        return ("tag", count, self._item())

    def _indefinite(self, major):
        items = []
        while self.data[self.at] != 0xFF:
            items.append(self._item())
        self.at += 1
        if major == 2:
            return b"".join(items)
        if major == 3:
            return "".join(items)
        if major == 4:
            return items
        assert major == 5 and len(items) % 2 == 0
        return dict(zip(items[::2], items[1::2]))

    def _simple(self, info):
        names = {20: False, 21: True, 22: None}
        if info in names:
            return names[info]
        return ("float", self._take({25: 2, 26: 4, 27: 8}[info]))

    def _take(self, count):
        taken = self.data[self.at:self.at + count]
        assert len(taken) == count, "the value is cut short"
        self.at += count
        return taken


def signed_request(server, operation, value, access_key, secret, token=None, region=REGION,
                   at=None, query=False, expires=300, service="kinesis", body=None, path="/",
                   content_type=JSON, extra=None):
    """(path, body, headers) with a true Signature Version 4, made at the moment `at`."""
    body = json.dumps(value).encode() if body is None else body
    request = botocore.awsrequest.AWSRequest(
        method="POST",
        url=f"{server.endpoint}{path}",
        # The query form would move the body into the query; it signs the body's hash all the same.
        data=None if query else body,
        headers={"Content-Type": content_type, "X-Amz-Target": PREFIX + operation,
                 **(extra or {})},
    )
    credentials = botocore.credentials.Credentials(access_key, secret, token)
    if query:
        signer = botocore.auth.SigV4QueryAuth(credentials, service, region, expires=expires)
        signer.payload = lambda request: hashlib.sha256(body).hexdigest()
    else:
        signer = botocore.auth.SigV4Auth(credentials, service, region)
    if at is None:
        signer.add_auth(request)
    else:
        _sign_at(signer, request, at)
    prepared = request.prepare()
    path = prepared.url.removeprefix(server.endpoint)
    headers = {k: _text(v) for k, v in prepared.headers.items() if k.lower() != "content-length"}
    return path, body, headers


def _text(value):
    return value.decode() if isinstance(value, bytes) else value


def _sign_at(signer, request, at):
    naive = at.replace(tzinfo=None)
    now = unittest.mock.patch.object(
        botocore.auth, "get_current_datetime",
        lambda remove_tzinfo=True: naive if remove_tzinfo else at)
    with now:
        signer.add_auth(request)


def send_signed(server, operation, value, access_key, secret, change=None, **options):
    """Signs, lets `change(path, body, headers)` tamper with the result, and sends."""
    path, body, headers = signed_request(server, operation, value, access_key, secret, **options)
    if change is not None:
        path, body, headers = change(path, body, dict(headers))
    connection = connect(server)
    try:
        return noted(operation, exchange(connection, "POST", path, body, headers))
    finally:
        connection.close()


def b64(data):
    return base64.b64encode(data).decode()
