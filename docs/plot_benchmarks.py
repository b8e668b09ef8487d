"""Draws docs/benchmarks.svg from the table of goals in docs/benchmarks.md.

    python3 docs/plot_benchmarks.py            # writes it
    python3 docs/plot_benchmarks.py --check    # fails if it is not what would be written
"""

import math
import re
import sys
from html import escape
from pathlib import Path

# The goals that are ratios in which more is better, and what the plot calls them.
ROWS = {
    "PutRecords 500 × 1 KiB ÷ read_and_sync": "500 records a put ÷ a server that syncs and keeps nothing",
    "the same ÷ read_and_sync that keeps what it takes": "500 records a put ÷ a server that only stores",
    "PutRecords 100 × 1 KiB, synced ÷ ferrokinesis in memory": "100 records a put ÷ ferrokinesis in memory",
    "PutRecord, 64 connections ÷ synced publish of JetStream": "1 record a put ÷ JetStream, synced",
    "PutRecord, 64 connections ÷ synced XADD of Redis Streams": "1 record a put ÷ Redis Streams, synced",
    "GetRecords, tail, JSON ÷ nginx, bytes/s": "reading from memory, JSON ÷ nginx",
    "GetRecords, tail, CBOR ÷ nginx": "reading from memory, CBOR ÷ nginx",
    "GetRecords, segments, JSON ÷ nginx": "reading from the disk, JSON ÷ nginx",
    "GetRecords, segments, CBOR ÷ nginx": "reading from the disk, CBOR ÷ nginx",
    "fan-out, bytes/s ÷ loopback": "pushing to 20 consumers ÷ loopback",
    "records/s, 100 shards ÷ 1": "100 shards ÷ 1 shard",
    "records/s, 10,000 shards ÷ 1": "10,000 shards ÷ 1 shard",
}
TICKS = [0.25, 0.5, 1, 2, 4, 8]
WIDTH, LEFT, RIGHT, TOP, ROW = 860, 430, 70, 56, 26
STYLE = """
  .back { fill: #ffffff; } text { fill: #1f2328; font: 13px system-ui, sans-serif; }
  .soft { fill: #59636e; } .grid { stroke: #d1d9e0; } .one { stroke: #59636e; stroke-width: 1.5; }
  .span { stroke: #0969da; stroke-width: 3; stroke-linecap: round; opacity: .45; } .dot { fill: #0969da; }
  @media (prefers-color-scheme: dark) {
    .back { fill: #0d1117; } text { fill: #f0f6fc; } .soft { fill: #9198a1; } .grid { stroke: #3d444d; }
    .one { stroke: #9198a1; } .span { stroke: #4493f8; } .dot { fill: #4493f8; }
  }
"""


def ratios(page: str) -> list[tuple[str, float, float, float]]:
    """Label, median, lowest and highest of each row."""
    found = []
    for goal, label in ROWS.items():
        row = re.escape(f"| {goal} | ") + r"[^|]+\| ([\d.]+) \(([\d.]+) to ([\d.]+)\) \|"
        match = re.search(row, page)
        if match is None:
            raise SystemExit(f"docs/benchmarks.md has no row {goal!r}")
        found.append((label, *map(float, match.groups())))
    return found


def x(ratio: float) -> float:
    """The place of a ratio on the logarithmic axis."""
    share = math.log(ratio / TICKS[0]) / math.log(TICKS[-1] / TICKS[0])
    return round(LEFT + share * (WIDTH - LEFT - RIGHT), 1)


def draw(rows: list[tuple[str, float, float, float]]) -> str:
    bottom = TOP + ROW * len(rows)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {bottom + 14}" role="img">',
        "<title>Records or bytes a second, as ratios</title>",
        f"<style>{STYLE}</style>",
        '<rect class="back" width="100%" height="100%"/>',
        '<text x="16" y="24">Records or bytes a second, as a ratio: median, lowest to highest</text>',
    ]
    for tick in TICKS:
        kind = "one" if tick == 1 else "grid"
        parts.append(f'<line class="{kind}" x1="{x(tick)}" y1="{TOP - 8}" x2="{x(tick)}" y2="{bottom}"/>')
        parts.append(f'<text class="soft" x="{x(tick)}" y="{TOP - 12}" text-anchor="middle">{tick:g}</text>')
    for number, (label, median, lowest, highest) in enumerate(rows):
        y = TOP + ROW * number + ROW // 2
        parts.append(f'<text x="{LEFT - 14}" y="{y + 4}" text-anchor="end">{escape(label)}</text>')
        parts.append(f'<line class="span" x1="{x(lowest)}" y1="{y}" x2="{x(highest)}" y2="{y}"/>')
        parts.append(f'<circle class="dot" cx="{x(median)}" cy="{y}" r="4.5"/>')
        parts.append(f'<text class="soft" x="{WIDTH - 16}" y="{y + 4}" text-anchor="end">{median:g}</text>')
    return "\n".join([*parts, "</svg>", ""])


if __name__ == "__main__":
    docs = Path(__file__).parent
    page = (docs / "benchmarks.md").read_text(encoding="utf-8")
    drawn, plot = draw(ratios(page)), docs / "benchmarks.svg"
    if sys.argv[1:] != ["--check"]:
        plot.write_text(drawn, encoding="utf-8")
    elif plot.read_text(encoding="utf-8") != drawn:
        raise SystemExit("docs/benchmarks.svg is not that of docs/benchmarks.md")
