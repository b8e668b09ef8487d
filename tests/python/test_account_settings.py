"""The billing commitment of an account in a Region."""

import datetime

from support import raw
from support.streams import refused

DAY = datetime.timedelta(days=1)
KEY = "MinimumThroughputBillingCommitment"


def described(client):
    return client.describe_account_settings()[KEY]


def set_to(client, status):
    return client.update_account_settings(**{KEY: {"Status": status}})[KEY]


def test_a_commitment_from_its_beginning_to_its_scheduled_end(start_server):
    server = start_server()
    client = server.client()
    assert described(client) == {"Status": "DISABLED"}
    assert set_to(client, "DISABLED") == {"Status": "DISABLED"}
    before = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=1)
    enabled = set_to(client, "ENABLED")
    after = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=1)
    started = enabled["StartedAt"]
    assert before <= started <= after
    assert enabled == {
        "Status": "ENABLED", "StartedAt": started, "EarliestAllowedEndAt": started + DAY}
    assert set_to(client, "ENABLED") == enabled == described(client)
    server.kill()
    client = server.start().client()
    assert described(client) == enabled
    ending = set_to(client, "DISABLED")
    assert ending == {**enabled, "Status": "ENABLED_UNTIL_EARLIEST_ALLOWED_END"}
    assert set_to(client, "DISABLED") == ending
    server.kill()
    client = server.start().client()
    assert described(client) == ending
    assert set_to(client, "ENABLED") == enabled
    server.kill()
    assert described(server.start().client()) == enabled


def test_accounts_and_regions_are_apart(start_server):
    server = start_server()
    set_to(server.client(), "ENABLED")
    others = [server.client(region="eu-west-1"), server.client(access_key="111111111111")]
    for other in others:
        assert described(other) == {"Status": "DISABLED"}
        set_to(other, "ENABLED")
        set_to(other, "DISABLED")
    assert described(server.client())["Status"] == "ENABLED"


def test_refusals(server, client):
    with refused("ValidationException"):
        set_to(client, "ENABLED_UNTIL_EARLIEST_ALLOWED_END")
    for body in ({}, {KEY: {}}):
        assert raw.call(server, "UpdateAccountSettings", body).error[0] == "ValidationException"
    reply = raw.call(server, "UpdateAccountSettings", {KEY: "ENABLED"})
    assert reply.error[0] == "SerializationException"
