import json
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from model.formats.checkpoint import (
    CheckpointInfo,
    RankLayout,
    file_name,
    folder_name,
    newest_checkpoint,
    read_checkpoint,
    verify,
    write_description,
)
from model.formats.progress import Progress
from model.formats.tensors import open_tensors, read_weights, shares, write_tensors
from model.network.config import ModelConfig

WEIGHTS = {"embedding.weight": torch.arange(12.0).reshape(3, 4), "final_norm.weight": torch.ones(4)}


def write(root: Path, step: int = 3, ranks: int = 2) -> CheckpointInfo:
    folder = root / folder_name(step)
    folder.mkdir(parents=True)
    files = {}
    for rank, names in enumerate(shares({name: w.numel() for name, w in WEIGHTS.items()}, ranks)):
        moments = {f"{name}.{m}": WEIGHTS[name] * 2 for name in names for m in ("exp_avg", "exp_avg_sq")}
        for kind, tensors in (
            ("weights", {name: WEIGHTS[name] for name in names}),
            ("optimizer", moments),
            ("random", {"cpu": torch.get_rng_state()}),
        ):
            files[file_name(kind, rank, ranks)] = write_tensors(folder / file_name(kind, rank, ranks), tensors)
    info = CheckpointInfo(
        folder=folder,
        progress=Progress(step=step, cursor=10 * step, tokens=100 * step, loss=1.5, validation={"books": 1.25}),
        optimizer_steps=step,
        model=ModelConfig(d_model=4, n_heads=2),
        train={"steps": 9},
        layout=RankLayout(ranks=ranks, zero_stage=1, dtype="float32", micro_batch=2, threads=1),
        files=files,
    )
    write_description(info)
    return info


@pytest.mark.parametrize("ranks", [1, 2, 3])
def test_what_is_written_is_read(tmp_path: Path, ranks: int) -> None:
    info = write(tmp_path, ranks=ranks)
    assert read_checkpoint(info.folder) == info
    verify(info)
    weights = read_weights(info.folder)
    assert weights.keys() == WEIGHTS.keys() and all(torch.equal(weights[name], WEIGHTS[name]) for name in WEIGHTS)
    assert torch.equal(open_tensors(info, "optimizer")("final_norm.weight.exp_avg"), 2 * torch.ones(4))
    assert json.loads((info.folder / "checkpoint.json").read_text())["format"] == 3


def description(info: CheckpointInfo) -> tuple[Path, dict[str, Any]]:
    path = info.folder / "checkpoint.json"
    return path, json.loads(path.read_text())


@pytest.mark.parametrize(("version", "absent"), [(1, ("guard", "loss_scale", "samples", "parent")), (2, ())])
def test_the_formats_before_are_read(tmp_path: Path, version: int, absent: tuple[str, ...]) -> None:
    info = write(tmp_path)
    path, content = description(info)
    for name in ("checksum", *absent):
        del content[name]
    path.write_text(json.dumps(content | {"format": version}))
    assert read_checkpoint(info.folder) == info


def edited(value: Any) -> Any:
    """Another value of the same type, or of an empty one some value."""
    match value:
        case bool() | int() | float():
            return value + 1
        case str():
            return value[:-1] + ("0" if value[-1:] != "0" else "1")
        case dict() if value:
            return {**value, (name := next(iter(value))): edited(value[name])}
        case dict():
            return {"a": 1}
        case list():
            return [*value, [1, 2]]
    return {"mode": "weights"}


def test_an_edit_of_any_field_is_refused_in_one_line(tmp_path: Path) -> None:
    info = write(tmp_path)
    path, content = description(info)
    assert {"cursor", "model", "guard", "parent", "files", "checksum", "format"} < content.keys()
    for name, value in content.items():
        path.write_text(json.dumps(content | {name: edited(value)}))
        with pytest.raises(ValueError, match=r"^[^\n]*checkpoint\.json: [^\n]*$"):
            read_checkpoint(info.folder)
        path.write_text(json.dumps({key: other for key, other in content.items() if key != name}))
        with pytest.raises(ValueError, match=r"^[^\n]*checkpoint\.json: [^\n]*$"):
            read_checkpoint(info.folder)
    path.write_text(json.dumps(content | {"cursor": 31}))
    with pytest.raises(ValueError, match=r"not those that were written .* an older checkpoint, or starts again$"):
        read_checkpoint(info.folder)
    path.write_text(json.dumps({**content, "format": 2}))  # as if it had no checksum yet
    with pytest.raises(ValueError, match="checksum"):
        read_checkpoint(info.folder)
    path.write_text(json.dumps(content, indent=3))  # laid out in another way, the values are the same
    assert read_checkpoint(info.folder) == info


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("step", "three"),
        ("cursor", -1),
        ("loss", None),
        ("validation", {"books": "low"}),
        ("model", {"d_model": -1}),
        ("layout", {"ranks": 2}),
        ("guard", {"losses": 1}),
        ("skipped", [[1]]),
        ("loss_scale", {"cur_scale": []}),
        ("files", {"weights-00000-of-00002.safetensors": 5}),
        ("files", []),
        ("surprise\n", 1),
    ],
)
def test_misshapen_values_of_older_formats_are_named(tmp_path: Path, name: str, value: Any) -> None:
    info = write(tmp_path)
    path, content = description(info)
    del content["checksum"]
    path.write_text(json.dumps(content | {"format": 2, name: value}))
    with pytest.raises(ValueError, match=rf"^[^\n]*checkpoint\.json: [^\n]*{name.strip()}[^\n]*$"):
        read_checkpoint(info.folder)


