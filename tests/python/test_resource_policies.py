"""Policies of resources: what they are, and what they let other accounts do."""

import json

import pytest

from support import streams
from support.server import ACCOUNT, arn, poll
from support.streams import refused

OWNER, OTHER = "111111111111", "222222222222"


def statement(resource, actions, principal, effect="Allow", **more):
    return {"Effect": effect, "Principal": {"AWS": principal}, "Action": actions,
            "Resource": resource, **more}


def document(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def put_policy(client, resource, *statements):
    client.put_resource_policy(ResourceARN=resource, Policy=document(*statements))


@pytest.fixture(scope="module")
def owner(server):
    return server.client(OWNER)


@pytest.fixture(scope="module")
def other(server):
    return server.client(OTHER)


@pytest.fixture
def owned(owner):
    """ARN of a stream of the owner's."""
    name = streams.create(owner)
    yield arn(name, OWNER)
    owner.delete_stream(StreamName=name, EnforceConsumerDeletion=True)


def denied(account, operation, resource, end):
    return (f"User: arn:aws:iam::{account}:root is not authorized to perform: kinesis:{operation} "
            f"on resource: {resource} {end}")


def no_resource_policy(operation, resource, account=OTHER):
    return denied(account, operation, resource,
                  f"because no resource-based policy allows the kinesis:{operation} action")


def test_a_policy_is_put_read_replaced_and_deleted(client, stream):
    resource = arn(stream)
    assert client.get_resource_policy(ResourceARN=resource)["Policy"] == "{}"
    for actions in ("kinesis:GetRecords", ["kinesis:*"]):
        text = document(statement(resource, actions, OTHER))
        client.put_resource_policy(ResourceARN=resource, Policy=text)
        assert client.get_resource_policy(ResourceARN=resource)["Policy"] == text
    client.delete_resource_policy(ResourceARN=resource)
    assert client.get_resource_policy(ResourceARN=resource)["Policy"] == "{}"
    with refused("ResourceNotFoundException",
                 f"No resource policy found for resource ARN {resource}."):
        client.delete_resource_policy(ResourceARN=resource)


def test_what_is_not_there_has_no_policy(client):
    text = f"Stream not-there under account {ACCOUNT} not found."
    resource = arn("not-there")
    with refused("ResourceNotFoundException", text):
        client.get_resource_policy(ResourceARN=resource)
    with refused("ResourceNotFoundException", text):
        client.delete_resource_policy(ResourceARN=resource)
    with refused("ResourceNotFoundException", text):
        put_policy(client, resource, statement(resource, "kinesis:*", "*"))


@pytest.mark.parametrize("policy,problem", [
    ("", "EOF while parsing a value at line 1 column 0"),
    ("{}", "a policy needs a statement at line 1 column 2"),
    ('{"Statement": {"Effect": "Allow", "Action": "kinesis:*", "Resource": "*"}}',
     "a statement needs Principal or NotPrincipal"),
    ('{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "*"}}',
     "`s3:*` is not an action of the resource's service"),
    ('{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "kinesis:*", '
     '"Resource": "arn:aws:kinesis:us-east-1:123456789012:stream/another"}}',
     "`arn:aws:kinesis:us-east-1:123456789012:stream/another` is not the resource"),
    ('{"Statement": {"Effect": "Deny", "Principal": "*", "Action": "kinesis:*", "Resource": "*", '
     '"Condition": {"StringEquals": {"aws:PrincipalAcount": "123456789012"}}}}',
     "there is no condition key `aws:PrincipalAcount`"),
    (" " * 20481, "the policy is longer than 20480 bytes"),
], ids=["empty", "no statement", "no principal", "other service", "other resource", "misspelt condition key",
        "too long"])
def test_what_is_no_policy_is_refused_with_the_reason(client, stream, policy, problem):
    with refused("InvalidArgumentException") as caught:
        client.put_resource_policy(ResourceARN=arn(stream), Policy=policy)
    message = caught.value.response["Error"]["Message"]
    assert message.startswith("The resource policy is invalid: " + problem), message
    assert client.get_resource_policy(ResourceARN=arn(stream))["Policy"] == "{}"


def test_another_account_writes_and_reads_by_arn_when_a_policy_lets_it(owner, other, owned):
    shard = "shardId-000000000000"
    with refused("AccessDeniedException", no_resource_policy("PutRecord", owned)):
        other.put_record(StreamARN=owned, Data=b"x", PartitionKey="k")
    put_policy(owner, owned, statement(owned, ["kinesis:Put*", "kinesis:Get*", "kinesis:List*"],
                                       OTHER))
    other.put_record(StreamARN=owned, Data=b"one", PartitionKey="k")
    other.put_records(StreamARN=owned, Records=[{"Data": b"two", "PartitionKey": "k"}])
    assert [s["ShardId"] for s in other.list_shards(StreamARN=owned)["Shards"]] == [shard]
    start = other.get_shard_iterator(StreamARN=owned, ShardId=shard,
                                     ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
    for arguments in ({"StreamARN": owned}, {}):
        answer = other.get_records(ShardIterator=start, **arguments)
        assert streams.data(answer["Records"]) == [b"one", b"two"]
    with refused("AccessDeniedException", no_resource_policy("DeleteStream", owned)):
        other.delete_stream(StreamARN=owned)
    owner.delete_resource_policy(ResourceARN=owned)
    with refused("AccessDeniedException", no_resource_policy("GetRecords", owned)):
        other.get_records(ShardIterator=start)


def test_errors_name_the_account_of_the_stream(owner, other, owned):
    put_policy(owner, owned, statement(owned, "kinesis:*", OTHER))
    name = owned.split("/")[1]
    with refused("ResourceNotFoundException", f"Shard shardId-000000000007 in stream {name} under "
                 f"account {OWNER} does not exist"):
        other.get_shard_iterator(StreamARN=owned, ShardId="shardId-000000000007",
                                 ShardIteratorType="LATEST")
    described = other.describe_stream_summary(StreamARN=owned)["StreamDescriptionSummary"]
    assert described["StreamARN"] == owned


def test_an_iterator_is_of_the_stream_that_the_arn_beside_it_names(owner, other, owned):
    put_policy(owner, owned, statement(owned, "kinesis:*", OTHER))
    mine = streams.create(other)
    position = streams.iterator(other, mine)
    with refused("InvalidArgumentException", "Invalid ShardIterator."):
        other.get_records(ShardIterator=position, StreamARN=owned)
    same_name = arn(mine, OWNER)
    with refused("InvalidArgumentException", "Invalid ShardIterator."):
        other.get_records(ShardIterator=position, StreamARN=same_name)
    other.delete_stream(StreamName=mine)


def test_a_token_of_listshards_reaches_only_what_its_holder_may_list(owner, other, server):
    name = streams.create(owner, 3)
    resource = arn(name, OWNER)
    token = owner.list_shards(StreamName=name, MaxResults=1)["NextToken"]
    with refused("AccessDeniedException", no_resource_policy("ListShards", resource)):
        other.list_shards(NextToken=token)
    put_policy(owner, resource, statement(resource, "kinesis:ListShards", OTHER))
    assert len(other.list_shards(NextToken=token)["Shards"]) == 2
    owner.delete_stream(StreamName=name)


def test_an_arn_in_another_spelling_passes_no_denial(owner, other, owned, server):
    put_policy(owner, owned, statement(owned, "kinesis:PutRecord", "*", "Deny"))
    with refused("AccessDeniedException", denied(
            OWNER, "PutRecord", owned, "with an explicit deny in a resource-based policy")):
        owner.put_record(StreamARN=owned, Data=b"x", PartitionKey="k")
    spelled = owned.replace("arn:aws:", "arn:aws-cn:")
    for caller in [owner, other]:
        with refused("InvalidArgumentException", f"StreamARN {spelled} is invalid."):
            caller.put_record(StreamARN=spelled, Data=b"x", PartitionKey="k")


def test_a_denial_holds_for_the_owner_who_can_take_it_back(owner, owned):
    name = owned.split("/")[1]
    put_policy(owner, owned, statement(owned, "kinesis:*", "*", "Deny"))
    end = "with an explicit deny in a resource-based policy"
    with refused("AccessDeniedException", denied(OWNER, "PutRecord", owned, end)):
        owner.put_record(StreamName=name, Data=b"x", PartitionKey="k")
    with refused("AccessDeniedException", denied(OWNER, "DescribeStream", owned, end)):
        owner.describe_stream(StreamName=name)
    assert "Deny" in owner.get_resource_policy(ResourceARN=owned)["Policy"]
    owner.delete_resource_policy(ResourceARN=owned)
    owner.put_record(StreamName=name, Data=b"x", PartitionKey="k")


def test_conditions_look_at_the_request(owner, other, server, owned):
    def allows(condition):
        put_policy(owner, owned, statement(owned, "kinesis:DescribeStreamSummary", OTHER,
                                           Condition=condition))
        try:
            other.describe_stream_summary(StreamARN=owned)
            return True
        except other.exceptions.AccessDeniedException:
            return False

    owner.tag_resource(ResourceARN=owned, Tags={"team": "blue"})
    assert allows({"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}})
    assert not allows({"NotIpAddress": {"aws:SourceIp": "127.0.0.1"}})
    assert allows({"Bool": {"aws:SecureTransport": "false"}})
    assert not allows({"Bool": {"aws:SecureTransport": True}})
    assert allows({"StringLike": {"aws:UserAgent": "*Boto3*"}})
    assert allows({"StringEquals": {"aws:ResourceTag/team": "blue"}})
    assert not allows({"StringEquals": {"aws:ResourceTag/team": "red"}})
    assert allows({"StringEquals": {"aws:PrincipalAccount": OTHER, "aws:ResourceAccount": OWNER}})
    assert allows({"DateGreaterThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}})
    assert not allows({"DateLessThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}})


def test_a_policy_goes_with_its_stream(owner, other):
    name = streams.create(owner)
    resource = arn(name, OWNER)
    put_policy(owner, resource, statement(resource, "kinesis:*", OTHER))
    other.describe_stream_summary(StreamARN=resource)
    owner.delete_stream(StreamName=name)
    streams.wait_gone(owner, name)
    with refused("AccessDeniedException", no_resource_policy("DescribeStreamSummary", resource)):
        other.describe_stream_summary(StreamARN=resource)
    streams.create(owner, name=name)
    assert owner.get_resource_policy(ResourceARN=resource)["Policy"] == "{}"
    owner.delete_stream(StreamName=name)


def test_policies_survive_a_kill(start_server):
    server = start_server("--transition-ms", "0")
    owner = server.client(OWNER)
    kept, dropped = (arn(streams.create(owner), OWNER) for _ in range(2))
    for resource in (kept, dropped):
        put_policy(owner, resource, statement(resource, "kinesis:DescribeStream*", OTHER))
    owner.delete_resource_policy(ResourceARN=dropped)
    server.kill()
    server.start()
    owner, other = server.client(OWNER), server.client(OTHER)
    assert json.loads(owner.get_resource_policy(ResourceARN=kept)["Policy"])["Statement"]
    other.describe_stream_summary(StreamARN=kept)
    with refused("AccessDeniedException"):
        other.describe_stream_summary(StreamARN=dropped)


def register(client, stream_arn, name="app"):
    """ARN of a new consumer that is ACTIVE."""
    registered = client.register_stream_consumer(StreamARN=stream_arn, ConsumerName=name)
    resource = registered["Consumer"]["ConsumerARN"]
    poll(lambda: client.describe_stream_consumer(ConsumerARN=resource)["ConsumerDescription"][
        "ConsumerStatus"] == "ACTIVE", what="consumer ACTIVE")
    return resource


def test_a_consumer_has_a_policy_of_its_own(owner, other, owned):
    consumer = register(owner, owned)
    put_policy(owner, owned, statement(owned, "kinesis:*", OTHER))
    with refused("AccessDeniedException", no_resource_policy("DescribeStreamConsumer", consumer)):
        other.describe_stream_consumer(ConsumerARN=consumer)
    text = document(statement(consumer, "kinesis:DescribeStreamConsumer", OTHER))
    owner.put_resource_policy(ResourceARN=consumer, Policy=text)
    assert owner.get_resource_policy(ResourceARN=consumer)["Policy"] == text
    described = other.describe_stream_consumer(ConsumerARN=consumer)["ConsumerDescription"]
    assert (described["ConsumerARN"], described["StreamARN"]) == (consumer, owned)
    with refused("AccessDeniedException", no_resource_policy("DeregisterStreamConsumer", consumer)):
        other.deregister_stream_consumer(ConsumerARN=consumer)
    owner.delete_resource_policy(ResourceARN=consumer)
    with refused("ResourceNotFoundException",
                 f"No resource policy found for resource ARN {consumer}."):
        owner.delete_resource_policy(ResourceARN=consumer)


def test_a_policy_of_a_consumer_names_the_consumer(owner, owned):
    consumer = register(owner, owned)
    with refused("InvalidArgumentException"):
        put_policy(owner, consumer, statement(owned, "kinesis:*", OTHER))


def test_what_is_not_active_takes_no_policy(start_server, tmp_path):
    first = start_server("--transition-ms", "0", data_dir=tmp_path / "data")
    streams.create(first.client(), name="s")
    first.terminate()
    client = start_server("--transition-ms", "600000", data_dir=tmp_path / "data").client()
    client.create_stream(StreamName="new", ShardCount=1)
    text = f"Stream new under account {ACCOUNT} not ACTIVE, instead in state CREATING"
    with refused("ResourceInUseException", text):
        put_policy(client, arn("new"), statement(arn("new"), "kinesis:*", OTHER))
    registered = client.register_stream_consumer(StreamARN=arn("s"), ConsumerName="app")
    consumer = registered["Consumer"]["ConsumerARN"]
    text = (f"Consumer app with creation timestamp {consumer.split(':')[-1]} under stream s and "
            f"account {ACCOUNT} is not in ACTIVE status.")
    with refused("ResourceInUseException", text):
        put_policy(client, consumer, statement(consumer, "kinesis:*", OTHER))


def test_another_one_of_the_same_name_has_no_policy(owner, other, owned):
    consumer = register(owner, owned)
    put_policy(owner, consumer, statement(consumer, "kinesis:*", OTHER))
    owner.deregister_stream_consumer(ConsumerARN=consumer)
    poll(lambda: not owner.list_stream_consumers(StreamARN=owned)["Consumers"], what="gone")
    again = register(owner, owned)
    assert again != consumer
    assert owner.get_resource_policy(ResourceARN=again)["Policy"] == "{}"
    with refused("AccessDeniedException", no_resource_policy("DescribeStreamConsumer", again)):
        other.describe_stream_consumer(ConsumerARN=again)


def test_policies_of_consumers_survive_a_kill(start_server):
    server = start_server("--transition-ms", "0")
    owner = server.client(OWNER)
    consumer = register(owner, arn(streams.create(owner), OWNER))
    put_policy(owner, consumer, statement(consumer, "kinesis:DescribeStreamConsumer", OTHER))
    server.kill()
    server.start()
    server.client(OTHER).describe_stream_consumer(ConsumerARN=consumer)
