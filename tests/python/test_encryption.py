"""Encryption at rest: keys, every KMS error, and what lies on the disk."""

import json
import pathlib
import subprocess
import sys

import botocore.exceptions
import pytest

from support import credentials
from support.server import ACCOUNT, REGION, clean_environment, poll, run_cli
from support.streams import create, data, iterator, read, refused, status, wait_active

FLAGS = ("--limits", "off", "--transition-ms", "0")
RECORDS = [{"PartitionKey": "k", "Data": b""}]
SECRET = b"plaintext-that-must-not-show"
KEY = "partition-key-that-must-not-show"


def keys(server, *arguments):
    return run_cli("keys", *arguments, "--data-dir", server.data_dir)


def make_key(server, *arguments):
    made = keys(server, "create", "--json", *arguments)
    assert made.returncode == 0, made.stderr
    return json.loads(made.stdout)


def change_key(server, *arguments):
    changed = keys(server, *arguments)
    assert changed.returncode == 0, changed.stderr


def start(client, name, key):
    client.start_stream_encryption(StreamName=name, EncryptionType="KMS", KeyId=key)
    wait_active(client, name)


def stop(client, name, key):
    client.stop_stream_encryption(StreamName=name, EncryptionType="KMS", KeyId=key)
    wait_active(client, name)


def put(client, name, blob=SECRET):
    return client.put_record(StreamName=name, PartitionKey=KEY, Data=blob)


def described(client, name):
    long = client.describe_stream(StreamName=name)["StreamDescription"]
    short = client.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
    found = [(one["EncryptionType"], one.get("KeyId")) for one in (long, short)]
    assert found[0] == found[1]
    return found[0]


def types(records):
    return [record.get("EncryptionType") for record in records]


def leaks(server):
    """Files of the data directory that show data or partition key.

    The server goes on meanwhile: if it has renamed or deleted one, all are looked at again.
    """
    while True:
        files = [path for path in server.data_dir.rglob("*") if path.is_file()]
        try:
            return [path.name for path in files
                    if any(text in path.read_bytes() for text in (SECRET, KEY.encode()))]
        except FileNotFoundError:
            continue


def within_seconds(refusal, call):
    """The running server knows of a change of the keyring a second later at most."""
    def is_refused():
        try:
            call()
        except Exception as error:
            return getattr(error, "response", {}).get("Error", {}).get("Code") == refusal

    poll(is_refused, seconds=10, what=refusal)


@pytest.fixture
def server(start_server):
    return start_server(*FLAGS)


@pytest.fixture
def client(server):
    return server.client()


@pytest.fixture
def stream(client):
    return create(client)


def test_records_before_during_and_after_encryption(server, client, stream):
    first, second = make_key(server), make_key(server, "--alias", "alias/second")
    assert described(client, stream) == ("NONE", None)
    answer = put(client, stream, b"before")
    assert "EncryptionType" not in answer
    start(client, stream, first["arn"])
    assert described(client, stream) == ("KMS", first["arn"])
    assert put(client, stream, b"under the first")["EncryptionType"] == "KMS"
    start(client, stream, "alias/second")
    assert described(client, stream) == ("KMS", "alias/second")
    answer = client.put_records(StreamName=stream, Records=[
        {"PartitionKey": KEY, "Data": b"under the second"}, {"PartitionKey": KEY, "Data": b""}])
    assert answer["EncryptionType"] == "KMS" and answer["FailedRecordCount"] == 0
    stop(client, stream, "alias/second")
    assert described(client, stream) == ("NONE", None)
    answer = client.put_records(StreamName=stream, Records=[{"PartitionKey": KEY, "Data": b"after"}])
    assert "EncryptionType" not in answer
    expected = [b"before", b"under the first", b"under the second", b"", b"after"]
    for _ in range(2):
        records = read(server.client(), stream)
        assert data(records) == expected
        assert types(records) == [None, "KMS", "KMS", "KMS", None]
        assert {record["PartitionKey"] for record in records} == {KEY}
        server.kill()
        server.start()


def test_nothing_on_the_disk_shows_what_is_encrypted(server, client, stream):
    start(client, stream, "alias/aws/kinesis")
    for _ in range(20):
        client.put_records(StreamName=stream,
                           Records=[{"PartitionKey": KEY, "Data": SECRET * 10}] * 50)
    assert leaks(server) == []
    server.kill()
    inspected = run_cli("inspect", server.data_dir, "--json")
    report = json.loads(inspected.stdout)
    assert inspected.returncode == 0 and report["streams"][0]["key_id"] == "alias/aws/kinesis"
    assert leaks(server) == []
    server.start()
    assert len(read(server.client(), stream)) == 1000
    stop(server.client(), stream, "alias/aws/kinesis")
    put(server.client(), stream)
    assert leaks(server), "the search finds what is not encrypted"


