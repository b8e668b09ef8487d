"""SubscribeToShard through boto3, over HTTP/1.1."""

import contextlib
import datetime
import itertools
import json
import socket
import struct
import threading
import time

import botocore.exceptions
import cbor2
import pytest

from support import credentials, raw, streams
from support.server import ACCOUNT, arn, poll, run_cli
from support.streams import refused

SHARD = "shardId-000000000000"
TRIM_HORIZON = {"Type": "TRIM_HORIZON"}
LATEST = {"Type": "LATEST"}


def register(client, stream, name="c"):
    made = client.register_stream_consumer(StreamARN=arn(stream), ConsumerName=name)["Consumer"]
    poll(lambda: client.describe_stream_consumer(ConsumerARN=made["ConsumerARN"])[
        "ConsumerDescription"]["ConsumerStatus"] == "ACTIVE")
    return made["ConsumerARN"]


@pytest.fixture
def consumer(client):
    """A new stream of one shard, and the ARN of a consumer of it."""
    name = streams.create(client)
    yield name, register(client, name)
    try:
        client.delete_stream(StreamName=name, EnforceConsumerDeletion=True)
    except client.exceptions.ResourceNotFoundException:
        pass


def subscribe(*arguments, **options):
    """A subscription that is closed at the end of a `with`."""
    return contextlib.closing(open_stream(*arguments, **options))


def open_stream(client, consumer, position=TRIM_HORIZON, shard=SHARD, **options):
    return client.subscribe_to_shard(
        ConsumerARN=consumer, ShardId=shard, StartingPosition=position, **options)["EventStream"]


def events(stream):
    for event in stream:
        assert list(event) == ["SubscribeToShardEvent"]
        yield event["SubscribeToShardEvent"]


def take(stream, count):
    """Records of the next events, as many as are wanted."""
    records = []
    for event in events(stream):
        records += event["Records"]
        if len(records) >= count:
            return records, event
    raise AssertionError(f"the stream ended after {len(records)} records")


def put(client, stream, *payloads, key="k"):
    answer = client.put_records(StreamName=stream, Records=[
        {"Data": payload, "PartitionKey": key} for payload in payloads])
    return [record["SequenceNumber"] for record in answer["Records"]]


def batches(payloads, size):
    return [payloads[start:start + size] for start in range(0, len(payloads), size)]


def test_records_are_those_of_get_records(client, consumer):
    name, arn_ = consumer
    put(client, name, b"one", b"\x00\xff" * 100, "\u00e4\u6f22\"\\".encode(), key="\u00e4 \"key\"\n")
    with subscribe(client, arn_) as stream:
        records, event = take(stream, 3)
    assert records == streams.read(client, name)
    assert event["MillisBehindLatest"] == 0 and "ChildShards" not in event


def test_what_is_put_is_pushed_at_once(client, consumer):
    name, arn_ = consumer
    put(client, name, b"before")
    with subscribe(client, arn_, LATEST) as stream:
        arriving = events(stream)
        delays = []
        for index in range(20):
            put(client, name, b"%d" % index)
            started = time.monotonic()
            event = next(arriving)
            delays.append(time.monotonic() - started)
            assert streams.data(event["Records"]) == [b"%d" % index]
    assert sorted(delays)[10] < 1, delays


@pytest.mark.parametrize("kind", ["AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"])
def test_continuation_without_loss_or_repetition(client, consumer, kind):
    name, arn_ = consumer
    expected, found, number = [b"%d" % index for index in range(30)], [], None
    with subscribe(client, arn_) as stream:
        arriving = events(stream)
        for payload in expected[:10]:
            put(client, name, payload)
            event = next(arriving)
            found += event["Records"]
            number = event["ContinuationSequenceNumber"]
    for batch in (expected[10:20], expected[20:]):
        put(client, name, *batch)
        with subscribe(client, arn_, {"Type": kind, "SequenceNumber": number}) as stream:
            records, event = take(stream, 10)
            found += records
            number = event["ContinuationSequenceNumber"]
    assert streams.data(found) == expected
    position = streams.iterator(client, name, kind=kind, StartingSequenceNumber=number)
    assert streams.drain(client, position) == []
    put(client, name, b"last")
    position = streams.iterator(client, name, kind=kind, StartingSequenceNumber=number)
    assert streams.data(streams.drain(client, position)) == [b"last"]