def test_a_cut_description_is_refused_in_one_line(tmp_path: Path) -> None:
    info = write(tmp_path)
    path, _ = description(info)
    whole = path.read_bytes()
    for length in range(0, len(whole) - 1, 7):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"^[^\n]*checkpoint\.json: not valid JSON[^\n]*starts again$"):
            read_checkpoint(info.folder)


def test_bytes_are_a_function_of_the_state(tmp_path: Path) -> None:
    first, second = write(tmp_path / "a"), write(tmp_path / "b")
    for path in first.folder.iterdir():
        assert path.read_bytes() == (second.folder / path.name).read_bytes()


def test_truncated_file_is_named(tmp_path: Path) -> None:
    info = write(tmp_path)
    path = info.folder / "weights-00000-of-00002.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match=r"weights-00000-of-00002.safetensors: \d+ bytes, but \d+ were written"):
        read_weights(info.folder)


def test_missing_file_is_named(tmp_path: Path) -> None:
    info = write(tmp_path)
    (info.folder / "random-00001-of-00002.safetensors").unlink()
    with pytest.raises(ValueError, match=r"random-00001-of-00002.safetensors: missing"):
        read_checkpoint(info.folder)


def test_changed_content_is_named(tmp_path: Path) -> None:
    info = write(tmp_path)
    path = info.folder / "optimizer-00001-of-00002.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"optimizer-00001-of-00002.safetensors: content differs"):
        verify(read_checkpoint(info.folder))


def test_garbage_of_the_right_size_is_named(tmp_path: Path) -> None:
    info = write(tmp_path)
    path = info.folder / "weights-00000-of-00002.safetensors"
    path.write_bytes(b"\xff" * path.stat().st_size)
    with pytest.raises(ValueError, match=r"weights-00000-of-00002.safetensors: not readable as safetensors"):
        read_weights(info.folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "not valid JSON"),
        ("[]", "not a JSON object"),
        ('{"format": 4}', "not of format 1, 2, 3; open it with the Gristmill version that wrote it"),
        ('{"format": 1, "step": 3}', "'progress.cursor': Field required"),
        ('{"format": 3, "step": 3}', "not those that were written"),
        ("[" * 100_000, "not valid JSON"),
        ('{"format": ' + "9" * 5000 + "}", "not valid JSON"),
    ],
)
def test_bad_descriptions_are_refused(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "checkpoint.json").write_text(content)
    with pytest.raises(ValueError, match=message):
        read_checkpoint(tmp_path)


def test_no_file_is_read_outside_the_folder(tmp_path: Path) -> None:
    info = write(tmp_path)
    path, content = description(info)
    del content["checksum"]
    content["format"] = 2
    content["files"]["../weights-00000-of-00002.safetensors"] = {"bytes": 1, "blake3": ""}
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match="which is no file of a checkpoint"):
        read_checkpoint(info.folder)


def test_absent_checkpoint_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"checkpoint\.json: No such file or directory; put a whole copy in its place"):
        read_checkpoint(tmp_path / "nowhere")


def test_newest_whole_checkpoint_wins(tmp_path: Path) -> None:
    for step in (2, 4, 6, 8, 10):
        write(tmp_path, step)
    (tmp_path / "step-00000012").mkdir()  # never finished
    (tmp_path / "step-00000010" / "weights-00000-of-00002.safetensors").unlink()
    flipped = tmp_path / "step-00000008" / "weights-00000-of-00002.safetensors"
    flipped.write_bytes(flipped.read_bytes()[:-1] + b"\x7f")
    (tmp_path / "step-notes").mkdir()
    info, damaged = newest_checkpoint(tmp_path)
    assert info is not None and info.progress.step == 6
    assert [message.split("/")[-2] for message in damaged[1:]] == ["step-00000010", "step-00000008"]
    assert "step-00000012" in damaged[0]


def test_no_checkpoint_at_all(tmp_path: Path) -> None:
    assert newest_checkpoint(tmp_path) == (None, [])
    assert newest_checkpoint(tmp_path / "nowhere") == (None, [])


@given(st.dictionaries(st.text(min_size=1), st.integers(1, 10**9), max_size=40), st.integers(1, 8))
def test_shares_hold_each_tensor_once_and_evenly(sizes: dict[str, int], ranks: int) -> None:
    parts = shares(sizes, ranks)
    assert sorted(name for part in parts for name in part) == sorted(sizes)
    assert parts == shares(dict(reversed(sizes.items())), ranks)
    loads = [sum(sizes[name] for name in part) for part in parts]
    assert max(loads) - min(loads) <= max(sizes.values(), default=0)
