"""Every implemented command through the real `aws` executable."""

import base64
import json
import pathlib
import subprocess
import sys

import pytest

from support import streams
from support.server import ACCOUNT, arn, clean_environment, poll

AWS = pathlib.Path(sys.executable).parent / "aws"


@pytest.fixture
def aws(server):
    def run(*arguments, fails=False):
        result = subprocess.run(
            [AWS, "--endpoint-url", server.endpoint, "--region", "us-east-1", "--output", "json",
             "kinesis", *map(str, arguments)],
            capture_output=True, text=True, timeout=120,
            env={**clean_environment(), "AWS_ACCESS_KEY_ID": ACCOUNT, "AWS_MAX_ATTEMPTS": "1",
                 "AWS_SECRET_ACCESS_KEY": "x", "AWS_PAGER": ""})
        if fails:
            assert result.returncode != 0, result.stdout
            return result.stderr
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout) if result.stdout.strip() else None

    return run


def test_a_stream_from_its_beginning_to_its_end(aws, client):
    name = streams.unique("cli")
    by_name = ["--stream-name", name]
    assert aws("create-stream", *by_name, "--shard-count", 2, "--tags", "team=blue") is None
    streams.wait_active(client, name)
    aws("wait", "stream-exists", *by_name)
    described = aws("describe-stream", *by_name)["StreamDescription"]
    assert described["StreamARN"] == arn(name) and len(described["Shards"]) == 2
    summary = aws("describe-stream-summary", "--stream-arn", arn(name))["StreamDescriptionSummary"]
    assert summary["OpenShardCount"] == 2
    assert name in aws("list-streams")["StreamNames"]
    assert len(aws("list-shards", *by_name, "--shard-filter", "Type=AT_LATEST")["Shards"]) == 2

    put = aws("put-record", *by_name, "--partition-key", "k", "--explicit-hash-key", "0",
              "--data", "hello")
    assert put["ShardId"] == "shardId-000000000000"
    many = aws("put-records", *by_name, "--records", json.dumps([
        {"Data": str(index), "PartitionKey": "k", "ExplicitHashKey": "0"}
        for index in range(3)]))
    assert many["FailedRecordCount"] == 0
    position = aws("get-shard-iterator", *by_name, "--shard-id", put["ShardId"],
                   "--shard-iterator-type", "TRIM_HORIZON")["ShardIterator"]
    found = aws("get-records", "--shard-iterator", position, "--limit", 10)
    assert [base64.b64decode(r["Data"]) for r in found["Records"]] == [b"hello", b"0", b"1", b"2"]

    aws("increase-stream-retention-period", *by_name, "--retention-period-hours", 48)
    poll(lambda: aws("describe-stream-summary", *by_name)["StreamDescriptionSummary"][
        "StreamStatus"] == "ACTIVE")
    aws("decrease-stream-retention-period", *by_name, "--retention-period-hours", 24)
    poll(lambda: aws("describe-stream-summary", *by_name)["StreamDescriptionSummary"][
        "StreamStatus"] == "ACTIVE")
    aws("add-tags-to-stream", *by_name, "--tags", "a=1,b=2")
    aws("remove-tags-from-stream", *by_name, "--tag-keys", "a")
    assert aws("list-tags-for-stream", *by_name)["Tags"] == [
        {"Key": "b", "Value": "2"}, {"Key": "team", "Value": "blue"}]
    assert aws("describe-limits")["OpenShardCount"] >= 2
    assert aws("delete-stream", *by_name) is None
    streams.wait_gone(client, name)
    aws("wait", "stream-not-exists", *by_name)


def test_a_consumer_from_its_beginning_to_its_end(aws, make_stream):
    of_stream = ["--stream-arn", arn(make_stream())]
    made = aws("register-stream-consumer", *of_stream, "--consumer-name", "c", "--tags", "a=1")
    by_arn = ["--consumer-arn", made["Consumer"]["ConsumerARN"]]
    assert aws("describe-stream-consumer", *by_arn)["ConsumerDescription"]["ConsumerName"] == "c"
    listed = aws("list-stream-consumers", *of_stream)["Consumers"]
    assert [consumer["ConsumerARN"] for consumer in listed] == by_arn[1:]
    assert aws("deregister-stream-consumer", *by_arn) is None
    assert aws("list-stream-consumers", *of_stream)["Consumers"] == []


def test_the_pages_of_the_cli(aws, make_stream):
    name = make_stream(5)
    listed = aws("list-shards", "--stream-name", name, "--page-size", 2)
    assert len(listed["Shards"]) == 5
    first = aws("list-shards", "--stream-name", name, "--max-items", 2)
    assert len(first["Shards"]) == 2 and first["NextToken"]
    listed = aws("list-streams", "--page-size", 1)
    assert name in listed["StreamNames"]


def test_errors_are_printed_as_usual(aws):
    text = aws("describe-stream", "--stream-name", "not-there", fails=True)
    assert ("An error occurred (ResourceNotFoundException) when calling the DescribeStream "
            f"operation: Stream not-there under account {ACCOUNT} not found.") in text


def test_resharding(aws, client):
    name = streams.create(client)
    by_name = ["--stream-name", name]
    assert aws("split-shard", *by_name, "--shard-to-split", "shardId-000000000000",
               "--new-starting-hash-key", 2**127) is None
    aws("wait", "stream-exists", *by_name)
    scaled = aws("update-shard-count", *by_name, "--target-shard-count", 4,
                 "--scaling-type", "UNIFORM_SCALING")
    assert scaled == {"StreamName": name, "StreamARN": arn(name),
                      "CurrentShardCount": 2, "TargetShardCount": 4}
    streams.wait_active(client, name)
    assert aws("merge-shards", *by_name, "--shard-to-merge", "shardId-000000000003",
               "--adjacent-shard-to-merge", "shardId-000000000004") is None
    shards = aws("list-shards", *by_name)["Shards"]
    assert len(shards) == 8
    assert sum("EndingSequenceNumber" in s["SequenceNumberRange"] for s in shards) == 5
    refused = aws("split-shard", *by_name, "--shard-to-split", "0",
                  "--new-starting-hash-key", "1000", fails=True)
    assert "has already been merged or split" in refused
    client.delete_stream(StreamName=name)


def test_policies_and_tags_by_arn(aws, stream, tmp_path):
    resource = ["--resource-arn", arn(stream)]
    text = json.dumps({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"AWS": "222222222222"}, "Action": "kinesis:PutRecord",
        "Resource": arn(stream)}]})
    file = tmp_path / "policy.json"
    file.write_text(text)
    assert aws("put-resource-policy", *resource, "--policy", f"file://{file}") is None
    assert aws("get-resource-policy", *resource)["Policy"] == text
    aws("delete-resource-policy", *resource)
    assert "No resource policy found" in aws("delete-resource-policy", *resource, fails=True)
    aws("tag-resource", *resource, "--tags", "a=b,c=d")
    aws("untag-resource", *resource, "--tag-keys", "c")
    assert aws("list-tags-for-resource", *resource)["Tags"] == [{"Key": "a", "Value": "b"}]
