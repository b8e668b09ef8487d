"""Below the SDKs: order of checks, content types, headers, connections, CBOR."""

import base64
import json
import socket
import subprocess
import time

import pytest

from support import http2, model, raw, streams
from support.raw import CBOR, JSON, UUID

DENIED = ("<AccessDeniedException>\n  <Message>Unable to determine service/operation name to be "
          "authorized</Message>\n</AccessDeniedException>\n").encode()


def test_every_reply_has_the_headers_of_the_service(server):
    for target, status in (("DescribeLimits", 200), ("Nothing", 400)):
        reply = raw.call(server, target, {})
        assert reply.status == status
        assert UUID.fullmatch(reply.headers["x-amzn-requestid"])
        assert 40 <= len(base64.b64decode(reply.headers["x-amz-id-2"], validate=True)) <= 90
        assert reply.headers["content-type"] == JSON
        assert int(reply.headers["content-length"]) == len(reply.body)
        assert reply.headers["date"].endswith("GMT")
        assert "x-amzn-errortype" not in reply.headers


def test_request_ids_are_not_repeated(server):
    ids = {raw.call(server, "DescribeLimits", {}).headers["x-amzn-requestid"] for _ in range(20)}
    assert len(ids) == 20


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"])
def test_other_methods_are_denied_in_xml(server, method):
    reply = raw.send(server, b"", "ListStreams", method=method)
    assert reply.status == 403
    if method != "HEAD":
        assert reply.body == DENIED
    assert "content-type" not in reply.headers


def test_a_browser_is_told_what_it_may_see(server):
    reply = raw.call(server, "DescribeLimits", {}, headers={"Origin": "http://localhost:3000"})
    assert reply.headers["access-control-allow-origin"] == "*"
    assert reply.headers["access-control-expose-headers"] == (
        "x-amzn-RequestId,x-amzn-ErrorType,x-amz-request-id,x-amz-id-2,x-amzn-ErrorMessage,Date")
    reply = raw.call(server, "DescribeLimits", {})
    assert "access-control-allow-origin" not in reply.headers


def test_the_preflight_of_a_browser(server):
    reply = raw.send(server, None, None, content_type=None, method="OPTIONS", authorize=False,
                     headers={"Origin": "http://localhost:3000",
                              "Access-Control-Request-Headers": "x-amz-target,x-amz-date",
                              "Access-Control-Request-Method": "POST"})
    assert (reply.status, reply.body) == (200, b"")
    assert reply.headers["access-control-allow-origin"] == "*"
    assert reply.headers["access-control-allow-headers"] == "x-amz-target,x-amz-date"
    assert reply.headers["access-control-allow-methods"] == "POST"
    assert reply.headers["access-control-max-age"] == "172800"
    assert "x-amz-id-2" not in reply.headers
    assert UUID.fullmatch(reply.headers["x-amzn-requestid"])


@pytest.mark.parametrize("content_type,is_cbor", [
    (JSON, False), (CBOR, True), ("application/json", True), ("text/plain", True), (None, True)])
def test_an_empty_body(server, content_type, is_cbor):
    for target, name in (("ListStreams", "SerializationException"),
                         ("Nothing", "UnknownOperationException"),
                         (None, "UnknownOperationException")):
        reply = raw.send(server, b"", target, content_type=content_type)
        assert reply.status == 400
        assert reply.headers["content-type"] == (CBOR if is_cbor else JSON)
        assert (reply.cbor if is_cbor else reply.json) == {"__type": name}


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded",
                                          "application/x-amz-json-1.0", "application/cbor"])
def test_other_content_types(server, content_type):
    reply = raw.send(server, b"{}", None, content_type=content_type)
    assert (reply.status, reply.body) == (403, DENIED)
    reply = raw.send(server, b"{}", "ListStreams", content_type=content_type)
    assert (reply.status, reply.body) == (404, b"<UnknownOperationException/>\n")


def test_parameters_of_the_content_type_are_ignored(server):
    for content_type in (f"{JSON}; charset=utf-8", f"{JSON};x=y"):
        reply = raw.send(server, b"{}", "DescribeLimits", content_type=content_type)
        assert reply.status == 200
        assert reply.headers["content-type"] == JSON


