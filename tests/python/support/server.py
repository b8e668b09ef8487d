"""Starts the real executable on a port of its choosing and talks to it."""

import json
import os
import pathlib
import re
import select
import signal
import subprocess
import time
import urllib.error
import urllib.request

import boto3
import botocore.config

from . import seen

ROOT = pathlib.Path(__file__).resolve().parents[3]
ACCOUNT = "123456789012"
REGION = "us-east-1"
START_SECONDS = 30


def binary():
    path = os.environ.get("ANABRANCH_BIN") or ROOT / "target" / "release" / "anabranch"
    path = pathlib.Path(path)
    assert path.exists(), f"no server executable at {path}; run `cargo build --release` first"
    return str(path)


def poll(condition, seconds=20, what="condition"):
    """Waits for something that the API does asynchronously."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"{what} not met within {seconds} s"
        time.sleep(0.01)


def run_cli(*arguments, seconds=60, stdin=None, env=None):
    """Runs a command of our executable to its end."""
    return subprocess.run(
        [binary(), *map(str, arguments)],
        capture_output=True,
        timeout=seconds,
        input=stdin,
        env={**clean_environment(), **(env or {})},
    )


def clean_environment():
    """The environment without anything that would change what an AWS client does."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "ANABRANCH_"))}
    return {**kept, "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull}


class StartFailed(Exception):
    """The process ended, or printed something else, before it listened."""

    def __init__(self, returncode, stdout, stderr):
        super().__init__(f"exit code {returncode}, stdout {stdout!r}, stderr {stderr!r}")
        self.returncode, self.stdout, self.stderr = returncode, stdout, stderr


class Server:
    """One server process over one data directory. It can be killed and started again."""

    def __init__(self, data_dir, *flags, listen="127.0.0.1:0", env=None, preexec=None):
        self.data_dir = pathlib.Path(data_dir)
        self.flags = [str(flag) for flag in flags]
        self.listen = listen
        self.env = env or {}
        self.preexec = preexec
        self.log_path = self.data_dir.parent / f"{self.data_dir.name}.log"
        self.process = None
        self.endpoint = None
        self._admin = None

    def start(self):
        self._admin = None
        command = [binary(), "serve", "--listen", self.listen, "--data-dir", str(self.data_dir)]
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                command + self.flags,
                stdout=subprocess.PIPE,
                stderr=log,
                env={**clean_environment(), **self.env},
                preexec_fn=self._before_exec,
            )
        line = self._first_line()
        match = re.fullmatch(r"listening on (https?://\S+:(\d+))", line)
        if not match:
            self.process.kill()
            code = self.process.wait()
            self.process.stdout.close()
            raise StartFailed(code, line, self.log())
        self.port = int(match[2])
        self.is_tls = match[1].startswith("https")
        self.endpoint = match[1]
        return self

    def _before_exec(self):
        # A test run that nohup started ignores hang-ups, and its servers would, too.
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        if self.preexec:
            self.preexec()

    def _first_line(self):
        ready, _, _ = select.select([self.process.stdout], [], [], START_SECONDS)
        if not ready:
            return ""
        line = self.process.stdout.readline().decode().rstrip("\n")
        if not line:
            try:
                self.process.wait(START_SECONDS)
            except subprocess.TimeoutExpired:
                pass
        return line

    def log(self):
        """The log, with all lines of what is over: a thread writes them, which sleeps then."""
        poll(lambda: not self._is_logging(), what="the log is written")
        return self.log_path.read_text(errors="replace")

    def _is_logging(self):
        if self.process is None or self.process.poll() is not None:
            return False
        for task in pathlib.Path(f"/proc/{self.process.pid}/task").iterdir():
            try:
                name, rest = (task / "stat").read_text().split("(", 1)[1].rsplit(") ", 1)
            except OSError:
                continue
            if name == "log":
                return rest[0] != "S"
        return False

    def kill(self):
        """As a power cut would, for the process."""
        self.process.send_signal(signal.SIGKILL)
        self._reap()

    def terminate(self, seconds=30):
        """Asks for an orderly end and returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self._reap(seconds)

    def _reap(self, seconds=30):
        try:
            return self.process.wait(seconds)
        finally:
            self.process.stdout.close()

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.kill()

    def restart(self):
        self.stop()
        return self.start()

    @property
    def admin(self):
        """The address of the admin listener, which the log has: `http://127.0.0.1:4569`."""
        if self._admin is None:
            # The log has all starts.
            self._admin = re.findall(r'"?admin"?[=:]"?(http://[0-9.:]+)', self.log())[-1]
        return self._admin

    def health(self):
        with urllib.request.urlopen(f"{self.admin}/health", timeout=10) as answer:
            return json.load(answer)

    def health_status(self):
        """What a probe makes of it: the status code and the word."""
        try:
            with urllib.request.urlopen(f"{self.admin}/health", timeout=10) as answer:
                return answer.status, json.load(answer)["status"]
        except urllib.error.HTTPError as refused:
            return refused.code, json.load(refused)["status"]

    def client(self, access_key=ACCOUNT, secret="secret", token=None, region=REGION, **options):
        """A boto3 client that never retries, so that a test sees what the server said."""
        config = botocore.config.Config(
            retries={"total_max_attempts": 1, "mode": "standard"},
            connect_timeout=10,
            read_timeout=60,
            max_pool_connections=64,
            **options.pop("config", {}),
        )
        client = boto3.session.Session().client(
            "kinesis",
            endpoint_url=options.pop("endpoint_url", self.endpoint),
            region_name=region,
            aws_access_key_id=access_key,
            aws_secret_access_key=secret,
            aws_session_token=token,
            config=config,
            **options,
        )
        return seen.watch(client)


def arn(name, account=ACCOUNT, region=REGION):
    return f"arn:aws:kinesis:{region}:{account}:stream/{name}"
