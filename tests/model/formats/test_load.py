import json
from pathlib import Path

import pytest
import torch

from model.formats.checkpoint import file_name, find_checkpoint, folder_name
from model.formats.load import load_network
from model.network.config import ModelConfig
from tests.model.checkpoints import write_checkpoint

CONFIG = ModelConfig(vocab_size=31, max_sequence_length=8, d_model=16, n_layers=2, n_heads=2, n_kv_heads=1, d_ff=24)
TOKENS = torch.arange(16).view(2, 8)


@pytest.mark.parametrize("tied", [False, True])
def test_a_checkpoint_gives_its_network_back(tied: bool, tmp_path: Path) -> None:
    network = write_checkpoint(tmp_path, CONFIG.model_copy(update={"tied_embeddings": tied}), step=3)
    torch.manual_seed(0)
    before = torch.get_rng_state()
    loaded = load_network(tmp_path / folder_name(3))
    assert torch.equal(torch.get_rng_state(), before)
    assert not loaded.training and loaded.config == network.config
    assert torch.equal(loaded(TOKENS), network(TOKENS))
    half = load_network(tmp_path, dtype=torch.bfloat16)
    assert {parameter.dtype for parameter in half.parameters()} == {torch.bfloat16}
    torch.testing.assert_close(half(TOKENS).float(), network(TOKENS), atol=0.01, rtol=0.05)


def test_the_newest_whole_checkpoint_is_taken(tmp_path: Path) -> None:
    for step in (20, 100, 3):
        write_checkpoint(tmp_path, CONFIG, step)
    (tmp_path / "step-00000200").mkdir()  # never finished
    (tmp_path / "step-00000300.tmp").mkdir()
    assert find_checkpoint(tmp_path) == tmp_path / folder_name(100)
    assert find_checkpoint(tmp_path / folder_name(3)) == tmp_path / folder_name(3)


def test_what_is_no_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="neither a checkpoint nor a Hugging Face folder"):
        find_checkpoint(tmp_path)
    with pytest.raises(ValueError, match="there is no such folder"):
        load_network(tmp_path / "absent")


def test_damage_is_named_in_one_line(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, CONFIG, step=1)
    folder = tmp_path / folder_name(1)
    description = (folder / "checkpoint.json").read_text()

    def change(**fields: object) -> None:
        content = json.loads(description) | {"format": 2} | fields
        del content["checksum"]  # an older format, so that damage is not seen by the checksum
        (folder / "checkpoint.json").write_text(json.dumps(content))

    change(model=CONFIG.model_copy(update={"d_ff": 25}).model_dump())
    with pytest.raises(ValueError, match=r"^[^\n]*weights do not fit its configuration[^\n]*$"):
        load_network(folder)
    change(model={"d_model": -1})
    with pytest.raises(ValueError, match=r"^[^\n]*'model.d_model': Input should be greater than 0[^\n]*$"):
        load_network(folder)
    change(format=99)
    with pytest.raises(ValueError, match="format"):
        load_network(folder)
    change()
    path = folder / file_name("weights", 1, 2)
    flipped = bytearray(path.read_bytes())
    flipped[-1] ^= 1
    path.write_bytes(flipped)
    with pytest.raises(ValueError, match=r"weights-00001-of-00002\.safetensors"):
        load_network(folder)
