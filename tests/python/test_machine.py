"""What the machine around a server may do: locks that are removed, few descriptors, open modes."""

import json
import os
import resource
import shutil
import signal
import socket
import stat

import pytest

from support import streams
from support.server import Server, StartFailed, poll, run_cli


def test_a_second_server_is_refused_though_the_lock_file_was_removed(start_server):
    server = start_server()
    (server.data_dir / "LOCK").unlink()
    with pytest.raises(StartFailed) as caught:
        Server(server.data_dir).start()
    assert "another process" in caught.value.stderr or "locked" in caught.value.stderr
    assert server.client().list_streams()["StreamNames"] == []
    server.stop()
    Server(server.data_dir).start().stop()


@pytest.mark.parametrize("swap", ["LOCK removed", "directory moved", "directory replaced"])
def test_a_swap_is_noticed_before_the_next_acknowledgement(start_server, swap):
    server = start_server("--transition-ms", "0")
    client, name = server.client(), streams.unique()
    streams.create(client, name=name)
    client.put_record(StreamName=name, Data=b"kept", PartitionKey="k")
    moved = server.data_dir.with_name("moved")
    if swap == "LOCK removed":
        (server.data_dir / "LOCK").unlink()
    else:
        server.data_dir.rename(moved)
    if swap == "directory replaced":
        shutil.copytree(moved, server.data_dir)
    with streams.refused("InternalFailure", status=500):
        client.put_record(StreamName=name, Data=b"refused", PartitionKey="k")
    log = server.log()
    assert {"LOCK removed": "LOCK was removed", "directory moved": "directory is gone",
            "directory replaced": "another directory has taken the place"}[swap] in log
    assert f"path={server.data_dir}" in log and "restart" in log
    iterator = streams.iterator(client, name)
    records = client.get_records(ShardIterator=iterator)["Records"]
    assert [record["Data"] for record in records] == [b"kept"], "reads go on"
    server.stop()
    if swap == "directory moved":
        moved.rename(server.data_dir)
    client = server.start().client()
    client.put_record(StreamName=name, Data=b"more", PartitionKey="k")


def test_few_descriptors_bound_connections_and_end_no_writes(start_server):
    server = start_server("--transition-ms", "0", preexec=lambda: resource.setrlimit(
        resource.RLIMIT_NOFILE, (128, 128)))
    client = server.client()
    name = streams.create(client)
    silent = []
    try:
        for _ in range(300):
            connection = socket.create_connection(("127.0.0.1", server.port))
            connection.settimeout(0.01)
            silent.append(connection)
    except OSError:
        pass
    finally:
        # Whoever had a connection before goes on to use it.
        client.put_record(StreamName=name, Data=b"x", PartitionKey="k")
        for connection in silent:
            connection.close()
    for _ in range(50):
        client.put_record(StreamName=name, Data=b"x", PartitionKey="k")
    assert "fewer connections than --max-connections" in server.log()
    assert "failed" not in server.log()


def test_writes_go_on_when_descriptors_come_back(start_server):
    server = start_server("--transition-ms", "0", "--limits", "off",
                          "--journal-file-bytes", str(16 << 20))
    client = server.client()
    name = streams.create(client)
    record = {"Data": bytes(1 << 20), "PartitionKey": "k"}

    def put():
        """Whether five records of 1 MiB were stored."""
        answer = client.put_records(StreamName=name, Records=[record] * 5)
        return answer["FailedRecordCount"] == 0

    limits = resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE)
    # What is open stays open, this connection as well; nothing can be opened.
    resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (3, limits[1]))
    stored = 0
    while put():
        stored += 5
        assert stored <= 15, "a file of 16 MiB takes no more"
    assert not put()
    resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, limits)
    assert server.health()["status"] == "full"
    for _ in range(8):
        assert put()
        stored += 5
    assert server.health()["status"] == "ok"
    assert "cannot go on for now" in server.log() and "restarted" not in server.log()
    server.restart()
    iterator = streams.iterator(server.client(), name)
    found = 0
    while found < stored:
        answer = server.client().get_records(ShardIterator=iterator)
        found += len(answer["Records"])
        iterator = answer["NextShardIterator"]
    assert found == stored


def test_a_limit_of_file_sizes_is_named_at_the_start(tmp_path):
    server = Server(tmp_path / "data", preexec=lambda: resource.setrlimit(
        resource.RLIMIT_FSIZE, (1 << 20, 1 << 20)))
    with pytest.raises(StartFailed) as caught:
        server.start()
    assert caught.value.returncode == 1 and "ulimit -f" in caught.value.stderr


def test_a_data_directory_that_others_can_write_to_is_warned_of(start_server, tmp_path):
    directory = tmp_path / "open"
    directory.mkdir()
    directory.chmod(0o777)
    server = start_server(data_dir=directory)
    assert "others can write to the data directory" in server.log()