def test_without_the_keyring_records_stay_closed_and_the_server_runs(server, client, stream):
    put(client, stream, b"plain")
    start(client, stream, "alias/aws/kinesis")
    put(client, stream)
    position = iterator(client, stream)
    keyring = server.data_dir / "keyring.toml"
    assert keyring.stat().st_mode & 0o777 == 0o600
    away = keyring.rename(server.data_dir.parent / "away.toml")
    within_seconds("KMSNotFoundException", lambda: client.get_records(ShardIterator=position))
    for call in (lambda: put(client, stream),
                 lambda: client.put_records(StreamName=stream, Records=RECORDS)):
        with refused("KMSNotFoundException"):
            call()
    server.restart()
    client = server.client()
    with refused("KMSNotFoundException"):
        client.get_records(ShardIterator=position)
    other = create(client)
    put(client, other)
    assert data(read(client, other)) == [SECRET]
    away.rename(keyring)
    poll(lambda: not failure(client.get_records, ShardIterator=position), what="keys are back")
    assert data(read(client, stream)) == [b"plain", SECRET]


def failure(call, **arguments):
    try:
        call(**arguments)
    except Exception as error:
        return error
    return None


def test_every_state_of_a_key_has_its_error(server, client, stream):
    key = make_key(server, "--alias", "alias/k")
    arn = key["arn"]
    start(client, stream, key["id"])
    put(client, stream)
    position = iterator(client, stream)

    def all_refused(code, message):
        within_seconds(code, lambda: put(client, stream))
        for call in (
            lambda: put(client, stream),
            lambda: client.put_records(StreamName=stream, Records=RECORDS),
            lambda: client.get_records(ShardIterator=position),
            lambda: client.start_stream_encryption(
                StreamName=stream, EncryptionType="KMS", KeyId="alias/k"),
        ):
            with refused(code, message):
                call()

    change_key(server, "disable", "alias/k")
    all_refused("KMSDisabledException", f"{arn} is disabled.")
    change_key(server, "require-opt-in", key["id"])
    all_refused("KMSOptInRequired", "The AWS Access Key Id needs a subscription for the service")
    change_key(server, "schedule-deletion", arn, "--days", "7")
    all_refused("KMSInvalidStateException", f"{arn} is pending deletion.")
    refusal = keys(server, "enable", "alias/k")
    assert refusal.returncode == 1 and b"keys cancel-deletion alias/k" in refusal.stderr
    change_key(server, "cancel-deletion", "alias/k")
    all_refused("KMSDisabledException", f"{arn} is disabled.")
    change_key(server, "enable", "alias/k")
    poll(lambda: not failure(put, client=client, name=stream), what="enabled again")
    assert set(data(read(client, stream))) == {SECRET}


def test_requests_over_a_keys_limit_are_throttled(server, client, stream):
    key = make_key(server)
    start(client, stream, key["arn"])
    put(client, stream)
    position = iterator(client, stream)
    change_key(server, "limit", key["arn"], "--requests-per-second", "1")
    for call in (
        lambda: client.get_records(ShardIterator=position),
        lambda: put(client, stream),
        lambda: client.put_records(StreamName=stream, Records=RECORDS),
        lambda: start(client, stream, key["arn"]),
    ):
        within_seconds("KMSThrottlingException", lambda: [call() for _ in range(3)])
    change_key(server, "limit", key["arn"], "--off")
    poll(lambda: not failure(lambda: [put(client, stream) for _ in range(10)]), what="no limit")


def test_missing_keys_and_other_accounts_keys(server, client, stream):
    missing = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/00000000-0000-4000-8000-000000000000"
    for name, message in [
        (missing, f"Key '{missing}' does not exist"),
        ("alias/none", "Alias alias/none is not found."),
        ("00000000-0000-4000-8000-000000000000",
         "Invalid keyId 00000000-0000-4000-8000-000000000000"),
        ("anything", "Invalid keyId anything"),
    ]:
        with refused("KMSNotFoundException", message):
            start(client, stream, name)
    stranger = "999999999999"
    foreign = make_key(server, "--account-id", stranger, "--alias", "alias/foreign")
    far = make_key(server, "--region", "eu-west-1")
    within_seconds("KMSAccessDeniedException", lambda: start(client, stream, foreign["arn"]))
    with refused("KMSNotFoundException"):
        start(client, stream, "alias/foreign")
    with refused("KMSNotFoundException"):
        start(client, stream, far["arn"])
    principal = f"arn:aws:iam::{ACCOUNT}:root"
    change_key(server, "allow", foreign["arn"], "--principal", principal)
    poll(lambda: not failure(start, client=client, name=stream, key=foreign["arn"]), what="allowed")
    assert described(client, stream) == ("KMS", foreign["arn"])