@pytest.mark.parametrize("body", [b"{", b"nonsense", b"[]", b'"x"', b"1", b"null", b"{} {}", b"\xff",
                                  b'{"a":', b'{"a":1,}', b"{'a':1}", b'{"a":"\xc3\x28"}'])
def test_a_body_that_is_no_object(server, body):
    reply = raw.send(server, body, "DescribeLimits")
    assert (reply.status, reply.json) == (400, {"__type": "SerializationException"})
    reply = raw.send(server, body, "DescribeLimits", content_type="application/json")
    assert (reply.status, reply.json) == (400, {
        "Output": {"__type": "com.amazon.coral.service#SerializationException"}, "Version": "1.0"})
    # Before the operation is looked for, and before credentials are.
    reply = raw.send(server, body, "Nothing", authorize=False)
    assert (reply.status, reply.json) == (400, {"__type": "SerializationException"})


def test_plain_json_is_no_protocol_of_the_service(server):
    reply = raw.send(server, b"{}", "DescribeLimits", content_type="application/json")
    assert (reply.status, reply.json) == (404, {
        "Output": {"__type": "com.amazon.coral.service#UnknownOperationException"},
        "Version": "1.0"})


@pytest.mark.parametrize("target", [None, "Nothing", "Kinesis_20131202.", "Kinesis_20131202",
                                    "Kinesis_20140101.ListStreams", "ListStreams.Kinesis_20131202",
                                    "Kinesis_20131202.liststreams", "Unknown_20200101.GetItem"])
def test_an_unknown_target(server, target):
    reply = raw.send(server, b"{}", target)
    assert (reply.status, reply.json) == (400, {"__type": "UnknownOperationException"})
    reply = raw.send(server, b"\xa0", target, content_type=CBOR)
    assert (reply.status, reply.cbor) == (400, {"__type": "UnknownOperationException"})


@pytest.mark.parametrize("operation", model.OTHERS)
def test_an_operation_that_is_not_there_yet(server, operation):
    reply = raw.call(server, operation, {})
    assert reply.status == 400
    assert reply.error[0] == "UnsupportedOperationException"


def test_the_path_does_not_matter(server):
    for path in ("/", "/anything/at/all", "/?Action=DeleteStream"):
        reply = raw.call(server, "DescribeLimits", {}, path=path)
        assert reply.status == 200, path


def test_one_connection_serves_many_requests(server):
    connection = raw.connect(server)
    for _ in range(50):
        assert raw.call(server, "DescribeLimits", {}, connection=connection).status == 200
        assert raw.call(server, "Nothing", {}, connection=connection).status == 400
    first = connection.sock
    assert raw.send(server, b"{", "ListStreams", connection=connection).status == 400
    assert connection.sock is first
    connection.close()


def request_bytes(server, operation, value, extra=""):
    body = json.dumps(value).encode()
    headers = "".join(f"{k}: {v}\r\n" for k, v in raw.any_authorization().items())
    return (f"POST / HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nContent-Type: {JSON}\r\n"
            f"X-Amz-Target: {raw.PREFIX}{operation}\r\n{headers}{extra}"
            f"Content-Length: {len(body)}\r\n\r\n").encode() + body


def test_pipelined_requests_are_answered_in_order(server):
    names = [streams.unique() for _ in range(20)]
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as sock:
        sock.sendall(b"".join(
            request_bytes(server, "DescribeStream", {"StreamName": name}) for name in names))
        received = b""
        while received.count(b"not found.") < len(names):
            chunk = sock.recv(65536)
            assert chunk
            received += chunk
    assert [received.find(name.encode()) for name in names] == sorted(
        received.find(name.encode()) for name in names)
    assert all(name.encode() in received for name in names)


def test_a_chunked_body_is_read(server):
    connection = raw.connect(server)
    headers = {"Content-Type": JSON, "X-Amz-Target": raw.PREFIX + "DescribeLimits",
               **raw.any_authorization()}
    connection.request("POST", "/", body=iter([b"{", b"}"]), headers=headers, encode_chunked=True)
    assert connection.getresponse().status == 200
    connection.close()


def test_a_client_that_waits_for_leave_to_send_gets_it(server):
    payload = request_bytes(server, "DescribeLimits", {}, "Expect: 100-continue\r\n")
    head, body = payload.split(b"\r\n\r\n")
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as sock:
        sock.sendall(head + b"\r\n\r\n")
        assert sock.recv(1000).startswith(b"HTTP/1.1 100")
        sock.sendall(body)
        assert sock.recv(1000).startswith(b"HTTP/1.1 200")


