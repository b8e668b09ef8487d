#!/usr/bin/env python3
"""Measures what a user record costs a client, by each of several producers, against one server.

    cargo build --release -p anabranch -p produce
    python3 -m venv target/aiokpl && target/aiokpl/bin/pip install aiokpl==0.2.0
    target/venv/bin/python tools/compare_producers.py --aiokpl target/aiokpl/bin/python

64 shards, limits off, 100,000 partition keys. A row for each: medians of the rounds of user records a
second, of the client's processor time for each, and of its ratio to that of the SDK in the same round.
"""

import argparse
import json
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time

from compare_builds import start

KEYS = [f"customer-{number}" for number in range(100_000)]
SHARDS = 64


def put_by_boto3(endpoint, stream, data, until):
    import boto3

    client = boto3.client("kinesis", endpoint_url=endpoint, region_name="us-east-1",
                          aws_access_key_id="a", aws_secret_access_key="b")
    count = 0
    while time.monotonic() < until:
        records = [{"Data": data, "PartitionKey": random.choice(KEYS)} for _ in range(500)]
        answer = client.put_records(StreamName=stream, Records=records)
        assert answer["FailedRecordCount"] == 0, answer
        count += 500
    return count


def put_by_aiokpl(endpoint, stream, data, until):
    import anyio
    from aiokpl import Config, Producer

    async def put():
        config = Config(region="us-east-1", endpoint_url=endpoint, aws_access_key_id="a",
                        aws_secret_access_key="b", rate_limit_records_per_sec_per_shard=1e9,
                        rate_limit_bytes_per_sec_per_shard=1e12)
        outcomes = []
        async with Producer(config) as producer:
            while time.monotonic() < until:
                for _ in range(100):
                    key = random.choice(KEYS)
                    outcomes.append(
                        await producer.put_record(stream=stream, partition_key=key, data=data))
            await producer.flush()
            for outcome in outcomes:
                assert (await outcome.wait()).success
        return len(outcomes)

    return anyio.run(put)


def work(kind, endpoint, stream, size, seconds):
    """In a process of its own: prints the count and the processor time."""
    put = {"boto3": put_by_boto3, "aiokpl": put_by_aiokpl}[kind]
    # The imports are no record's cost.
    __import__(kind)
    before = time.process_time()
    began = time.monotonic()
    count = put(endpoint, stream, b"x" * size, began + seconds)
    print(json.dumps([count, time.monotonic() - began, time.process_time() - before]))


def by_python(python, kind, endpoint, size, seconds):
    command = [python, __file__, "--work", kind, endpoint, "python", str(size), str(seconds)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    count, elapsed, used = json.loads(done.stdout)
    return count / elapsed, used * 1e6 / count


def by_tool(release, kind, endpoint, size, seconds, stream):
    command = [f"{release}/produce", "--client", kind, "--endpoint", endpoint, "--stream", stream,
               "--shards", str(SHARDS), "--record-bytes", str(size), "--seconds", str(seconds)]
    line = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    said = dict(word.split("=") for word in line.split())
    return float(said["records_per_second"]), float(said["client_microseconds_per_record"])


def by_bench(release, endpoint, size, seconds):
    command = [f"{release}/anabranch", "bench", "--endpoint", endpoint, "--stream", "bench", "--json",
               "--workload", "put-records", "-c", "16", "--shards", str(SHARDS), "--batch", "500",
               "--record-size", str(size), "--duration", f"{seconds}s"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    report = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    rate = report["records_per_s"]
    return rate, used * 1e6 / (rate * seconds)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--aiokpl", metavar="PYTHON", help="one that has aiokpl")
    parser.add_argument("--release", default="target/release", help="where the builds are")
    parser.add_argument("--sizes", type=int, nargs="*", default=[100, 1024])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--work", nargs=5, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        kind, endpoint, stream, size, seconds = options.work
        return work(kind, endpoint, stream, int(size), int(seconds))

    import boto3

    print("| record | producer | user records/s | client CPU us/record | records per CPU second, "
          "of the SDK's (lowest to highest) |")
    print("|---|---|--:|--:|--:|")
    for size in options.sizes:
        results = {}
        for number in range(options.rounds):
            with tempfile.TemporaryDirectory() as directory:
                server, endpoint = start(f"{options.release}/anabranch", directory,
                                         "--transition-ms", "0")
                try:
                    client = boto3.client("kinesis", endpoint_url=endpoint, region_name="us-east-1",
                                          aws_access_key_id="a", aws_secret_access_key="b")
                    client.create_stream(StreamName="python", ShardCount=SHARDS)
                    runs = {
                        "SDK for Rust, PutRecords of 500": lambda: by_tool(
                            options.release, "sdk", endpoint, size, options.seconds, "sdk"),
                        "anabranch-producer": lambda: by_tool(
                            options.release, "library", endpoint, size, options.seconds, "library"),
                        "`anabranch bench`, PutRecords of 500": lambda: by_bench(
                            options.release, endpoint, size, options.seconds),
                        "boto3, PutRecords of 500": lambda: by_python(
                            sys.executable, "boto3", endpoint, size, options.seconds),
                    }
                    if options.aiokpl:
                        runs["aiokpl"] = lambda: by_python(
                            options.aiokpl, "aiokpl", endpoint, size, options.seconds)
                    # Who goes first changes.
                    names = list(runs)
                    for name in names[number % len(names):] + names[:number % len(names)]:
                        results.setdefault(name, []).append(runs[name]())
                finally:
                    server.terminate()
                    server.wait()
        sdk = [used for _, used in results["SDK for Rust, PutRecords of 500"]]
        for name, rounds in results.items():
            ratios = sorted(of_sdk / used for (_, used), of_sdk in zip(rounds, sdk))
            rate = statistics.median(rate for rate, _ in rounds)
            used = statistics.median(used for _, used in rounds)
            print(f"| {size} B | {name} | {rate:,.0f} | {used:.2f} | {statistics.median(ratios):.3g} "
                  f"({ratios[0]:.3g} to {ratios[-1]:.3g}) |", flush=True)


if __name__ == "__main__":
    main()
