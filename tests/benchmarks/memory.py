"""Peak memory of one worker that collects and cleans 500 MB beside 50 MB: the corpus must not be held.

Each size goes through a process of its own, shard by shard. Linux tells its peak (VmHWM; that of getrusage begins with what the
process had that started it). The 500 MB are the 50 MB read ten times, under other names.
"""

import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.benchmarks.corpus import documents
from tests.benchmarks.table import Row

COPIES = (1, 10)
ROUNDS = 3
WORKER = """
import re, sys
from pathlib import Path
from data.clean.config import CleanConfig
from data.clean.clean import clean_shard
from data.collect.config import CollectConfig
from data.collect.collect import collect_shard, plan_shards
folder, copies = Path(sys.argv[1]), int(sys.argv[2])
config = CollectConfig(sources=[{"name": f"copy-{n}", "path": "text.jsonl"} for n in range(copies)], shard_mb=16)
for shard in plan_shards(config, folder):
    out = folder / f"{copies}-{shard.key}"
    (out / "clean").mkdir(parents=True)
    collect_shard(out, shard, config)
    for part in sorted(out.glob("documents-*.parquet")):
        clean_shard(out / "clean", part, CleanConfig())
        part.unlink()
print(1024 * int(re.search(r"VmHWM:\\s*([0-9]+) kB", Path("/proc/self/status").read_text())[1]))
"""


def rows() -> list[Row]:
    """Peak resident memory in MB; a ratio of 1 says that it does not grow."""
    import orjson

    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "text.jsonl").write_bytes(b"".join(orjson.dumps({"text": text}) + b"\n" for text in documents()))
        peaks: dict[int, list[float]] = {copies: [] for copies in COPIES}
        for done in range(ROUNDS):
            for copies in COPIES:
                peaks[copies].append(_peak(folder, copies))
            print(f"memory: round {done + 1} of {ROUNDS}", file=sys.stderr, flush=True)
    few, many = (statistics.median(peaks[copies]) for copies in COPIES)
    ratios = sorted(large / small for small, large in zip(*peaks.values(), strict=True))
    return [
        Row(
            "peak memory of a worker, 500 MB of text",
            round(many, 1),
            round(few, 1),
            "50 MB of text",
            "MB",
            round(statistics.median(ratios), 3),
            (round(ratios[0], 3), round(ratios[-1], 3)),
            ROUNDS,
        )
    ]


def _peak(folder: Path, copies: int) -> float:
    with tempfile.TemporaryDirectory(dir=folder) as own:
        (Path(own) / "text.jsonl").symlink_to(folder / "text.jsonl")
        command = [sys.executable, "-c", WORKER, own, str(copies)]
        return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout) / 1e6