def test_principals_that_may_not_use_a_key(start_server, tmp_path):
    file = tmp_path / "credentials.toml"
    people = [credentials.add(file, user) for user in ("alice", "bob")]
    server = start_server(*FLAGS, "--credentials", file)
    alice, bob = (server.client(person.access_key, person.secret) for person in people)
    arns = [f"arn:aws:iam::{ACCOUNT}:user/{user}" for user in ("alice", "bob")]
    key = make_key(server, "--principal", arns[0])
    name = create(alice)
    poll(lambda: not failure(start, client=alice, name=name, key=key["id"]), what="a new key")
    put(alice, name)
    text = f"User: {arns[1]} is not authorized to perform: kms:GenerateDataKey on resource: "
    for call in (lambda: put(bob, name),
                 lambda: bob.put_records(StreamName=name, Records=RECORDS)):
        with refused("KMSAccessDeniedException", text + key["arn"]):
            call()
    with refused("KMSAccessDeniedException", text + key["arn"]):
        start(bob, name, key["arn"])
    position = iterator(bob, name)
    text = f"User {arns[1]} is not authorized to decrypt records in stream {name}"
    with refused("KMSAccessDeniedException", text):
        bob.get_records(ShardIterator=position)
    assert data(read(alice, name)) == [SECRET]
    stop(bob, name, key["arn"])
    put(bob, name)


def test_arguments_of_start_and_stop(server, client, stream):
    key, other = make_key(server), make_key(server)
    calls = [client.start_stream_encryption, client.stop_stream_encryption]
    for call in calls:
        with refused("InvalidArgumentException", "EncryptionType must be KMS."):
            call(StreamName=stream, EncryptionType="NONE", KeyId="k")
        with refused("ResourceNotFoundException"):
            call(StreamName="none", EncryptionType="KMS", KeyId=key["arn"])
    stop(client, stream, "anything")
    poll(lambda: not failure(start, client=client, name=stream, key=key["id"]), what="a new key")
    for wrong in (other["arn"], "alias/none"):
        text = (f"KeyId {wrong} is not the key that stream {stream} under account {ACCOUNT} is "
                "encrypted with.")
        with refused("InvalidArgumentException", text):
            stop(client, stream, wrong)
    stop(client, stream, key["arn"])


def test_changes_pass_through_updating_and_are_limited(start_server):
    server = start_server("--transition-ms", "300")
    client = server.client()
    name = create(client)
    client.start_stream_encryption(
        StreamName=name, EncryptionType="KMS", KeyId="alias/aws/kinesis")
    assert status(client, name) == "UPDATING"
    put(client, name)
    for call in (client.start_stream_encryption, client.stop_stream_encryption):
        with refused("ResourceInUseException"):
            call(StreamName=name, EncryptionType="KMS", KeyId="alias/aws/kinesis")
    wait_active(client, name)
    server.flags = ["--transition-ms", "0"]
    server.restart()
    client = server.client()
    for _ in range(24):
        start(client, name, "alias/aws/kinesis")
    with refused("LimitExceededException"):
        start(client, name, "alias/aws/kinesis")
    stop(client, name, "alias/aws/kinesis")


def test_rotation_and_aliases(server, client, stream):
    key = make_key(server, "--alias", "alias/orders")
    start(client, stream, "alias/orders")
    put(client, stream, b"old material")
    change_key(server, "rotate", "alias/orders")
    shown = json.loads(keys(server, "describe", "alias/orders", "--json").stdout)
    assert shown["material"] == 2
    start(client, stream, f"arn:aws:kms:{REGION}:{ACCOUNT}:alias/orders")
    put(client, stream, b"new material")
    server.restart()
    client = server.client()
    assert data(read(client, stream)) == [b"old material", b"new material"]
    other = make_key(server)
    change_key(server, "alias", other["id"], "alias/orders")
    listed = [json.loads(line) for line in keys(server, "list", "--json").stdout.splitlines()]
    assert {one["id"]: one["aliases"] for one in listed} == {
        key["id"]: [], other["id"]: ["alias/orders"]}
    assert data(read(client, stream)) == [b"old material", b"new material"]
    change_key(server, "unalias", "alias/orders")
    gone = keys(server, "describe", "alias/orders")
    assert gone.returncode == 1 and b"anabranch keys list" in gone.stderr


