"""Files behind URLs: a real S3 server and a real web server, both on this machine."""

import gzip
import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from moto.server import ThreadedMotoServer

from data.collect.collect import SourceFile, collect_shard, list_files, plan_shards
from data.collect.config import CollectConfig
from data.sources.config import SourceConfig
from data.sources.streams import storage
from data.sources.streams.storage import list_url, open_file
from data.tables import read_table

RECORDS = [{"text": f"Document number {n}. " + "word " * (n % 40)} for n in range(300)]
LINES = b"".join(json.dumps(record).encode() + b"\n" for record in RECORDS)


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Small requests, short pauses, no proxy, and no connection that outlives its server."""
    monkeypatch.setattr(storage, "BLOCK_BYTES", 4096)
    monkeypatch.setattr(storage, "PAUSES", (0.0, 0.0))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    storage._filesystem_of.cache_clear()
    yield
    storage._filesystem_of.cache_clear()


@pytest.fixture(scope="module")
def bucket() -> Iterator[Any]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    environment = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        found = boto3.resource("s3").Bucket("corpus")
        found.create()
        yield found
    server.stop()


class Web(BaseHTTPRequestHandler):
    """A web server as they are: with ranges and ETags, or without; sometimes it breaks a transfer off."""

    files: dict[str, bytes]
    etags: dict[str, str]
    ranges = True
    broken = 0  # transfers that end early, from now on
    short = 0  # bytes that every answer lacks, without saying so
    requests: list[tuple[str, str | None]]
    status = 200

    def log_message(self, *args: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path, cls = urlsplit(self.path).path, type(self)
        asked = self.headers.get("Range")
        if self.command == "GET":
            cls.requests.append((path, asked))
        content = cls.files.get(path)
        if path.endswith("/"):
            links = "".join(f'<a href="{name}">{name}</a>' for name in cls.files if name.startswith(path))
            content = f'<html><a href="../">up</a><a href="?C=M;O=A">by date</a>{links}</html>'.encode()
        if content is None or cls.status != 200:
            self.send_error(404 if content is None else cls.status)
            return
        body = content
        if asked and cls.ranges:
            begin, _, end = asked.removeprefix("bytes=").partition("-")
            body = content[int(begin) : int(end) + 1 - cls.short]
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {begin}-{int(begin) + len(body) - 1}/{len(content)}")
        else:
            self.send_response(200)
        self.send_header("Content-Type", "text/html" if path.endswith("/") else "application/octet-stream")
        self.send_header("Content-Length", str(len(body)))
        if path in cls.etags:
            self.send_header("ETag", cls.etags[path])
        self.end_headers()
        if self.command == "GET":
            if cls.broken and not path.endswith("/"):
                cls.broken -= 1
                self.wfile.write(body[: len(body) // 2])
                self.close_connection = True
            else:
                self.wfile.write(body)


@pytest.fixture
def web() -> Iterator[tuple[type[Web], str]]:
    handler = type("Handler", (Web,), {"files": {}, "etags": {}, "requests": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield handler, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def listed(path: object, **source: object) -> list[SourceFile]:
    return list_files([SourceConfig(name="s", path=path, **source)], Path("/"))


def collected(tmp_path: Path, path: object, name: str, **source: object) -> list[dict[str, Any]]:
    config = CollectConfig(sources=[SourceConfig(name="s", path=path, **source)], shard_mb=1)
    rows: list[dict[str, Any]] = []
    for shard in plan_shards(config, tmp_path):
        out = tmp_path / name / shard.key
        out.mkdir(parents=True)
        counts = collect_shard(out, shard, config)
        assert counts["quarantined"] == 0, read_table(out / "quarantine.parquet").to_pylist()
        rows += [row for part in sorted(out.glob("documents-*")) for row in read_table(part).to_pylist()]
    return rows


def test_s3_files_folders_and_globs(bucket: Any, tmp_path: Path) -> None:
    pq.write_table(pa.Table.from_pylist(RECORDS), tmp_path / "c.parquet", row_group_size=50)
    bucket.put_object(Key="in/a.jsonl", Body=LINES)
    bucket.put_object(Key="in/deep/b.jsonl.gz", Body=gzip.compress(LINES))
    bucket.put_object(Key="in/c.parquet", Body=(tmp_path / "c.parquet").read_bytes())
    urls = ["s3://corpus/in/a.jsonl", "s3://corpus/in/c.parquet", "s3://corpus/in/deep/b.jsonl.gz"]
    assert [file.path for file in listed("s3://corpus/in")] == urls
    assert [file.path for file in listed("s3://corpus/in/**")] == urls
    assert [file.path for file in listed(["s3://corpus/in/*.jsonl", "s3://corpus/in/a.jsonl"])] == urls[:1]
    rows = collected(tmp_path, "s3://corpus/in", "out")
    assert [row["text"] for row in rows] == [record["text"].strip() for record in RECORDS] * 3
    assert rows[0]["uri"] == "s3://corpus/in/a.jsonl#0" and rows[-1]["uri"] == "s3://corpus/in/deep/b.jsonl.gz#" + str(
        LINES.rindex(b"\n", 0, -1) + 1
    )


def test_an_s3_folder_without_what_is_no_document(bucket: Any, tmp_path: Path) -> None:
    for key in ("f/", "f/deep/", "f/.hidden.jsonl", "f/.git/a.jsonl", "f/deep/.b.jsonl", "f/deep/a.jsonl"):
        bucket.put_object(Key=key, Body=b"" if key.endswith("/") else LINES)
    bucket.put_object(Key="f/what?.jsonl", Body=LINES)
    urls = ["s3://corpus/f/deep/a.jsonl", "s3://corpus/f/what?.jsonl"]
    assert [file.path for file in listed("s3://corpus/f")] == urls
    assert [file.path for file in listed("s3://corpus/f/")] == urls
    assert [file.path for file in listed("s3://corpus/f/**")] == urls
    assert [file.path for file in listed("s3://corpus/f/*.jsonl")] == urls[1:]
    assert [file.path for file in listed(urls[1])] == urls[1:]
    # Named as such they are meant.
    for url in (
        "s3://corpus/f/.git",
        "s3://corpus/f/.git/*.jsonl",
        "s3://corpus/f/.git/a.jsonl",
        "s3://corpus/f/*/a.jsonl",
    ):
        found = "f/deep" if "*/" in url else "f/.git"
        assert [file.path for file in listed(url)] == [f"s3://corpus/{found}/a.jsonl"]
    assert [file.path for file in listed("s3://corpus/f/.h*")] == ["s3://corpus/f/.hidden.jsonl"]
    assert len(collected(tmp_path, "s3://corpus/f", "out")) == 600
    bucket.put_object(Key="empty/")
    with pytest.raises(ValueError, match=r"path 's3://corpus/empty' matches no file"):
        listed("s3://corpus/empty")


def test_an_s3_file_is_identified_by_its_size_and_etag(bucket: Any) -> None:
    bucket.put_object(Key="id/a.txt", Body=b"one")
    (before,) = listed("s3://corpus/id/a.txt")
    (again,) = listed("s3://corpus/id/*.txt")
    assert before == again and before.bytes == 3 and "3 bytes, ETag" in before.identity
    bucket.put_object(Key="id/a.txt", Body=b"two")
    (after,) = listed("s3://corpus/id/a.txt")
    assert after.identity != before.identity and after.bytes == 3


def test_what_s3_refuses_is_one_line(bucket: Any) -> None:
    for url, expected in (
        ("s3://nowhere/a.txt", "there is no such file, folder or bucket"),
        ("s3://corpus/none.txt", "there is no such file"),
        ("s3://corpus/none/*.txt", "matches no file"),
    ):
        with pytest.raises(ValueError, match=expected) as caught:
            listed(url)
        assert str(caught.value).startswith("source s: ") and "\n" not in str(caught.value)


def test_without_credentials_or_a_server_the_error_is_one_line(
    bucket: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    with pytest.raises(ValueError, match=r"^source s: s3://other/a.txt: .*127.0.0.1:1") as caught:
        listed("s3://other/a.txt")
    assert "\n" not in str(caught.value)


def test_parts_of_an_s3_file_are_read_by_ranges(bucket: Any, tmp_path: Path) -> None:
    content = LINES * 130  # 2 MB and a bit
    bucket.put_object(Key="large.jsonl", Body=content)
    config = CollectConfig(sources=[SourceConfig(name="s", path="s3://corpus/large.jsonl")], shard_mb=1)
    assert [len(shard.parts) for shard in plan_shards(config, tmp_path)] == [1] * (len(content) // (1 << 20) + 1)
    storage.BLOCK_BYTES = 1 << 18
    remote = collected(tmp_path, "s3://corpus/large.jsonl", "remote")
    (tmp_path / "large.jsonl").write_bytes(content)
    local = collected(tmp_path, "large.jsonl", "local")
    assert [row["text"] for row in remote] == [row["text"] for row in local]
    assert [row["uri"].removeprefix("s3://corpus/") for row in remote] == [row["uri"] for row in local]


@pytest.mark.parametrize("ranges", [True, False])
def test_web_files_with_ranges_and_without(web: tuple[type[Web], str], tmp_path: Path, ranges: bool) -> None:
    handler, address = web
    handler.ranges = ranges
    pq.write_table(pa.Table.from_pylist(RECORDS), tmp_path / "a.parquet", row_group_size=20, compression="none")
    handler.files = {"/x/a.parquet": (tmp_path / "a.parquet").read_bytes(), "/x/b.jsonl": LINES, "/x/c.txt": b"short"}
    handler.etags = {name: f'"{number}"' for number, name in enumerate(handler.files)}
    assert [file.path for file in listed(f"{address}/x/")] == [address + name for name in handler.files]
    assert [file.path for file in listed(f"{address}/x/*.jsonl")] == [f"{address}/x/b.jsonl"]
    rows = collected(tmp_path, f"{address}/x/", "out")
    assert [row["text"] for row in rows] == [record["text"].strip() for record in RECORDS] * 2 + ["short"]
    # A query belongs to the address, not to the suffix.
    assert len(collected(tmp_path, f"{address}/x/b.jsonl?download=1", "query")) == 300


def test_only_what_is_read_of_a_web_file_is_transferred(web: tuple[type[Web], str]) -> None:
    handler, address = web
    handler.files, handler.etags = {"/a.bin": os.urandom(100_000)}, {"/a.bin": '"1"'}
    with open_file(f"{address}/a.bin") as file:
        file.seek(50_000)
        assert file.read(10) == handler.files["/a.bin"][50_000:50_010]
        assert file.seek(-5, 2) == 99_995 and file.read() == handler.files["/a.bin"][-5:]
    assert (
        sum(int(r.split("-")[1]) - int(r.removeprefix("bytes=").split("-")[0]) for _, r in handler.requests if r) < 9000
    )


def test_a_transfer_that_breaks_off_is_repeated_and_in_the_end_an_error(
    web: tuple[type[Web], str], tmp_path: Path
) -> None:
    handler, address = web
    handler.files, handler.etags = {"/a.jsonl": LINES, "/b.txt": b"b" * 100}, {"/a.jsonl": '"1"', "/b.txt": '"2"'}
    for ranges in (True, False):
        handler.ranges = ranges
        handler.broken = 1
        assert len(collected(tmp_path, f"{address}/b.txt", f"b{ranges}")) == 1
    handler.ranges = True
    handler.broken = 10**6
    with pytest.raises(OSError, match=f"{address}/b.txt: ") as caught:
        open_file(f"{address}/b.txt")
    assert caught.value.errno is not None  # an error of the file system's, never a damaged file
    handler.broken, handler.short = 0, 1
    with pytest.raises(OSError, match="99 bytes came instead of 100"):
        open_file(f"{address}/b.txt")
    handler.short = 0
    with open_file(f"{address}/a.jsonl") as file:
        file.read(100)
        handler.broken = 10**6
        with pytest.raises(OSError, match=f"{address}/a.jsonl: "):
            file.read()


def test_a_parquet_file_that_cannot_be_transferred_is_no_damaged_one(
    web: tuple[type[Web], str], tmp_path: Path
) -> None:
    handler, address = web
    pq.write_table(pa.Table.from_pylist(RECORDS), tmp_path / "a.parquet", row_group_size=20, compression="none")
    handler.files, handler.etags = {"/a.parquet": (tmp_path / "a.parquet").read_bytes()}, {"/a.parquet": '"1"'}
    config = CollectConfig(sources=[SourceConfig(name="s", path=f"{address}/a.parquet")])
    (shard,) = plan_shards(config, tmp_path)
    handler.broken = 10**6
    with pytest.raises(OSError, match=r"a\.parquet"):
        collect_shard(tmp_path, shard, config)


def test_a_web_file_changes_with_its_etag_and_without_one_with_its_date(web: tuple[type[Web], str]) -> None:
    handler, address = web
    handler.files = {"/a.txt": b"one", "/b.txt": b"two"}
    handler.etags = {"/a.txt": '"1"'}
    (before,) = listed(f"{address}/a.txt")
    handler.etags = {"/a.txt": '"2"'}
    assert listed(f"{address}/a.txt")[0].identity != before.identity
    with pytest.raises(ValueError, match=r"b\.txt: the server does not tell an ETag or a date of change") as caught:
        listed(f"{address}/b.txt")
    assert "\n" not in str(caught.value)


def test_refusals_of_a_web_server_are_one_line(web: tuple[type[Web], str]) -> None:
    handler, address = web
    handler.files, handler.etags = {"/a.txt": b"one"}, {"/a.txt": '"1"'}
    for status, expected in ((403, "access is refused"), (401, "access is refused"), (503, "status 503")):
        handler.status = status
        with pytest.raises(ValueError, match=expected) as caught:
            list_url(f"{address}/a.txt")
        assert "\n" not in str(caught.value)
    handler.status = 200
    with pytest.raises(ValueError, match="there is no such file"):
        list_url(f"{address}/none.txt")
    with pytest.raises(ValueError, match=r"127\.0\.0\.1:1/a\.txt: "):
        list_url("http://127.0.0.1:1/a.txt")