def test_a_group_of_the_process_may_read_credentials(start_server, tmp_path):
    file = tmp_path / "keys.toml"
    assert run_cli("credentials", "add", "--file", file, "--user", "a").returncode == 0
    file.chmod(0o440)
    server = start_server("--credentials", file)
    assert "a group of this process has access" in server.log()


@pytest.mark.parametrize("way", ["standard input", "file"])
def test_secrets_need_not_be_in_the_list_of_processes(tmp_path, way):
    file = tmp_path / "keys.toml"
    if way == "file":
        (tmp_path / "secret").write_text("the-secret-of-the-key\n")
        (tmp_path / "token").write_text("the-token\n")
        secret, token, stdin = f"@{tmp_path}/secret", f"@{tmp_path}/token", None
    else:
        secret, token, stdin = "-", "-", b"the-secret-of-the-key\nthe-token\n"
    added = run_cli("credentials", "add", "--file", file, "--user", "a", "--json",
                    "--access-key-id", "AKIAIOSFODNN7EXAMPLE", "--secret-access-key", secret,
                    "--session-token", token, stdin=stdin)
    assert added.returncode == 0, added.stderr
    assert "the-secret-of-the-key" in json.loads(added.stdout).values()
    assert stat.S_IMODE(os.stat(file).st_mode) == 0o600
    assert "the-token" in file.read_text()
    assert b"warning" not in added.stderr


def test_a_secret_on_the_command_line_is_warned_of_and_not_repeated(tmp_path):
    added = run_cli("credentials", "add", "--file", tmp_path / "keys.toml", "--user", "a", "--json",
                    "--access-key-id", "AKIAIOSFODNN7EXAMPLE",
                    "--secret-access-key", "the-secret-of-the-key", "--session-token", "-",
                    stdin=b"the-token\n")
    assert added.returncode == 0
    assert b"warning: --secret-access-key was given on the command line" in added.stderr
    assert b"--session-token" not in added.stderr and b"the-secret" not in added.stderr
    assert json.loads(added.stdout)["session_token"] == "the-token"


def test_a_hang_up_does_not_end_a_server_that_was_started_with_nohup(start_server):
    server = start_server(preexec=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    with open(f"/proc/{server.process.pid}/status") as status:
        ignored = next(line for line in status if line.startswith("SigIgn:"))
    assert int(ignored.split()[1], 16) & 1, "it is ignored still"
    server.process.send_signal(signal.SIGHUP)
    assert server.client().list_streams()["StreamNames"] == []
    assert server.terminate() == 0
    assert "told to look again" not in server.log()


def test_more_memory_than_there_is_is_warned_of(start_server):
    server = start_server("--memory-limit", "4096GiB")
    assert "there is less memory than --memory-limit" in server.log()


def limit_file_sizes(server, limit):
    _, hard = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (limit, hard))


FILES_MAX = 20 << 20


@pytest.mark.parametrize("since", ["before the start", "later"])
def test_logs_that_reach_the_limit_of_file_sizes_lose_lines_and_nothing_else(
        start_server, tmp_path, since):
    """Standard error and the audit log have reached `ulimit -f`, which ends whoever minds not."""
    audit, log = tmp_path / "audit", tmp_path / "data0.log"
    flags = ["--audit-log", audit, "--journal-file-bytes", 16 << 20, "--transition-ms", "0",
             "--log-level", "debug"]

    def fill():
        for file in [audit, log]:
            file.touch(0o600)
            os.truncate(file, FILES_MAX)

    if since == "later":
        server = start_server(*flags)
        fill()
        limit_file_sizes(server, FILES_MAX)
    else:
        fill()
        server = start_server(*flags, preexec=lambda: resource.setrlimit(
            resource.RLIMIT_FSIZE, (FILES_MAX, resource.RLIM_INFINITY)))
    client = server.client()
    name = streams.create(client)
    client.put_record(StreamName=name, Data=b"kept", PartitionKey="k")
    server.log()
    assert log.stat().st_size == audit.stat().st_size == FILES_MAX
    limit_file_sizes(server, resource.RLIM_INFINITY)
    client.delete_stream(StreamName=name)
    poll(lambda: b"lostLines" in audit.read_bytes() and b"DeleteStream" in audit.read_bytes())
    assert server.terminate() == 0
    assert b"lines of the log could not be written" in log.read_bytes()


def test_a_journal_that_reaches_the_limit_of_file_sizes_fails_and_is_healed(start_server):
    server = start_server("--transition-ms", "0")
    client = server.client()
    name = streams.create(client)
    client.put_record(StreamName=name, Data=b"kept", PartitionKey="k")
    limit_file_sizes(server, 1)
    with streams.refused("InternalFailure", status=500):
        client.put_record(StreamName=name, Data=b"refused", PartitionKey="k")
    assert streams.data(streams.read(client, name)) == [b"kept"], "reads go on"
    client = server.restart().client()
    client.put_record(StreamName=name, Data=b"more", PartitionKey="k")
    assert streams.data(streams.read(client, name)) in (
        [b"kept", b"more"], [b"kept", b"refused", b"more"])
