"""Policies of keys: every operation asks, and the commands that give and take them."""

import json

import pytest

from support import credentials, model, raw, streams
from support.server import ACCOUNT, REGION, Server, arn, poll, run_cli
from support.streams import refused

ALLOW_ALL = {"Effect": "Allow", "Action": "*", "Resource": "*"}
OTHER = "222222222222"


def document(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)}, indent=2)


class Keys:
    """A credentials file and the commands that change it."""

    def __init__(self, file):
        self.file = file

    def run(self, *arguments, stdin=None):
        result = run_cli("credentials", *arguments, "--file", self.file, stdin=stdin)
        assert result.returncode == 0, result.stderr
        return result.stdout.decode()

    def fail(self, *arguments, stdin=None):
        result = run_cli("credentials", *arguments, "--file", self.file, stdin=stdin)
        assert result.returncode == 1, result
        return result.stderr.decode()

    def policy(self, name, *statements):
        self.run("policy", "put", name, "-", stdin=document(*statements).encode())

    def add(self, user, *policies, account=ACCOUNT, flags=()):
        named = [flag for policy in policies for flag in ("--policy", policy)]
        return credentials.add(self.file, user, account, *named, *flags)


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    keys = Keys(tmp_path_factory.mktemp("policies") / "keys.toml")
    keys.policy("nothing", {"Effect": "Deny", "Action": "*", "Resource": "*"})
    keys.policy("everything", ALLOW_ALL)
    keys.policy("orders", {
        "Effect": "Allow", "Action": ["kinesis:PutRecord*", "kinesis:Describe*"],
        "Resource": f"arn:aws:kinesis:*:{ACCOUNT}:stream/orders-*"})
    keys.policy("own", {
        "Effect": "Allow", "Action": "kinesis:*",
        "Resource": "arn:aws:kinesis:*:*:stream/${aws:username}-*"})
    keys.policy("tagger", {
        "Effect": "Allow", "Action": ["kinesis:CreateStream", "kinesis:AddTagsToStream",
                                      "kinesis:TagResource", "kinesis:UntagResource"],
        "Resource": "*", "Condition": {
            "StringEqualsIfExists": {"aws:RequestTag/team": "blue"},
            "ForAllValues:StringEquals": {"aws:TagKeys": ["team", "cost"]}}})
    keys.policy("creator", {"Effect": "Allow", "Action": "kinesis:CreateStream", "Resource": "*"})
    return keys


@pytest.fixture(scope="module")
def server(keys, tmp_path_factory):
    keys.admin = keys.add("admin")
    server = Server(tmp_path_factory.mktemp("policies") / "data", "--credentials", keys.file,
                    "--limits", "off", "--transition-ms", "0")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def client(server, keys):
    """Makes a client with a new key that has these policies."""
    def make(user, *policies, **options):
        key = keys.add(user, *policies, **options)
        made = server.client(key.access_key, key.secret)
        # A running server looks at its file once a second.
        poll(lambda: is_known(made), what="key known")
        return made

    def is_known(made):
        try:
            made.list_streams()
        except made.exceptions.ClientError as error:
            return error.response["Error"]["Code"] != "UnrecognizedClientException"
        return True

    return make


@pytest.fixture(scope="module")
def admin(server, keys):
    return server.client(keys.admin.access_key, keys.admin.secret)


def text(user, operation, resource, end):
    return (f"User: arn:aws:iam::{ACCOUNT}:{user} is not authorized to perform: "
            f"kinesis:{operation} on resource: {resource} {end}")


def not_allowed(user, operation, resource):
    return text(f"user/{user}", operation, resource,
                f"because no identity-based policy allows the kinesis:{operation} action")


WITHOUT_STREAM = {"ListStreams", "DescribeLimits", "DescribeAccountSettings",
                  "UpdateAccountSettings"}


@pytest.fixture(scope="module")
def refusals(server, keys, admin):
    """Sends a request as a user whom everything is denied."""
    key = keys.add("nobody", "nothing")
    name = streams.create(admin)

    def send(operation, request):
        return raw.send_signed(server, operation, request, access_key=key.access_key,
                               secret=key.secret)

    poll(lambda: send("ListStreams", {}).error[0] == "AccessDeniedException", what="key known")
    yield send, name
    admin.delete_stream(StreamName=name)


@pytest.mark.parametrize("operation", model.OPERATIONS)
def test_every_operation_asks(refusals, admin, operation):
    send, name = refusals
    request = model.valid_request(operation, name)
    if operation == "GetRecords":
        request["ShardIterator"] = streams.iterator(admin, name)
    answer = send(operation, request)
    kind, message = answer.error
    assert (answer.status, kind) == (400, "AccessDeniedException"), (kind, message)
    assert f" is not authorized to perform: kinesis:{operation} on resource: " in message
    resource = message.split(" on resource: ")[1].split()[0]
    assert resource == "*" if operation in WITHOUT_STREAM else resource.startswith(arn(name))
    assert message.endswith(" with an explicit deny in an identity-based policy")


@pytest.mark.parametrize("request_", [{}, {"NextToken": "x"}, {"NextToken": None}],
                         ids=["nothing", "a bad token", "null"])
