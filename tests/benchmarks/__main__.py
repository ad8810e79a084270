"""`python -m tests.benchmarks` measures every subject, prints one table and writes work/bench.json.

`python -m tests.benchmarks NAME ...` measures some subjects and only prints: the file is always of a whole run.
"""

import argparse
import os
import time
from pathlib import Path

from tests.benchmarks.table import rows_of, save, show

SUBJECTS = (
    "tokenization",
    "training_step",
    "training_ranks",
    "extraction",
    "extraction_quality",
    "reading",
    "filters",
    "workers",
    "memory",
)
REPORT = Path("work/bench.json")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description="Ours beside public tools.")
    parser.add_argument("subjects", nargs="*", metavar="NAME", help=f"out of {', '.join(SUBJECTS)}; all without one")
    chosen = parser.parse_args().subjects or list(SUBJECTS)
    if unknown := set(chosen) - set(SUBJECTS):
        parser.error(f"no such subject: {', '.join(sorted(unknown))}; there are {', '.join(SUBJECTS)}")
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # one thread, as ours
    begin = time.perf_counter()
    rows = [row for name in chosen for row in rows_of(name)]
    show(rows)
    print(f"{time.perf_counter() - begin:.0f} s on {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    if chosen == list(SUBJECTS):
        save(rows, REPORT)
        print(f"written to {REPORT}")


if __name__ == "__main__":
    main()
