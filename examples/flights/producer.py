#!/usr/bin/env python3
"""Puts every flight into a stream with PutRecords, 500 at a time, in order for each carrier.

Only boto3 is used, so it runs against Amazon Kinesis as well. A journal keeps what was
acknowledged: run the same command again after a failure and it goes on from there.
"""

import argparse
import multiprocessing
import pathlib
import random
import sys
import time

import boto3
import botocore.config
import botocore.exceptions

import events
from journal import Journal

BATCH = 500
BATCH_BYTES = 4 * 1024 * 1024
CONNECTION_LOST = 3


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--endpoint-url", help="for example http://127.0.0.1:4567")
    parser.add_argument("--region", default="us-east-1")
    parser.add_argument("--stream", default="flights")
    parser.add_argument("--shards", type=int, default=4, help="when the stream has to be created")
    parser.add_argument("--workers", type=int, default=2, help="processes; each has own carriers")
    parser.add_argument("--journal", type=pathlib.Path, default=pathlib.Path("flights-journal"))
    return parser.parse_args()


def connect(options):
    return boto3.client(
        "kinesis", endpoint_url=options.endpoint_url, region_name=options.region,
        config=botocore.config.Config(retries={"total_max_attempts": 2, "mode": "standard"}))


def make_stream(client, options):
    try:
        client.create_stream(StreamName=options.stream, ShardCount=options.shards)
        print(f"created stream {options.stream} with {options.shards} shards", flush=True)
    except client.exceptions.ResourceInUseException:
        pass
    while client.describe_stream_summary(StreamName=options.stream)[
            "StreamDescriptionSummary"]["StreamStatus"] != "ACTIVE":
        time.sleep(0.05)


def batches(flights, rows):
    """Rows in runs of at most 500 records and 4 MiB."""
    batch, size = [], 0
    for row in rows:
        length = len(flights[row][0]) + len(flights[row][1])
        if batch and (len(batch) == BATCH or size + length > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(row)
        size += length
    if batch:
        yield batch


def put(client, options, flights, journal, rows):
    """Puts one batch until all of it is stored.

    Records that were refused are sent again, in order, before anything later is: the only way in
    which a record can be overtaken is by one of the same request, which the service allows.
    """
    delay = 0.05
    while rows:
        number = journal.send(rows)
        answer = client.put_records(StreamName=options.stream, Records=[
            {"PartitionKey": flights[row][0], "Data": flights[row][1]} for row in rows])
        results = list(zip(rows, answer["Records"], strict=True))
        journal.done(number, [
            (row, result["ShardId"], result["SequenceNumber"])
            for row, result in results if "ErrorCode" not in result])
        rows = [row for row, result in results if "ErrorCode" in result]
        if rows:
            time.sleep(delay * random.uniform(0.5, 1.5))
            delay = min(2 * delay, 2)


def work(options, flights, worker, rows, progress):
    journal = Journal(options.journal / f"worker-{worker}.jsonl")
    client = connect(options)
    remaining = [row for row in rows if row not in journal.acknowledged]
    try:
        for batch in batches(flights, remaining):
            put(client, options, flights, journal, batch)
            with progress.get_lock():
                progress.value += len(batch)
    except (botocore.exceptions.ConnectionError, botocore.exceptions.HTTPClientError) as error:
        print(f"worker {worker}: {error}", file=sys.stderr)
        sys.exit(CONNECTION_LOST)


def main():
    options = arguments()
    options.journal.mkdir(parents=True, exist_ok=True)
    flights = events.load()
    shares = events.share(flights, options.workers)
    make_stream(connect(options), options)
    before = sum(len(Journal(path).acknowledged) for path in options.journal.glob("*.jsonl"))
    progress = multiprocessing.Value("q", before)
    if before:
        print(f"going on after {before:,} acknowledged records", flush=True)
    started = time.monotonic()
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=work, args=(options, flights, worker, rows, progress))
               for worker, rows in enumerate(shares)]
    for worker in workers:
        worker.start()
    while any(worker.is_alive() for worker in workers):
        for worker in workers:
            worker.join(0.5 / len(workers))
        print(f"acknowledged {progress.value:,} of {len(flights):,}", flush=True)
    codes = [worker.exitcode for worker in workers]
    if any(codes):
        print("not finished; run the same command again to go on", file=sys.stderr)
        sys.exit(max(abs(code) for code in codes))
    seconds = time.monotonic() - started
    rate = (len(flights) - before) / max(seconds, 1e-9)
    print(f"done: {len(flights):,} records, {seconds:.1f} s, {rate:,.0f} records/s", flush=True)


if __name__ == "__main__":
    main()