def test_listshards_without_a_stream_tells_nothing(refusals, request_):
    send, _ = refusals
    assert send("ListShards", request_).error[0] in (
        "AccessDeniedException", "InvalidArgumentException")


def test_listshards_asks_about_the_stream_of_its_token(refusals, admin):
    send, _ = refusals
    name = streams.create(admin, 3)
    token = admin.list_shards(StreamName=name, MaxResults=1)["NextToken"]
    kind, message = send("ListShards", {"NextToken": token}).error
    assert kind == "AccessDeniedException" and f"on resource: {arn(name)} " in message
    admin.delete_stream(StreamName=name)


def test_a_policy_allows_what_it_says_and_nothing_else(client, admin):
    orders = streams.create(admin, name=streams.unique("orders"))
    other = streams.create(admin, name=streams.unique("other"))
    alice = client("alice", "orders")
    alice.put_record(StreamName=orders, Data=b"x", PartitionKey="k")
    alice.put_record(StreamARN=arn(orders), Data=b"y", PartitionKey="k")
    alice.describe_stream_summary(StreamName=orders)
    with refused("AccessDeniedException", not_allowed("alice", "PutRecord", arn(other))):
        alice.put_record(StreamName=other, Data=b"x", PartitionKey="k")
    with refused("AccessDeniedException", not_allowed("alice", "GetShardIterator", arn(orders))):
        streams.iterator(alice, orders)
    with refused("AccessDeniedException", not_allowed("alice", "ListStreams", "*")):
        alice.list_streams()
    with refused("AccessDeniedException", not_allowed("alice", "GetRecords", arn(orders))):
        alice.get_records(ShardIterator=streams.iterator(admin, orders))
    for name in (orders, other):
        admin.delete_stream(StreamName=name)


def test_what_does_not_exist_is_denied_like_what_does(client):
    bob = client("bob", "orders")
    with refused("AccessDeniedException", not_allowed("bob", "DescribeStream", arn("secret"))):
        bob.describe_stream(StreamName="secret")


def test_names_of_users_in_resources(client):
    carol = client("carol", "own")
    name = streams.create(carol, name=streams.unique("carol"))
    carol.delete_stream(StreamName=name)
    with refused("AccessDeniedException", not_allowed("carol", "CreateStream", arn("dave-1"))):
        carol.create_stream(StreamName="dave-1", ShardCount=1)


def test_tags_in_requests(client, admin):
    erin = client("erin", "tagger")
    name = streams.unique()
    with refused("AccessDeniedException"):
        erin.create_stream(StreamName=name, ShardCount=1, Tags={"team": "red"})
    with refused("AccessDeniedException"):
        erin.create_stream(StreamName=name, ShardCount=1, Tags={"team": "blue", "other": "x"})
    erin.create_stream(StreamName=name, ShardCount=1, Tags={"team": "blue", "cost": "1"})
    streams.wait_active(admin, name)
    erin.tag_resource(ResourceARN=arn(name), Tags={"cost": "2"})
    with refused("AccessDeniedException"):
        erin.add_tags_to_stream(StreamName=name, Tags={"team": "red"})
    with refused("AccessDeniedException"):
        erin.untag_resource(ResourceARN=arn(name), TagKeys=["other"])
    erin.untag_resource(ResourceARN=arn(name), TagKeys=["cost"])
    admin.delete_stream(StreamName=name)


def test_a_stream_is_created_with_tags_by_who_may_tag(client, admin):
    frank = client("frank", "creator")
    name = streams.unique()
    with refused("AccessDeniedException", not_allowed("frank", "AddTagsToStream", arn(name))):
        frank.create_stream(StreamName=name, ShardCount=1, Tags={"a": "b"})
    frank.create_stream(StreamName=name, ShardCount=1)
    admin.delete_stream(StreamName=name)


def test_within_an_account_a_policy_of_the_stream_is_enough(client, admin):
    gina = client("gina", "creator")
    name = streams.create(admin)
    user = f"arn:aws:iam::{ACCOUNT}:user/gina"
    with refused("AccessDeniedException", not_allowed("gina", "DescribeStream", arn(name))):
        gina.describe_stream(StreamName=name)
    for principal, is_enough in [(user, True), (ACCOUNT, False)]:
        admin.put_resource_policy(ResourceARN=arn(name), Policy=document({
            "Effect": "Allow", "Principal": {"AWS": principal}, "Action": "kinesis:DescribeStream",
            "Resource": arn(name)}))
        if is_enough:
            gina.describe_stream(StreamName=name)
        else:
            with refused("AccessDeniedException", not_allowed("gina", "DescribeStream", arn(name))):
                gina.describe_stream(StreamName=name)
    admin.delete_stream(StreamName=name)


