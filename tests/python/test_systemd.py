"""What a service manager such as systemd is told, over a socket as it has."""

import pathlib
import re
import resource
import shlex
import shutil
import signal
import socket
import subprocess
import sys

import pytest

from support import streams
from support.admin import ask
from support.server import ROOT, poll, run_cli


@pytest.fixture
def manager(tmp_path):
    """The manager's socket, and how it tells a service of it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notices:
        notices.bind(str(tmp_path / "notify"))
        notices.settimeout(30)
        yield notices, {"NOTIFY_SOCKET": str(tmp_path / "notify")}


def test_it_is_told_of_start_and_stop(start_server, manager):
    notices, environment = manager
    server = start_server(env=environment)
    assert notices.recv(100) == b"READY=1"
    server.process.send_signal(signal.SIGTERM)
    assert notices.recv(100) == b"STOPPING=1"


def test_it_gets_signs_of_life(start_server, manager):
    notices, environment = manager
    start_server(env={**environment, "WATCHDOG_USEC": "20000"})
    assert [notices.recv(100) for _ in range(4)] == [b"READY=1"] + 3 * [b"WATCHDOG=1"]


def test_it_gets_none_when_the_journal_has_failed(start_server, manager):
    """A restart heals a failed journal, and the manager restarts whoever is silent."""
    notices, environment = manager
    server = start_server("--transition-ms", "0", env={**environment, "WATCHDOG_USEC": "20000"})
    client = server.client()
    name = streams.create(client)
    client.put_record(StreamName=name, Data=bytes(900_000), PartitionKey="k")
    assert [notices.recv(100) for _ in range(2)] == [b"READY=1", b"WATCHDOG=1"]
    # The journal is beyond that, and the log is not.
    _, hard = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (500_000, hard))
    with streams.refused("InternalFailure", status=500):
        client.put_record(StreamName=name, Data=b"x", PartitionKey="k")
    assert server.health_status() == (503, "failed")
    for path in ["ready", "live"]:
        reply = ask(server, path)
        assert (reply.status, reply.json) == (503, {"status": "failed"})
    poll(lambda: "the service manager gets no more signs of life" in server.log())
    # What was given before.
    notices.setblocking(False)
    with pytest.raises(BlockingIOError):
        while True:
            assert notices.recv(100) == b"WATCHDOG=1"
    notices.settimeout(30)
    server.process.send_signal(signal.SIGTERM)
    assert notices.recv(100) == b"STOPPING=1"


def test_a_server_starts_although_the_manager_has_gone(start_server, tmp_path):
    server = start_server(env={"NOTIFY_SOCKET": str(tmp_path / "nobody")})
    server.client().list_streams()
    assert "cannot tell the service manager" in server.log()


UNIT = ROOT / "contrib" / "systemd" / "anabranch.service"


def test_the_unit_file_starts_it_with_flags_that_exist(tmp_path):
    line = re.search(r"^ExecStart=(.*)$", UNIT.read_text(), re.MULTILINE)[1]
    program, *arguments = shlex.split(line)
    assert pathlib.Path(program).name == "anabranch"
    config = tmp_path / "anabranch.toml"
    config.write_text("region = 'eu-west-1'\n")
    arguments[arguments.index("--config") + 1] = config
    checked = run_cli(*arguments, "--check-config")
    assert checked.returncode == 0 and b"eu-west-1" in checked.stdout, checked.stderr


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
def test_systemd_understands_the_unit_file(tmp_path):
    unit = tmp_path / "anabranch.service"
    unit.write_text(UNIT.read_text().replace("/usr/local/bin/anabranch", sys.executable))
    checked = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, timeout=60)
    ours = [line for line in checked.stderr.decode().splitlines() if "anabranch.service" in line]
    assert ours == []
