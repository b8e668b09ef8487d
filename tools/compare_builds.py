#!/usr/bin/env python3
"""Measures two builds of the server in turns, on an empty directory each time.

    python3 tools/compare_builds.py BEFORE AFTER [--rounds 5] [--seconds 3] [--pin] [CASE ...]

The load comes from AFTER's `anabranch bench`; `--pin` gives it and the server a processor each, without
which one connection depends on where the system puts threads. Prints a row for each case: the median of the ratios of
the rounds (after ÷ before), with the lowest and the highest, and the medians themselves. Puts of
`fan-out` have a fixed rate: look at its processor time and latency.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import tempfile

CASES = {
    "tag-streams, 64 connections": [["tag-streams", "-c", "64", "--shards", "1"]],
    "tag-streams, 1 connection": [["tag-streams", "-c", "1", "--shards", "1"]],
    "put-record, 64 connections": [["put-record", "-c", "64", "--shards", "4"]],
    "put-record, 1 connection": [["put-record", "-c", "1", "--shards", "1"]],
    "put-records 500 x 1 KiB": [["put-records", "-c", "16", "--shards", "4", "--batch", "500"]],
    "put-records 100 x 1 KiB": [["put-records", "-c", "16", "--shards", "4", "--batch", "100"]],
    "get": [
        ["put-records", "-c", "8", "--shards", "4", "--max-requests", "300", "--duration", "60s"],
        ["get", "-c", "8", "--repeat"],
    ],
    "fan-out, 20 consumers": [
        ["fan-out", "-c", "4", "--shards", "1", "--consumers", "20", "--rate", "50", "--batch", "50"],
    ],
}


PIN_SERVER, PIN_LOAD = ["taskset", "-c", "0"], ["taskset", "-c", "1"]


def start(binary, directory, *flags, before=()):
    command = [*before, binary, "serve", "--data-dir", directory, "--listen", "127.0.0.1:0", "--limits", "off"]
    command += flags
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    for line in server.stdout:
        for word in line.replace('"', " ").split():
            if word.startswith("http://"):
                return server, word
    raise SystemExit(f"{binary} did not start")


def measure(binary, generator, runs, seconds, pin):
    directory = tempfile.mkdtemp()
    server, url = start(binary, directory, before=PIN_SERVER if pin else ())
    try:
        for run in runs:
            command = [*(PIN_LOAD if pin else ()), generator, "bench", "--endpoint", url, "--stream", "load", "--json"]
            command += ["--server-pid", str(server.pid), "--workload", *run]
            if "--duration" not in run:
                command += ["--duration", f"{seconds}s"]
            report = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    finally:
        server.terminate()
        server.wait()
        shutil.rmtree(directory)
    if report["errors"]:
        raise SystemExit(f"errors: {report['errors']}")
    latency = (report.get("end_to_end") or {}).get("put_to_read_ms") or report["latency_ms"]
    return {
        "records_per_s": report["records_per_s"],
        "p50_ms": latency["p50"],
        "p99_ms": latency["p99"],
        "cpu_s_per_million": report["server"]["cpu_seconds_per_million_records"],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("before")
    parser.add_argument("after")
    parser.add_argument("cases", nargs="*", help="parts of names; default: all")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--pin", action="store_true", help="a processor for the server, one for the load")
    options = parser.parse_args()
    builds = [options.before, options.after]
    print("| case | what | before | after | after ÷ before (lowest to highest) |")
    print("|---|---|--:|--:|--:|")
    for name, runs in CASES.items():
        if options.cases and not any(part in name for part in options.cases):
            continue
        results = [[], []]
        for round_number in range(options.rounds):
            # Who goes first changes, so that neither always finds the disk as the other left it.
            for build in (0, 1) if round_number % 2 == 0 else (1, 0):
                result = measure(builds[build], options.after, runs, options.seconds, options.pin)
                results[build].append(result)
        for what in results[0][0]:
            before, after = ([result[what] for result in build] for build in results)
            if not all(before) or not all(after):
                continue
            ratios = sorted(b / a for a, b in zip(before, after))
            row = [name, what, f"{statistics.median(before):,.3f}", f"{statistics.median(after):,.3f}"]
            row.append(f"{statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})")
            print("| " + " | ".join(row) + " |", flush=True)


if __name__ == "__main__":
    main()