def test_health_names_the_durability(server):
    found = server.health()
    assert found["status"] == "ok" and found["durability"] == "sync"


# CBOR


def put_cbor(server, stream, data=b"\x00\x01"):
    reply = raw.call_cbor(server, "PutRecord", {
        "StreamName": stream, "Data": data, "PartitionKey": "k"})
    assert reply.status == 200, reply.cbor
    return raw.decode_cbor_raw(reply.body)


def iterator_cbor(server, stream, **arguments):
    reply = raw.call_cbor(server, "GetShardIterator", {
        "StreamName": stream, "ShardId": "shardId-000000000000",
        "ShardIteratorType": "TRIM_HORIZON", **arguments})
    assert reply.status == 200, reply.cbor
    return reply.cbor["ShardIterator"]


def test_cbor_works_on_every_operation(server):
    name = streams.unique()
    by_name = {"StreamName": name}

    def ok(operation, value, empty=False):
        reply = raw.call_cbor(server, operation, value)
        assert reply.status == 200, (operation, reply)
        assert reply.headers["content-type"] == CBOR
        assert (reply.body == b"") == empty, operation
        return None if empty else raw.decode_cbor_raw(reply.body)

    ok("CreateStream", {**by_name, "ShardCount": 2}, empty=True)
    streams.poll(lambda: ok("DescribeStreamSummary", by_name)["StreamDescriptionSummary"][
        "StreamStatus"] == "ACTIVE")
    described = ok("DescribeStream", by_name)["StreamDescription"]
    tag, number, milliseconds = described["StreamCreationTimestamp"]
    assert (tag, number) == ("tag", 1) and abs(milliseconds / 1000 - time.time()) < 60
    assert len(described["Shards"]) == 2 and described["HasMoreShards"] is False
    listed = ok("ListStreams", {"ExclusiveStartStreamName": name[:-1], "Limit": 1})
    assert listed["StreamNames"] == [name]
    shards = ok("ListShards", {**by_name, "ShardFilter": {
        "Type": "AT_TIMESTAMP", "Timestamp": raw.cbor_milliseconds(milliseconds + 1000)}})
    assert len(shards["Shards"]) == 2
    put = ok("PutRecord", {**by_name, "Data": b"\xff\x00", "PartitionKey": "k",
                           "ExplicitHashKey": "0"})
    many = ok("PutRecords", {**by_name, "Records": [
        {"Data": b"", "PartitionKey": "ä", "ExplicitHashKey": "1"}]})
    assert many["FailedRecordCount"] == 0
    found = ok("GetRecords", {"ShardIterator": iterator_cbor(server, name), "Limit": 10})
    assert [r["Data"] for r in found["Records"]] == [b"\xff\x00", b""]
    assert [r["PartitionKey"] for r in found["Records"]] == ["k", "ä"]
    assert found["Records"][0]["SequenceNumber"] == put["SequenceNumber"]
    arrived = found["Records"][0]["ApproximateArrivalTimestamp"]
    assert arrived[:2] == ("tag", 1) and isinstance(arrived[2], int)
    assert isinstance(found["MillisBehindLatest"], int)
    ok("IncreaseStreamRetentionPeriod", {**by_name, "RetentionPeriodHours": 48}, empty=True)
    streams.poll(lambda: ok("DescribeStreamSummary", by_name)["StreamDescriptionSummary"][
        "StreamStatus"] == "ACTIVE")
    ok("DecreaseStreamRetentionPeriod", {**by_name, "RetentionPeriodHours": 24}, empty=True)
    streams.poll(lambda: ok("DescribeStreamSummary", by_name)["StreamDescriptionSummary"][
        "StreamStatus"] == "ACTIVE")
    ok("AddTagsToStream", {**by_name, "Tags": {"a": "b"}}, empty=True)
    assert ok("ListTagsForStream", by_name)["Tags"] == [{"Key": "a", "Value": "b"}]
    ok("RemoveTagsFromStream", {**by_name, "TagKeys": ["a"]}, empty=True)
    assert ok("DescribeLimits", {})["ShardLimit"] > 0
    ok("DeleteStream", by_name, empty=True)


