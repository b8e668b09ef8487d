"""The example on real data at full size: undisturbed, and with the server killed in the middle."""

import json
import os
import subprocess
import sys

import pytest

from support.server import ROOT, clean_environment, poll

EXAMPLE = ROOT / "examples" / "flights"
FLIGHTS = 336_776
CARRIERS = 16
SECONDS = 300


@pytest.fixture
def server(start_server):
    return start_server("--limits", "off", "--transition-ms", "0")


@pytest.fixture
def example(server, tmp_path):
    """Starts one of the two programs against the server as it is now."""
    def start(program):
        return subprocess.Popen(
            [sys.executable, EXAMPLE / program, "--endpoint-url", server.endpoint,
             "--journal", tmp_path / "journal"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**clean_environment(), "AWS_ACCESS_KEY_ID": "any",
                 "AWS_SECRET_ACCESS_KEY": "any", "PYTHONDONTWRITEBYTECODE": "1"})

    return start


def finish(process, code=0):
    out, err = process.communicate(timeout=SECONDS)
    assert process.returncode == code, (out[-2000:], err[-4000:])
    print(out[-1000:])
    return out


def verified(example):
    summary = json.loads(finish(example("consumer.py")).splitlines()[-1])
    assert (summary["verified"], summary["carriers"], summary["faults"]) == (FLIGHTS, CARRIERS, 0)
    assert summary["shards"] == 4
    return summary


def test_every_flight_is_read_back_once_and_in_order(example):
    finish(example("producer.py"))
    assert verified(example)["stored_unanswered"] == 0


def test_every_acknowledged_flight_survives_a_kill(example, server, tmp_path):
    producer = example("producer.py")
    journal = tmp_path / "journal"

    def written():
        return sum(os.path.getsize(path) for path in journal.glob("*.jsonl"))

    # About a third of what the whole run writes into its journal.
    poll(lambda: written() > 12_000_000 or producer.poll() is not None, SECONDS, "a third is sent")
    assert producer.poll() is None, producer.communicate()
    server.kill()
    finish(producer, code=3)
    server.start()
    resumed = finish(example("producer.py"))
    assert "going on after" in resumed
    assert verified(example)["stored_unanswered"] <= 2 * 500 * 2
