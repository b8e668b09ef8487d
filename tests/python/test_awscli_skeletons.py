"""Every command of the AWS CLI with the input that it generates itself.

Runs the CLI's own code inside this process: starting the executable for each would take most of
a minute.
"""

import json

from botocore import xform_name
import pytest
from awscli.clidriver import create_clidriver

from support import model
from support.server import ACCOUNT, Server

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
