"""Every command of the AWS CLI with the input that it generates itself.

Runs the CLI's own code inside this process: starting the executable for each would take most of
a minute.
"""

import json

from botocore import xform_name
import pytest
from awscli.clidriver import create_clidriver

from support import model, streams
from support.server import ACCOUNT, Server, arn

# The CLI gives event streams no command.
COMMANDS = [o for o in model.OPERATIONS if o != "SubscribeToShard"]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """One of its own: skeletons change settings of the account."""
    server = Server(tmp_path_factory.mktemp("skeletons") / "data", "--limits", "off")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def aws(server, monkeypatch, capfd):
    for name, value in {
        "AWS_ACCESS_KEY_ID": ACCOUNT, "AWS_SECRET_ACCESS_KEY": "x", "AWS_MAX_ATTEMPTS": "1",
        "AWS_EC2_METADATA_DISABLED": "true", "AWS_PAGER": "",
    }.items():
        monkeypatch.setenv(name, value)

    def run(operation, *arguments):
        command = xform_name(operation, "-")
        status = create_clidriver().main([
            "--endpoint-url", server.endpoint, "--region", "us-east-1", "--output", "json",
            "kinesis", command, *arguments])
        output = capfd.readouterr()
        return status, output.out, output.err

    return run


def skeleton(aws, operation):
    status, output, error = aws(operation, "--generate-cli-skeleton", "input")
    assert status == 0, error
    return json.loads(output or "{}")


@pytest.mark.parametrize("operation", COMMANDS)
def test_a_filled_in_skeleton_is_understood(aws, operation):
    """What is not there may be missed, but nothing is wrong with the request itself."""
    valid = model.valid_request(operation, stream="skeletons")
    generated = skeleton(aws, operation)
    assert set(valid) <= set(generated)
    request = {name: valid[name] for name in generated if name in valid}
    status, _, error = aws(operation, "--cli-input-json", json.dumps(request))
    if status != 0:
        assert f"when calling the {operation} operation" in error
        for wrong in ["Validation", "Serialization", "Unsupported", "Unknown", "InternalFailure"]:
            assert wrong not in error


@pytest.mark.parametrize("operation", COMMANDS)
def test_an_empty_skeleton_is_refused_or_answered_but_never_breaks(aws, operation):
    generated = skeleton(aws, operation)
    # The CLI would send a request with a StreamId to Amazon, whatever the endpoint.
    generated.pop("StreamId", None)
    status, _, error = aws(operation, "--cli-input-json", json.dumps(generated))
    if status != 0:
        refused = ["ValidationException", "InvalidArgumentException", "ResourceNotFoundException",
                   "Parameter validation failed", "Invalid ARN", "ParamValidation", "arn"]
        assert any(text in error for text in refused), error


def answer(aws, operation, *arguments):
    status, output, error = aws(operation, *arguments)
    assert status == 0, error
    return json.loads(output) if output.strip() else None


def test_capacity_and_metrics_of_a_stream(aws, server):
    """The commands that change how a stream behaves, each to some effect."""
    name = streams.create(server.client())
    by_name, by_arn = ["--stream-name", name], ["--stream-arn", arn(name)]

    def active():
        streams.wait_active(server.client(), name)
        return answer(aws, "DescribeStreamSummary", *by_name)["StreamDescriptionSummary"]

    answer(aws, "UpdateStreamMode", *by_arn, "--stream-mode-details", "StreamMode=ON_DEMAND")
    assert active()["StreamModeDetails"] == {"StreamMode": "ON_DEMAND"}
    answer(aws, "UpdateStreamRecordDistributionStrategy", *by_arn,
           "--record-distribution-strategy", "AUTO")
    assert active()["RecordDistributionStrategy"] == "AUTO"
    answer(aws, "UpdateMaxRecordSize", *by_arn, "--max-record-size-in-ki-b", "2048")
    assert active()["MaxRecordSizeInKiB"] == 2048
    commitment = "--minimum-throughput-billing-commitment"
    answer(aws, "UpdateAccountSettings", commitment, "Status=ENABLED")
    settings = answer(aws, "DescribeAccountSettings")
    assert settings["MinimumThroughputBillingCommitment"]["Status"] == "ENABLED"
    warm = answer(aws, "UpdateStreamWarmThroughput", *by_name, "--warm-throughput-mi-bps", "3")
    assert warm["WarmThroughput"]["TargetMiBps"] == 3
    active()
    metrics = ["--shard-level-metrics", "IncomingBytes", "OutgoingBytes"]
    on = answer(aws, "EnableEnhancedMonitoring", *by_name, *metrics)
    assert on["DesiredShardLevelMetrics"] == ["IncomingBytes", "OutgoingBytes"]
    active()
    off = answer(aws, "DisableEnhancedMonitoring", *by_name, *metrics[:2])
    assert off["DesiredShardLevelMetrics"] == ["OutgoingBytes"]
