"""What a worker has sent and what was acknowledged, as lines of JSON in a file of its own.

["send", id, [row, ...]]                      before a request leaves
["done", id, [[row, shard, number], ...]]     after its answer, with the records that were stored

A "send" without its "done" is a request whose fate is unknown: its records may be stored or not.
"""

import json


class Journal:
    def __init__(self, path):
        self.acknowledged = {}
        self.lost = []
        self.next_id = 0
        sent = {}
        for line in _lines(path):
            kind, number, rows = json.loads(line)
            self.next_id = max(self.next_id, number + 1)
            if kind == "send":
                sent[number] = rows
            else:
                del sent[number]
                for row, shard, sequence_number in rows:
                    self.acknowledged[row] = (shard, sequence_number)
        self.lost = list(sent.values())
        self.path = path
        self.file = None

    def send(self, rows):
        number = self.next_id
        self.next_id += 1
        self._write(["send", number, rows])
        return number

    def done(self, number, stored):
        self._write(["done", number, stored])
        for row, shard, sequence_number in stored:
            self.acknowledged[row] = (shard, sequence_number)

    def _write(self, line):
        if self.file is None:
            self.file = open(self.path, "a")
        self.file.write(json.dumps(line, separators=(",", ":")) + "\n")
        self.file.flush()


def _lines(path):
    if not path.exists():
        return []
    text = path.read_text()
    # A last line without its end was cut short by a crash of ours and never counted.
    whole = text[:text.rfind("\n") + 1]
    if whole != text:
        path.write_text(whole)
    return whole.splitlines()