def test_cbor_times_are_milliseconds_in_requests(server, stream):
    put_cbor(server, stream, b"1")
    found = raw.call_cbor(server, "GetRecords", {"ShardIterator": iterator_cbor(server, stream)})
    record, = raw.decode_cbor_raw(found.body)["Records"]
    arrived = record["ApproximateArrivalTimestamp"][2]
    for at, count in ((arrived, 1), (arrived - 60000, 1)):
        position = iterator_cbor(server, stream, ShardIteratorType="AT_TIMESTAMP",
                                 Timestamp=raw.cbor_milliseconds(at))
        reply = raw.call_cbor(server, "GetRecords", {"ShardIterator": position})
        assert len(reply.cbor["Records"]) == count


def test_cbor_errors_are_maps(server):
    name = streams.unique()
    reply = raw.call_cbor(server, "DescribeStream", {"StreamName": name})
    assert (reply.status, reply.headers["content-type"]) == (400, CBOR)
    assert reply.cbor == {
        "__type": "ResourceNotFoundException",
        "message": f"Stream {name} under account 123456789012 not found."}


def test_cbor_of_indefinite_lengths_is_read(server, stream):
    def text(value):
        return bytes([0x60 + len(value)]) + value

    chunks = b"\x5f" + b"\x42ab" + b"\x41c" + b"\xff"
    record = (b"\xbf" + text(b"Data") + chunks + text(b"PartitionKey")
              + b"\x7f" + text(b"ke") + text(b"y") + b"\xff" + b"\xff")
    body = (b"\xbf" + text(b"StreamName") + text(stream.encode()) + text(b"Records")
            + b"\x9f" + record + b"\xff" + b"\xff")
    reply = raw.call_cbor(server, "PutRecords", body)
    assert reply.status == 200, reply.cbor
    found = raw.call_cbor(server, "GetRecords", {"ShardIterator": iterator_cbor(server, stream)})
    record, = found.cbor["Records"]
    assert (record["Data"], record["PartitionKey"]) == (b"abc", "key")


def test_json_and_cbor_may_alternate_on_one_connection(server, client, stream):
    connection = raw.connect(server)
    for index in range(4):
        value = {"StreamName": stream, "PartitionKey": "k"}
        if index % 2:
            reply = raw.call_cbor(server, "PutRecord", {**value, "Data": b"%d" % index},
                                  connection=connection)
        else:
            reply = raw.call(server, "PutRecord", {**value, "Data": raw.b64(b"%d" % index)},
                             connection=connection)
        assert reply.status == 200
    connection.close()
    assert streams.data(streams.read(client, stream)) == [b"0", b"1", b"2", b"3"]


def test_a_client_that_asks_whether_to_send_is_answered(server):
    """With curl, which waits a second for a word that it gets over HTTP/1.1 alone."""
    for version, shown in (("--http2-prior-knowledge", "2"), ("--http1.1", "1.1")):
        done = subprocess.run(
            ["curl", "--silent", version, "--max-time", "20",
             "--header", "Expect: 100-continue",
             "--header", f"X-Amz-Target: {raw.PREFIX}DescribeLimits",
             "--header", f"Content-Type: {raw.JSON}", "--data", "{}", "--output", "/dev/null",
             "--write-out", "%{http_version} %{http_code} %{time_total}", server.endpoint],
            capture_output=True, timeout=30)
        got, status, seconds = done.stdout.decode().split()
        assert (got, status) == (shown, "200") and float(seconds) < 5


def test_a_client_that_waits_to_be_told_is_told_over_http2(server):
    """In frames, as a client that sends nothing before it has heard a word."""
    connection = http2.Connection(server)
    connection.send(http2.headers(1, {
        "host": "localhost", "expect": "100-continue", "content-length": "2",
        "content-type": raw.JSON, "x-amz-target": f"{raw.PREFIX}DescribeLimits"}))
    # A literal with the name of entry 8, `:status`, in Huffman's code.
    assert connection.next(http2.HEADERS)[:4] == b"\x48\x82\x08\x01", "100"
    connection.send(http2.frame(http2.DATA, http2.END_STREAM, 1, b"{}"))
    # Entry 8 is `:status: 200`.
    assert connection.next(http2.HEADERS)[:1] == b"\x88"
    connection.close()
