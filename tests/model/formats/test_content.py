"""The content of a network: what it depends on, and what it does not."""

import shutil
from pathlib import Path

import pytest
import torch
from pydantic import Field

from model.formats.checkpoint import read_checkpoint, write_description
from model.formats.content import content_of, network_content
from model.formats.convert_hf import write_weights
from model.formats.hf_config import hf_config
from model.formats.tensors import read_weights, write_tensors
from model.network.config import ModelConfig
from tests.model.checkpoints import write_checkpoint

CONFIG = ModelConfig(vocab_size=31, max_sequence_length=8, d_model=16, n_layers=2, n_heads=2, n_kv_heads=1, d_ff=24)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    write_checkpoint(tmp_path / "one", CONFIG, step=1, ranks=1, seed=5)
    return tmp_path / "one" / "step-00000001"


def test_ranks_and_step_do_not_matter(checkpoint: Path, tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "three", CONFIG, step=7, ranks=3, seed=5)
    assert len(list((tmp_path / "three" / "step-00000007").glob("weights-*"))) == 3
    assert network_content(tmp_path / "three" / "step-00000007") == network_content(checkpoint)


def test_one_bit_of_one_weight_matters(checkpoint: Path) -> None:
    before, path = network_content(checkpoint), checkpoint / "weights-00000-of-00001.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert network_content(checkpoint) != before


@pytest.mark.parametrize("changed", ["name", "shape", "dtype"])
def test_name_shape_and_type_of_a_tensor_matter(checkpoint: Path, changed: str) -> None:
    before, info = network_content(checkpoint), read_checkpoint(checkpoint)
    weights = read_weights(checkpoint)
    gains = weights.pop("final_norm.weight")  # (16,)
    others = {"name": gains, "shape": gains.reshape(4, 4), "dtype": gains.view(torch.int32)}
    weights["final_norm.weigh2" if changed == "name" else "final_norm.weight"] = others[changed]
    files = {path.name: write_tensors(path, weights) for path in info.tensors_of("weights")}
    write_description(info.model_copy(update={"files": files}))
    assert network_content(checkpoint) != before


def test_a_field_of_the_config_matters(checkpoint: Path) -> None:
    before, info = network_content(checkpoint), read_checkpoint(checkpoint)
    other = info.model.model_copy(update={"rope_theta": 500_000.0})
    write_description(info.model_copy(update={"model": other}))
    assert network_content(checkpoint) != before


def test_an_option_that_was_added_later_matters_only_when_it_is_on() -> None:
    class Later(ModelConfig):
        parallel_blocks: bool = Field(default=False, json_schema_extra={"founding": False})

    fields, tensors = CONFIG.model_dump(), {"final_norm.weight": torch.ones(16)}
    before = content_of(CONFIG, tensors, tensors.__getitem__)
    assert content_of(Later(**fields), tensors, tensors.__getitem__) == before
    assert content_of(Later(**fields, parallel_blocks=True), tensors, tensors.__getitem__) != before


def test_a_hugging_face_folder_has_the_content_of_its_checkpoint(checkpoint: Path, tmp_path: Path) -> None:
    folder = tmp_path / "theirs"
    hf_config(CONFIG, 0, 0, 1, "float32").save_pretrained(folder)
    write_weights(folder, read_weights(checkpoint), CONFIG, torch.float32, shard_bytes=2000)
    assert len(list(folder.glob("*.safetensors"))) > 1
    assert network_content(folder) == network_content(checkpoint)
    shutil.rmtree(folder)
    with pytest.raises(ValueError, match="theirs"):
        network_content(folder)
