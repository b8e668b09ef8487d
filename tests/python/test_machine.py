"""What the machine around a server may do: locks that are removed, few descriptors, open modes."""

import json
import os
import pathlib
import re
import resource
import shutil
import signal
import socket
import stat
import tempfile
import time

import pytest

from support import streams
from support.admin import ask
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


def connect_silently(port, count):
    """Sockets that say nothing; some of them wait in the listen queue for ever."""
    sockets = []
    for _ in range(count):
        silent = socket.socket()
        silent.setblocking(False)
        silent.connect_ex(("127.0.0.1", port))
        sockets.append(silent)
    return sockets


# Files that may be open, places for connections, silent sockets.
FEW_DESCRIPTORS = [(64, 4096, 200), (128, 4096, 400), (1024, 4096, 1024), (5120, 4096, 4608)]


@pytest.mark.parametrize("files, places, silent", FEW_DESCRIPTORS)
def test_few_descriptors_bound_connections_and_end_no_writes(start_server, files, places, silent):
    """Meanwhile the journal goes on to other files. With `-s` it says what held."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < silent + 100:
        pytest.skip(f"this needs {silent + 100} open files, and {hard} are allowed")
    server = start_server("--transition-ms", "0", "--limits", "off", "--max-connections", places,
                          "--journal-file-bytes", 16 << 20,
                          preexec=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (files, files)))
    client = server.client()
    name = streams.create(client)
    stored = 0

    def put(client):
        nonlocal stored
        answer = client.put_records(StreamName=name, Records=[
            {"Data": bytes(1 << 20), "PartitionKey": "k"}] * 5)
        assert answer["FailedRecordCount"] == 0
        stored += 5

    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, silent + 100), hard))
    strangers = connect_silently(server.port, silent)
    try:
        # Whoever had a connection before goes on to use it, over three files of the journal.
        for _ in range(7):
            put(client)
        used = len(os.listdir(f"/proc/{server.process.pid}/fd"))
        # A place is found for somebody who speaks, behind those who are silent in the listen queue.
        came = time.monotonic()
        server.client().list_streams()
        waited = time.monotonic() - came
        assert used <= files and server.health()["status"] == "ok"
    finally:
        for stranger in strangers:
            stranger.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    put(server.client())
    log = server.log()
    assert ("fewer connections than --max-connections" in log) == (files - places < 512)
    assert "failed" not in log and "cannot go on" not in log
    server.restart()
    found = len(streams.read(server.client(), name))
    assert found == stored
    print(f"| {files:,} | {places:,} | {silent:,} | {used:,} | {waited:.1f} s | "
          f"{stored} of {stored} | {found} |")


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
    # Reads and deletions go on, and a restart would not help.
    for path in ["ready", "live"]:
        reply = ask(server, path)
        assert (reply.status, reply.json) == (200, {"status": "full"})
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


ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
NOBODY, SOMEBODY, VOLUME_GROUP = 65534, 10001, 20001


def write_tls_files(directory):
    """A certificate and its key, as a server makes them for itself."""
    directory.mkdir(exist_ok=True)
    server = Server(directory / "maker", "--tls-self-signed", "--durability", "memory").start()
    server.stop()
    return [server.data_dir / f"tls-{kind}.pem" for kind in ["cert", "key"]]


def make_private(kind, directory):
    """A file or directory that is to be private, and the flags that a server uses it with."""
    if kind == "credentials":
        file = directory / "keys.toml"
        assert run_cli("credentials", "add", "--file", file, "--user", "a").returncode == 0
        return file, ["--credentials", file]
    if kind == "keyring":
        file = directory / "keyring.toml"
        made = run_cli("keys", "create", "--keyring", file)
        assert made.returncode == 0, made.stderr
        return file, ["--keyring", file]
    if kind == "key of TLS":
        certificate, key = write_tls_files(directory)
        return key, ["--tls-cert", certificate, "--tls-key", key]
    data = directory / "data"
    Server(data).start().stop()
    return data, []


SECRETS = ["credentials", "keyring", "key of TLS"]


@ROOT_ONLY
@pytest.mark.parametrize("kind", [*SECRETS, "data directory"])
def test_what_belongs_to_another_user_is_refused(tmp_path, kind):
    path, flags = make_private(kind, tmp_path)
    server = Server(tmp_path / "data", *flags)
    os.chown(path, NOBODY, -1)
    with pytest.raises(StartFailed) as caught:
        server.start()
    said = caught.value.stderr
    assert caught.value.returncode == 1
    assert kind in said and f"chown 0 {path}" in said and f"the user {NOBODY}" in said
    os.chown(path, 0, -1)
    server.start().stop()


@pytest.mark.parametrize("kind", SECRETS)
def test_secrets_that_others_can_read_are_refused(tmp_path, kind):
    path, flags = make_private(kind, tmp_path)
    path.chmod(0o644)
    with pytest.raises(StartFailed) as caught:
        Server(tmp_path / "data", *flags).start()
    said = caught.value.stderr
    assert caught.value.returncode == 1 and kind in said and f"chmod 600 {path}" in said


def test_a_mock_that_keeps_nothing_uses_no_directory_of_others(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    if os.geteuid() == 0:
        os.chown(data, NOBODY, -1)
    Server(data, "--durability", "memory").start().stop()


def test_a_renewed_key_that_others_can_read_is_not_taken(start_server, tmp_path):
    certificate, key = write_tls_files(tmp_path)
    server = start_server("--tls-cert", certificate, "--tls-key", key)
    renewed = [file.read_bytes() for file in write_tls_files(tmp_path / "renewed")]
    key.chmod(0o644)
    for file, content in zip([certificate, key], renewed):
        file.write_bytes(content)
    server.process.send_signal(signal.SIGHUP)
    poll(lambda: "the previous certificate stays in force" in server.log())
    assert f"chmod 600 {key}" in server.log() and "read again" not in server.log()
    key.chmod(0o600)
    server.process.send_signal(signal.SIGHUP)
    poll(lambda: "TLS certificate read again" in server.log())


@pytest.fixture
def everybodys_path():
    """A directory that other users get to, which that of the test is not."""
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="anabranch-") as path:
        os.chmod(path, 0o755)
        yield pathlib.Path(path)


def become(user, groups):
    def change():
        os.setgroups(groups)
        os.setgid(user)
        os.setuid(user)
    return change


@ROOT_ONLY
def test_a_volume_and_secrets_of_fs_group_are_taken_as_kubernetes_mounts_them(everybodys_path):
    """Volumes belong to root and to a group of the process; what is in them is readable by the group."""
    data, secrets = everybodys_path / "data", everybodys_path / "secrets"
    for directory in [data, secrets]:
        directory.mkdir()
        os.chown(directory, 0, VOLUME_GROUP)
    data.chmod(0o2770)
    secrets.chmod(0o750)
    file, flags = make_private("credentials", secrets)
    key = json.loads(run_cli("credentials", "add", "--file", file, "--user", "b", "--json").stdout)
    os.chown(file, 0, VOLUME_GROUP)
    file.chmod(0o440)
    server = Server(data, *flags, "--transition-ms", "0",
                    preexec=become(SOMEBODY, [VOLUME_GROUP]))
    try:
        client = server.start().client(key["access_key_id"], key["secret_access_key"])
        name = streams.create(client)
        client.start_stream_encryption(
            StreamName=name, EncryptionType="KMS", KeyId="alias/aws/kinesis")
        client.put_record(StreamName=name, Data=b"sealed", PartitionKey="k")
        assert server.terminate() == 0
        keyring = data / "keyring.toml"
        assert keyring.stat().st_uid == SOMEBODY
        # As the next mount leaves it.
        for path in data.rglob("*"):
            os.chown(path, -1, VOLUME_GROUP)
            path.chmod(path.stat().st_mode | (0o2070 if path.is_dir() else 0o060))
        client = server.start().client(key["access_key_id"], key["secret_access_key"])
        assert streams.data(streams.read(client, name)) == [b"sealed"]
        log = server.log()
        for path in [file, keyring]:
            assert re.search(f"a group of this process has access, too path={path}", log)
        assert "others can write" not in log
    finally:
        server.stop()


def test_a_group_of_the_process_may_read_the_keyring(start_server, tmp_path):
    file, flags = make_private("keyring", tmp_path)
    file.chmod(0o660)
    server = start_server(*flags)
    assert f"a group of this process has access, too path={file}" in server.log()


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
