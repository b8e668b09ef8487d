"""What the record processors of one application wrote down, in the order in which it happened."""

import json
import threading


class Journal:
    """Reads on from where it stood, so that waiting for something does not read all anew."""

    def __init__(self, path):
        self.path = path
        self._lock = threading.Lock()
        self._offset = 0
        self._events = []

    def events(self):
        """All events so far; a line that is still being written does not count."""
        with self._lock:
            if self.path.exists():
                with open(self.path, "rb") as file:
                    file.seek(self._offset)
                    whole, _, _ = file.read().rpartition(b"\n")
                if whole:
                    self._offset += len(whole) + 1
                    self._events += [json.loads(line) for line in whole.split(b"\n")]
            return list(self._events)


def records(events):
    """Every record in the order of its delivery."""
    return [
        {**record, "shard": event["shard"]}
        for event in events
        if event["event"] == "records"
        for record in event["records"]
    ]


def ended(events):
    """The shards whose end has been checkpointed, with the place of that in the journal."""
    return {
        event["shard"]: place
        for place, event in enumerate(events)
        if event["event"] == "checkpoint" and event["position"] == "SHARD_END"
    }


def begun(events):
    """The shards whose processors have been started: for each the places and positions."""
    found = {}
    for place, event in enumerate(events):
        if event["event"] == "initialize":
            found.setdefault(event["shard"], []).append((place, event["position"]))
    return found
