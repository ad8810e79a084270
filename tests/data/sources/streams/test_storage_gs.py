"""Files of Google's storage: a server that speaks its API, on this machine."""

import gzip
import io
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from gcp_storage_emulator.server import create_server

from data.sources.streams import storage
from data.sources.streams.storage import list_url, open_file
from tests.data.sources.streams.test_storage import LINES, RECORDS, collected, listed


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with create_server("127.0.0.1", port, in_memory=True, default_bucket="corpus"):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def bucket(server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """What writes into the bucket `corpus`; requests are small, for files to take several."""
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", server)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(storage, "BLOCK_BYTES", 4096)
    monkeypatch.setattr(storage, "PAUSES", (0.0, 0.0))
    storage._filesystem_of.cache_clear()
    yield storage._filesystem_of("gs")
    storage._filesystem_of.cache_clear()


def test_files_folders_and_globs(bucket: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    table = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(RECORDS), table, row_group_size=50)
    contents = {"a.jsonl": LINES, "deep/b.jsonl.gz": gzip.compress(LINES), "c.parquet": table.getvalue()}
    for name, content in (contents | {".hidden.jsonl": LINES, "deep/": b""}).items():
        bucket.pipe_file(f"corpus/in/{name}", content)
    urls = [f"gs://corpus/in/{name}" for name in sorted(contents)]
    for url in ("gs://corpus/in", "gs://corpus/in/", "gs://corpus/in/**"):
        assert [file.path for file in listed(url)] == urls
    assert [file.path for file in listed(["gs://corpus/in/*.jsonl", "gs://corpus/in/a.jsonl"])] == urls[:1]
    rows = collected(tmp_path, "gs://corpus/in", "out")
    assert [row["text"] for row in rows] == [record["text"].strip() for record in RECORDS] * 3
    assert (rows[0]["uri"], rows[-1]["uri"]) == (
        f"{urls[0]}#0",
        f"{urls[2]}#{LINES.rindex(json.dumps(RECORDS[-1]).encode())}",
    )
    assert not caplog.records


def test_parts_of_a_file_are_read_without_the_rest(bucket: Any) -> None:
    bucket.pipe_file("corpus/large.txt", bytes(range(256)) * 400)
    with open_file("gs://corpus/large.txt") as file:
        assert file.seek(51_203) == 51_203
        assert file.read(5) == bytes(range(3, 8))
        file.seek(-1, io.SEEK_END)
        assert file.read() == b"\xff"


def test_a_file_is_identified_by_its_size_and_generation(bucket: Any) -> None:
    identities = []
    for content in (b"one", b"two", b"longer"):
        bucket.pipe_file("corpus/id/a.txt", content)
        (file,) = list_url("gs://corpus/id/a.txt")
        assert list_url("gs://corpus/id") == [file]
        assert file.identity.startswith(f"{len(content)} bytes, generation ")
        identities.append(file.identity)
    assert len(set(identities)) == 3


@pytest.mark.parametrize("url", ["gs://corpus/none.jsonl", "gs://nowhere/a.jsonl", "gs://nowhere/*"])
def test_what_is_not_there_is_one_line(bucket: Any, url: str) -> None:
    with pytest.raises(ValueError, match=r"there is no such file, folder or bucket") as error:
        listed(url)
    assert url in str(error.value) and "\n" not in str(error.value)