def test_across_accounts_both_must_allow(client, admin):
    name = streams.create(admin)
    admin.put_resource_policy(ResourceARN=arn(name), Policy=document({
        "Effect": "Allow", "Principal": {"AWS": OTHER}, "Action": "kinesis:Describe*",
        "Resource": arn(name)}))
    both = client("both", "everything", account=OTHER)
    both.describe_stream(StreamARN=arn(name))
    with refused("AccessDeniedException") as caught:
        both.list_shards(StreamARN=arn(name))
    assert caught.value.response["Error"]["Message"].endswith(
        "because no resource-based policy allows the kinesis:ListShards action")
    one = client("one", "creator", account=OTHER)
    with refused("AccessDeniedException") as caught:
        one.describe_stream(StreamARN=arn(name))
    assert caught.value.response["Error"]["Message"].endswith(
        "because no identity-based policy allows the kinesis:DescribeStream action")
    admin.delete_stream(StreamName=name)


def test_a_key_can_be_a_session_of_a_role(client, admin):
    name = streams.create(admin)
    app = client("one", "creator", flags=("--role", "app"))
    session = f"arn:aws:sts::{ACCOUNT}:assumed-role/app/one"
    with refused("AccessDeniedException") as caught:
        app.describe_stream(StreamName=name)
    assert caught.value.response["Error"]["Message"].startswith(f"User: {session} is not ")
    admin.put_resource_policy(ResourceARN=arn(name), Policy=document({
        "Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:role/app"},
        "Action": "kinesis:DescribeStream", "Resource": arn(name)}))
    app.describe_stream(StreamName=name)
    admin.delete_stream(StreamName=name)


def test_policies_are_given_and_taken_while_the_server_runs(server, keys, admin):
    key = keys.add("henry")
    henry = server.client(key.access_key, key.secret)

    def outcome():
        try:
            henry.list_streams()
            return "allowed"
        except henry.exceptions.ClientError as error:
            return error.response["Error"]["Message"].rsplit("kinesis:ListStreams", 1)[-1]

    poll(lambda: outcome() == "allowed", what="key known")
    assert "nothing" in keys.run("attach", key.access_key, "nothing")
    poll(lambda: "explicit deny" in outcome(), what="denied")
    keys.run("attach", key.access_key, "everything")
    keys.run("detach", key.access_key, "nothing")
    poll(lambda: outcome() == "allowed", what="allowed")
    assert "nothing" in keys.run("detach", key.access_key, "everything")
    poll(lambda: outcome() == " action", what="nothing allowed")
    assert "everything in its account" in keys.run("unrestrict", key.access_key)
    poll(lambda: outcome() == "allowed", what="unrestricted")


def test_commands_show_what_is_there_and_refuse_what_is_wrong(tmp_path):
    keys = Keys(tmp_path / "keys.toml")
    keys.policy("a", ALLOW_ALL)
    key = keys.add("ivan", "a")
    assert json.loads(keys.run("policy", "show", "a"))["Statement"] == [ALLOW_ALL]
    assert key.access_key in keys.run("policy", "list")
    listed, = [json.loads(line) for line in keys.run("list", "--json").splitlines()]
    assert listed["policies"] == ["a"]
    assert "detach it first" in keys.fail("policy", "remove", "a")
    assert "no policy `b`" in keys.fail("attach", key.access_key, "b")
    assert "does not have policy `b`" in keys.fail("detach", key.access_key, "b")
    assert "no such key" in keys.fail("attach", "AKIANOBODY", "a")
    wrong = document({**ALLOW_ALL, "Effect": "Maybe"}).encode()
    assert "unknown effect `Maybe` at line 5" in keys.fail("policy", "put", "a", "-", stdin=wrong)
    keys.run("detach", key.access_key, "a")
    keys.run("policy", "remove", "a")
    assert keys.run("policy", "list").splitlines()[1:] == []


def test_a_policy_that_is_wrong_is_refused_with_file_and_line(tmp_path, start_server):
    keys = Keys(tmp_path / "keys.toml")
    keys.policy("a", ALLOW_ALL)
    keys.add("judy", "a")
    good = keys.file.read_text()
    keys.file.write_text(good.replace('"Allow"', '"Maybe"'))
    line = good[:good.index('"Allow"')].count("\n") + 1
    message = f"keys.toml:{line}: policy `a`: unknown effect `Maybe`"
    assert message in keys.fail("list")
    result = run_cli("serve", "--credentials", keys.file, "--data-dir", tmp_path / "data",
                     "--listen", "127.0.0.1:0")
    assert result.returncode == 1 and message in result.stderr.decode()


def test_a_misspelt_condition_key_is_refused_where_it_is_written_and_warned_of_where_it_is_read(
        tmp_path, start_server):
    def statement(key):
        return {**ALLOW_ALL, "Effect": "Deny",
                "Condition": {"StringEquals": {key: ACCOUNT}}}

    keys = Keys(tmp_path / "keys.toml")
    problem = "there is no condition key `aws:PrincipalAcount`"
    misspelt = document(statement("aws:PrincipalAcount")).encode()
    assert problem in keys.fail("policy", "put", "a", "-", stdin=misspelt)
    # One that an older version took.
    keys.policy("a", statement("aws:PrincipalAccount"))
    keys.file.write_text(keys.file.read_text().replace("PrincipalAccount", "PrincipalAcount"))
    log = start_server("--credentials", keys.file).log()
    assert "a statement is without effect" in log and problem in log