def test_the_other_starting_positions(client, consumer):
    name, arn_ = consumer
    numbers = put(client, name, b"0", b"1", b"2")
    now = datetime.datetime.now(datetime.UTC)
    for position, expected in [
            ({"Type": "AT_SEQUENCE_NUMBER", "SequenceNumber": numbers[1]}, [b"1", b"2"]),
            ({"Type": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": numbers[1]}, [b"2"]),
            ({"Type": "AT_TIMESTAMP", "Timestamp": now - datetime.timedelta(minutes=1)},
             [b"0", b"1", b"2"])]:
        with subscribe(client, arn_, position) as stream:
            records, _ = take(stream, len(expected))
        assert streams.data(records) == expected, position


def test_silence_is_broken(client, consumer):
    name, arn_ = consumer
    with subscribe(client, arn_) as stream:
        arriving = events(stream)
        started = time.monotonic()
        first = next(arriving)
        assert 3 < time.monotonic() - started < 15
        second = next(arriving)
    assert first["Records"] == second["Records"] == []
    assert first["MillisBehindLatest"] == 0
    assert int(first["ContinuationSequenceNumber"]) <= int(second["ContinuationSequenceNumber"])


def test_a_closed_shard_ends_with_its_children(client, consumer):
    name, arn_ = consumer
    put(client, name, b"last")
    with subscribe(client, arn_) as stream:
        arriving = events(stream)
        assert streams.data(next(arriving)["Records"]) == [b"last"]
        client.split_shard(StreamName=name, ShardToSplit=SHARD, NewStartingHashKey=str(2**127))
        event = next(arriving)
        assert "ContinuationSequenceNumber" not in event and event["MillisBehindLatest"] == 0
        children = event["ChildShards"]
        assert [(c["ShardId"], c["ParentShards"]) for c in children] == [
            ("shardId-000000000001", [SHARD]), ("shardId-000000000002", [SHARD])]
        assert list(arriving) == []
    streams.wait_active(client, name)
    client.merge_shards(StreamName=name, ShardToMerge="shardId-000000000001",
                        AdjacentShardToMerge="shardId-000000000002")
    for shard in ("shardId-000000000001", "shardId-000000000002"):
        with subscribe(client, arn_, LATEST, shard) as stream:
            [event] = events(stream)
        assert event["Records"] == [] and "ContinuationSequenceNumber" not in event
        [child] = event["ChildShards"]
        assert child["ParentShards"] == ["shardId-000000000001", "shardId-000000000002"]
    with subscribe(client, arn_) as stream:
        [event] = events(stream)
    assert streams.data(event["Records"]) == [b"last"] and len(event["ChildShards"]) == 2


def test_a_consumer_that_goes_ends_its_subscriptions(client, consumer):
    name, arn_ = consumer
    with subscribe(client, arn_, LATEST) as stream:
        client.deregister_stream_consumer(ConsumerARN=arn_)
        with pytest.raises(botocore.exceptions.EventStreamError) as caught:
            list(stream)
    error = caught.value.response["Error"]
    assert error["Code"] == "ResourceNotFoundException"
    assert error["Message"] == f"Consumer {arn_}, account {ACCOUNT} not found."
    with refused("ResourceNotFoundException", error["Message"]):
        subscribe(client, arn_)


def test_a_stream_that_goes_ends_its_subscriptions(client, consumer):
    name, arn_ = consumer
    with subscribe(client, arn_, LATEST) as stream:
        client.delete_stream(StreamName=name, EnforceConsumerDeletion=True)
        with pytest.raises(botocore.exceptions.EventStreamError) as caught:
            list(stream)
    error = caught.value.response["Error"]
    assert error["Code"] == "ResourceNotFoundException"
    assert error["Message"] == f"Stream {name} under account {ACCOUNT} not found."


def test_one_subscription_for_a_consumer_and_a_shard(start_server):
    client = start_server("--transition-ms", "0").client()
    name = streams.create(client, 2)
    arn_, other = register(client, name), register(client, name, "d")
    text = f"Another active subscription exists for this consumer: {ACCOUNT}:{name}:{SHARD}:c"
    with subscribe(client, arn_, LATEST) as first:
        with refused("LimitExceededException"):
            subscribe(client, arn_, LATEST)
        open_stream(client, other, LATEST).close()
        open_stream(client, arn_, LATEST, "shardId-000000000001").close()
        in_use = poll(lambda: try_subscribe(client, arn_) or None)
        assert in_use["Code"] == "ResourceInUseException" and in_use["Message"] == text
        second = poll(lambda: take_over(client, arn_))
        with pytest.raises(botocore.exceptions.EventStreamError) as caught:
            list(first)
    error = caught.value.response["Error"]
    assert (error["Code"], error["Message"]) == ("ResourceInUseException", text)
    with second as stream:
        client.put_record(StreamName=name, Data=b"x", PartitionKey="k", ExplicitHashKey="0")
        assert streams.data(take(stream, 1)[0]) == [b"x"]


def try_subscribe(client, consumer):
    """The refusal, once the rate of calls is not what is refused."""
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        subscribe(client, consumer, LATEST)
    error = caught.value.response["Error"]
    return None if error["Code"] == "LimitExceededException" else error


def take_over(client, consumer):
    try:
        return subscribe(client, consumer, LATEST)
    except botocore.exceptions.ClientError as error:
        assert error.response["Error"]["Code"] in (
            "LimitExceededException", "ResourceInUseException")


def test_a_consumer_that_is_not_active(start_server):
    server = start_server("--transition-ms", "0")
    name = streams.create(server.client())
    server.terminate()
    server.flags = ["--transition-ms", "60000"]
    client = server.start().client()
    made = client.register_stream_consumer(StreamARN=arn(name), ConsumerName="c")["Consumer"]
    epoch = made["ConsumerARN"].rsplit(":", 1)[1]
    text = (f"Consumer c with creation timestamp {epoch} under stream: {name} , account {ACCOUNT} "
            "is not in ACTIVE status.")
    with refused("ResourceInUseException", text):
        subscribe(client, made["ConsumerARN"])


def test_a_stream_on_its_way_out_takes_no_subscription(start_server):
    server = start_server("--transition-ms", "0")
    name = streams.create(server.client())
    arn_ = register(server.client(), name)
    server.terminate()
    server.flags = ["--transition-ms", "60000"]
    client = server.start().client()
    client.delete_stream(StreamName=name, EnforceConsumerDeletion=True)
    with refused("ResourceNotFoundException", f"Stream {name} under account {ACCOUNT} not found."):
        subscribe(client, arn_)


def test_what_is_refused_before_the_stream_starts(client, consumer):
    name, arn_ = consumer
    missing = "shardId-000000000009"
    with refused("ResourceNotFoundException",
                 f"Shard {missing} in stream {name} under account {ACCOUNT} does not exist"):
        subscribe(client, arn_, shard=missing)
    with refused("ResourceNotFoundException"):
        subscribe(client, arn_, shard="nonsense")
    gone = arn_.rsplit(":", 1)[0] + ":1"
    with refused("ResourceNotFoundException", f"Consumer {gone}, account {ACCOUNT} not found."):
        subscribe(client, gone)
    with refused("AccessDeniedException"):
        subscribe(client, arn_.replace(ACCOUNT, "999999999999"))
    for position in [
            {"Type": "AT_SEQUENCE_NUMBER"}, {"Type": "AT_TIMESTAMP"},
            {"Type": "LATEST", "SequenceNumber": "1"},
            {"Type": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": "5"},
            {"Type": "AT_TIMESTAMP",
             "Timestamp": datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1)}]:
        with refused("InvalidArgumentException"):
            subscribe(client, arn_, position)
    with refused("ValidationException"):
        subscribe(client, arn_, {"Type": "SOMEWHERE"})


def test_a_dry_run_takes_nothing_over(server, client, consumer):
    name, arn_ = consumer
    value = {"ConsumerARN": arn_, "ShardId": SHARD, "StartingPosition": LATEST, "DryRun": True}
    with subscribe(client, arn_, LATEST) as stream:
        reply = raw.call(server, "SubscribeToShard", value)
        assert reply.status == 400 and reply.error[0] == "DryRunOperationException"
        bad = raw.call(server, "SubscribeToShard", {**value, "ShardId": "7"})
        assert bad.error[0] == "ResourceNotFoundException"
        put(client, name, b"x")
        assert streams.data(take(stream, 1)[0]) == [b"x"]


def first_bytes(server, body, content_type):
    """Head and first message of an answer, over a bare socket."""
    head = "".join(f"{k}: {v}\r\n" for k, v in {
        **raw.any_authorization(), "Content-Type": content_type, "Host": "localhost",
        "X-Amz-Target": raw.PREFIX + "SubscribeToShard", "Content-Length": len(body)}.items())
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\n" + head.encode() + b"\r\n" + body)
        received = b""
        while b"initial-response" not in received:
            received += connection.recv(65536)
        return received.lower()


@pytest.mark.parametrize("content_type", [raw.JSON, raw.CBOR])
def test_the_stream_starts_at_once_and_is_never_cbor(server, client, consumer, content_type):
    value = {"ConsumerARN": consumer[1], "ShardId": SHARD, "StartingPosition": LATEST}
    body = json.dumps(value).encode() if content_type == raw.JSON else cbor2.dumps(value)
    started = time.monotonic()
    received = first_bytes(server, body, content_type)
    assert time.monotonic() - started < 4
    head = received.split(b"\r\n\r\n")[0]
    assert head.startswith(b"http/1.1 200")
    assert b"content-type: application/vnd.amazon.eventstream" in head
    assert b"transfer-encoding: chunked" in head and b"x-amzn-requestid" in head
    assert b"application/x-amz-json-1.1" in received


def test_large_records_and_many_records_arrive_whole(client, consumer):
    name, arn_ = consumer
    large = [bytes([index]) * (1 << 20) for index in range(5)]
    for payload in large:
        client.put_record(StreamName=name, Data=payload, PartitionKey="k")
    small = [b"%d" % index for index in range(5000)]
    for batch in batches(small, 500):
        put(client, name, *batch)
    with subscribe(client, arn_) as stream:
        records, event = take(stream, 5005)
    assert streams.data(records) == large + small
    assert records == streams.read(client, name)


def test_a_slow_reader_holds_nobody_back_and_loses_nothing(start_server):
    """Its records are long in segments when it reads them."""
    server = start_server("--limits", "off", "--transition-ms", "0", "--tail-cache-bytes", "32MiB",
                          "--journal-file-bytes", "16MiB")
    client = server.client()
    name = streams.create(client)
    slow, quick = register(client, name, "slow"), register(client, name, "quick")
    payloads = [b"%d " % index + b"x" * 20000 for index in range(3000)]
    with subscribe(client, slow) as late, subscribe(client, quick) as early:
        found = []
        reading = threading.Thread(target=lambda: found.extend(take(early, len(payloads))[0]))
        reading.start()
        for batch in batches(payloads, 100):
            put(client, name, *batch)
        reading.join(60)
        assert streams.data(found) == payloads
        records, event = take(late, len(payloads))
        assert streams.data(records) == payloads and event["MillisBehindLatest"] == 0


def test_a_server_that_stops_ends_its_streams_cleanly_and_soon(start_server):
    server = start_server("--transition-ms", "0")
    client = server.client()
    name = streams.create(client)
    put(client, name, b"x")
    consumer = register(client, name)
    with subscribe(client, consumer) as stream:
        arriving = events(stream)
        next(arriving)
        started = time.monotonic()
        assert server.terminate() == 0
        assert time.monotonic() - started < 5
        *others, last = arriving
        assert others == [] and last["Records"] == [] and last["MillisBehindLatest"] == 0
    # The last event says where to go on.
    client = server.start().client()
    put(client, name, b"y")
    goes_on = {"Type": "AFTER_SEQUENCE_NUMBER",
               "SequenceNumber": last["ContinuationSequenceNumber"]}
    with subscribe(client, consumer, goes_on) as stream:
        assert streams.data(take(stream, 1)[0]) == [b"y"]


SUBSCRIBE = {"Effect": "Allow", "Action": "kinesis:SubscribeToShard", "Resource": "*"}


@pytest.mark.parametrize("change", ["removed key", "policy of the key",
                                    "policy of the consumer"])
def test_a_caller_that_may_no_longer_subscribe_gets_no_more_records(start_server, tmp_path, change):
    file = tmp_path / "keys.toml"
    owner = credentials.add(file)
    put_policy(file, SUBSCRIBE)
    reader = credentials.add(file, "reader", ACCOUNT, "--policy", "subscriber")
    server = start_server("--credentials", file, "--transition-ms", "0")
    client = server.client(owner.access_key, owner.secret)
    name = streams.create(client)
    consumer = register(client, name)
    reading = server.client(reader.access_key, reader.secret)
    with subscribe(reading, consumer, LATEST) as stream:
        put(client, name, b"before")
        assert streams.data(take(stream, 1)[0]) == [b"before"]
        if change == "policy of the consumer":
            denial = {**SUBSCRIBE, "Effect": "Deny", "Principal": "*", "Resource": consumer}
            client.put_resource_policy(ResourceARN=consumer, Policy=json.dumps(
                {"Version": "2012-10-17", "Statement": denial}))
        elif change == "removed key":
            removed = run_cli("credentials", "remove", reader.access_key, "--file", file)
            assert removed.returncode == 0
        else:
            put_policy(file, {**SUBSCRIBE, "Action": "kinesis:ListShards"})
        # The file is looked at once a second.
        poll(lambda: is_refused(reading, consumer))
        put(client, name, b"after")
        for event in events(stream):
            assert event["Records"] == []


def put_policy(file, statement):
    document = json.dumps({"Version": "2012-10-17", "Statement": statement})
    put = run_cli("credentials", "policy", "put", "subscriber", "-", "--file", file,
                  stdin=document.encode())
    assert put.returncode == 0, put.stderr


def is_refused(client, consumer):
    try:
        open_stream(client, consumer, DryRun=True)
    except botocore.exceptions.ClientError as error:
        code = error.response["Error"]["Code"]
        return code in ("AccessDeniedException", "UnrecognizedClientException")


def test_what_was_pushed_survives_a_kill_and_is_gone_on_from(start_server):
    server = start_server("--limits", "off", "--transition-ms", "0")
    client = server.client()
    name = streams.create(client)
    arn_ = register(client, name)
    pushed, number = [], None
    for round_ in range(3):
        position = TRIM_HORIZON if number is None else {
            "Type": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": number}
        stream = open_stream(client, arn_, position)
        arriving = events(stream)
        for index in range(20):
            put(client, name, b"%d %d" % (round_, index))
            event = next(arriving)
            pushed += event["Records"]
            number = event["ContinuationSequenceNumber"]
        server.kill()
        stream.close()
        client = server.start().client()
    assert streams.data(pushed) == [b"%d %d" % pair for pair in
                                    itertools.product(range(3), range(20))]
    assert streams.read(client, name) == pushed


def frame(answer):
    """The payload of the next message of a stream that is read by hand."""
    prelude = answer.read(12)
    total, headers = struct.unpack(">II", prelude[:8])
    return answer.read(total - 12)[headers:-4]


def test_a_thousand_subscriptions_at_once(server, client):
    name = streams.create(client, 50)
    found = client.list_shards(StreamName=name)["Shards"]
    consumers = [register(client, name, f"c{index}") for index in range(20)]
    subscriptions = []
    with contextlib.ExitStack() as opened:
        for shard, consumer in itertools.product(found, consumers):
            connection = opened.enter_context(contextlib.closing(raw.connect(server)))
            connection.request("POST", "/", headers={
                "Content-Type": raw.JSON, "X-Amz-Target": raw.PREFIX + "SubscribeToShard",
                **raw.any_authorization()}, body=json.dumps({
                    "ConsumerARN": consumer, "ShardId": shard["ShardId"],
                    "StartingPosition": LATEST}))
            answer = opened.enter_context(connection.getresponse())
            assert answer.status == 200 and frame(answer) == b"{}"
            subscriptions.append((shard["ShardId"], answer))
        assert len(subscriptions) == 1000
        for shard in found:
            client.put_record(StreamName=name, Data=shard["ShardId"].encode(), PartitionKey="k",
                              ExplicitHashKey=shard["HashKeyRange"]["StartingHashKey"])
        for shard, answer in subscriptions:
            records = []
            while not records:  # breaks of silence
                records = json.loads(frame(answer))["Records"]
            assert [record["Data"] for record in records] == [raw.b64(shard.encode())]
    client.delete_stream(StreamName=name, EnforceConsumerDeletion=True)


def test_many_subscriptions_at_once(client):
    name = streams.create(client, 40)
    consumers = [register(client, name, f"c{index}") for index in range(5)]
    shards = [shard["ShardId"] for shard in client.list_shards(StreamName=name)["Shards"]]
    ranges = [shard["HashKeyRange"]["StartingHashKey"]
              for shard in client.list_shards(StreamName=name)["Shards"]]
    opened = [(shard, subscribe(client, consumer, LATEST, shard))
              for shard in shards[:20] for consumer in consumers[:3]]
    for index, start in enumerate(ranges[:20]):
        client.put_record(StreamName=name, Data=b"%d" % index, PartitionKey="k",
                          ExplicitHashKey=start)
    for shard, stream in opened:
        with stream as stream:
            assert streams.data(take(stream, 1)[0]) == [b"%d" % int(shard[-12:])]
    client.delete_stream(StreamName=name, EnforceConsumerDeletion=True)