def test_the_commands_of_keys_say_what_they_do(tmp_path):
    keyring = tmp_path / "sub" / "my-keys.toml"
    here = ("--keyring", keyring)
    made = run_cli("keys", "create", "--alias", "alias/k", *here)
    arn = made.stdout.split()[0].decode()
    assert made.returncode == 0 and arn.startswith(f"arn:aws:kms:{REGION}:{ACCOUNT}:key/")
    table = run_cli("keys", "list", *here).stdout.decode()
    assert "alias/k" in table and "enabled" in table
    assert arn in run_cli("keys", "describe", "alias/k", *here).stdout.decode()
    material = keyring.read_text().split('material = ["')[1][:20]
    for command in ("list", "describe alias/k", "list --json", "describe alias/k --json"):
        assert material not in run_cli("keys", *command.split(), *here).stdout.decode()
    for wrong in ("alias/aws/kinesis", "orders", "alias/"):
        assert run_cli("keys", "create", "--alias", wrong, *here).returncode == 2
    twice = run_cli("keys", "create", "--alias", "alias/k", *here)
    assert twice.returncode == 1 and b"taken" in twice.stderr
    for command in ("schedule-deletion alias/k --days 3", "allow alias/k",
                    "allow alias/k --principal bob", "limit alias/k --requests-per-second 0"):
        assert run_cli("keys", *command.split(), *here).returncode == 2, command
    keyring.chmod(0o644)
    exposed = run_cli("keys", "list", *here)
    assert exposed.returncode == 1 and b"chmod 600" in exposed.stderr


def test_a_keyring_that_is_open_to_others_stops_the_server_from_starting(server, client, stream):
    start(client, stream, "alias/aws/kinesis")
    server.stop()
    (server.data_dir / "keyring.toml").chmod(0o604)
    with pytest.raises(Exception, match="chmod 600"):
        server.start()


def test_the_aws_cli(server, client, stream):
    def aws(*arguments):
        environment = {**clean_environment(), "AWS_ACCESS_KEY_ID": ACCOUNT,
                       "AWS_SECRET_ACCESS_KEY": "x", "AWS_DEFAULT_REGION": REGION,
                       "AWS_ENDPOINT_URL": server.endpoint}
        command = pathlib.Path(sys.executable).parent / "aws"
        return subprocess.run([command, "kinesis", *arguments], capture_output=True, timeout=60,
                              env=environment)

    key = ("--encryption-type", "KMS", "--key-id", "alias/aws/kinesis")
    assert aws("start-stream-encryption", "--stream-name", stream, *key).returncode == 0
    wait_active(client, stream)
    stored = aws("put-record", "--stream-name", stream, "--partition-key", "k", "--data", "x")
    assert json.loads(stored.stdout)["EncryptionType"] == "KMS", stored.stderr
    assert aws("stop-stream-encryption", "--stream-name", stream, *key).returncode == 0
    failed = aws("start-stream-encryption", "--stream-name", stream, "--encryption-type", "KMS",
                 "--key-id", "alias/none")
    assert failed.returncode != 0 and b"KMSNotFoundException" in failed.stderr


def test_subscriptions_open_records_and_end_with_the_error_of_the_key(server, client, stream):
    key = make_key(server)
    start(client, stream, key["arn"])
    put(client, stream)
    stream_arn = f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/{stream}"
    consumer = client.register_stream_consumer(StreamARN=stream_arn, ConsumerName="c")["Consumer"]
    described = client.describe_stream_consumer
    poll(lambda: described(ConsumerARN=consumer["ConsumerARN"])["ConsumerDescription"][
        "ConsumerStatus"] == "ACTIVE", what="consumer ACTIVE")
    events = iter(client.subscribe_to_shard(
        ConsumerARN=consumer["ConsumerARN"], ShardId="shardId-000000000000",
        StartingPosition={"Type": "TRIM_HORIZON"})["EventStream"])
    record, = next(events)["SubscribeToShardEvent"]["Records"]
    assert (record["Data"], record["PartitionKey"]) == (SECRET, KEY)
    assert record["EncryptionType"] == "KMS"
    change_key(server, "disable", key["id"])
    within_seconds("KMSDisabledException", lambda: put(client, stream))
    subscription = client.subscribe_to_shard(
        ConsumerARN=consumer["ConsumerARN"], ShardId="shardId-000000000000",
        StartingPosition={"Type": "TRIM_HORIZON"})["EventStream"]
    with pytest.raises(botocore.exceptions.EventStreamError) as caught:
        list(subscription)
    assert caught.value.response["Error"]["Code"] == "KMSDisabledException"
    assert caught.value.response["Error"]["Message"] == f"{key['arn']} is disabled."
