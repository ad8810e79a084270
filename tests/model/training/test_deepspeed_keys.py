"""The names of keys, compared with those of the installed DeepSpeed."""

import json
import subprocess
import sys

import pytest

from model.training.deepspeed_keys import FREE, OWNED, check_keys
from model.training.train_config import TrainConfig

NO_CONSTANT = {"compile", "zero_optimization"}  # keys that DeepSpeed reads by a literal


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"wall_clock_breakdown": True, "prescale_gradients": False},
        {"zero_optimization": {"round_robin_gradients": True, "stage3_max_live_parameters": 10**8}},
        {"comms_logger": {"enabled": True}},
    ],
)
def test_keys_of_deepspeed_pass(settings: dict) -> None:
    assert TrainConfig(deepspeed=settings).deepspeed == settings


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"wall_clock_brakdown": True}, "deepspeed.wall_clock_brakdown: .* did you mean wall_clock_breakdown"),
        ({"zero_optimization": {"round_robbin": 1}}, "did you mean zero_optimization.round_robin_gradients"),
        ({"zero_optimization": 2}, "deepspeed.zero_optimization: a section, not 2"),
        ({"zero_optimization": {"stage": 2}}, "deepspeed.zero_optimization.stage: not to be set here; set zero_stage"),
        ({"fp16": {"enabled": True}}, "deepspeed.fp16: not to be set here; set dtype"),
        ({"optimizer": {}}, "set optimizer"),
        ({"train_batch_sise": 1}, "did you mean train_batch_size"),
        ({"quux": 1}, "known are comms_logger, "),
    ],
)
def test_others_are_refused(settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_keys(settings)


NAMES = """
import json, os
os.environ["DS_ACCELERATOR"] = "cpu"
import deepspeed.comm.config as comm, deepspeed.comm.constants as comms, deepspeed.profiling.constants as profiling
import deepspeed.runtime.activation_checkpointing.config as activations, deepspeed.runtime.config as config
import deepspeed.runtime.constants as constants, deepspeed.runtime.data_pipeline.constants as data
from deepspeed.runtime.zero.config import DeepSpeedZeroConfig as Zero
live = lambda field: not (field.json_schema_extra or {}).get("deprecated")
words = {value for module in (activations, comms, config, constants, data, profiling) for value in vars(module).values()
         if isinstance(value, str) and value.isidentifier()}
print(json.dumps({
    "zero": [field.alias or name for name, field in Zero.model_fields.items() if live(field)],
    "comms": list(comm.CommsLoggerConfig.model_fields),
    "words": sorted(words),
}))
"""


def test_the_names_are_those_of_the_installed_deepspeed() -> None:
    found = subprocess.run([sys.executable, "-c", NAMES], capture_output=True, text=True, check=True, timeout=240)
    theirs = json.loads(found.stdout.splitlines()[-1])
    of_zero = {name.removeprefix("zero_optimization.") for name in OWNED if name.startswith("zero_optimization.")}
    assert FREE["zero_optimization"] is not None
    assert set(theirs["zero"]) == FREE["zero_optimization"] | of_zero
    assert set(theirs["comms"]) == FREE["comms_logger"]
    ours = {*FREE, *(key for key in OWNED if "." not in key)} - NO_CONSTANT
    assert ours <= set(theirs["words"]), sorted(ours - set(theirs["words"]))
