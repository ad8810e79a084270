"""A Hugging Face folder's config.json as our configuration: the inverse of `model.formats.hf_config`, and untrusted."""

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from model.formats.hf_config import CLASSES, Family
from model.formats.reading import one_line, read_json
from model.network.config import ModelConfig, RopeScaling

CONFIG_BYTES = 2**20  # largest config.json that is read
LAYERS = 4096  # most layers that it may have: transformers makes lists of that length before anything can be checked

# Settings of theirs that ours has no field for, and the values for which it needs none.
EXPECTED: dict[Family, dict[str, tuple[Any, ...]]] = {
    "gpt2": {
        "activation_function": ("gelu_new", "gelu_pytorch_tanh"),  # two names of the tanh form
        "scale_attn_weights": (True,),
        "scale_attn_by_inverse_layer_idx": (False,),
        "add_cross_attention": (False,),
    },
    "gemma2": {
        "hidden_activation": ("gelu_pytorch_tanh",),
        "attention_bias": (False,),
        "use_bidirectional_attention": (None, False),
    },
    "qwen3": {"hidden_act": ("silu",), "attention_bias": (False,)},
    "mistral": {"hidden_act": ("silu",)},
    "llama": {"hidden_act": ("silu",)},
}


def import_config(folder: Path) -> ModelConfig:
    """Our config of a folder's config.json. Raises ValueError naming the setting that our network does not have."""
    from transformers import AutoConfig  # it takes seconds, which a recipe without a foreign folder is spared

    path = folder / "config.json"
    stored = read_json(path, CONFIG_BYTES)
    family = stored.get("model_type")
    if family not in tuple(CLASSES):
        raise ValueError(
            f"{path}: model_type is {family!r}; {', '.join(sorted(CLASSES))} are the families that can be read"
        )
    for name in ("num_hidden_layers", "n_layer"):
        if isinstance(layers := stored.get(name), int) and layers > LAYERS:
            raise ValueError(f"{path}: {name} is {layers}, and at most {LAYERS} layers are read")
    try:
        theirs = type(AutoConfig.for_model(family)).from_dict(stored)
    except Exception as error:  # transformers has many types of errors for a setting of a wrong type
        raise ValueError(f"{path}: refused by transformers ({one_line(error)})") from None
    for name, allowed in EXPECTED[family].items():
        expect(path, name, getattr(theirs, name), allowed)
    try:
        config = ModelConfig(**(from_gpt2(theirs) if family == "gpt2" else from_rope_family(theirs, path)))
    except (ValidationError, ArithmeticError, TypeError) as error:
        raise ValueError(f"{path}: {one_line(error)}") from None
    if config.vocab_size == 0:
        raise ValueError(f"{path}: vocab_size is 0")
    return config


def from_gpt2(config: Any) -> dict[str, Any]:
    """Our fields for a config of the GPT-2 family."""
    dropout = config.resid_pdrop
    return {
        "vocab_size": config.vocab_size,
        "max_sequence_length": config.n_positions,
        "d_model": config.n_embd,
        "n_layers": config.n_layer,
        "n_heads": config.n_head,
        "d_ff": config.n_inner,
        "positions": "learned",
        "norm": "layernorm",
        "norm_eps": config.layer_norm_epsilon,
        "feed_forward": "gelu",
        "bias": True,
        "tied_embeddings": config.tie_word_embeddings,
        "dropout": dropout,
        "embedding_dropout": None if config.embd_pdrop == dropout else config.embd_pdrop,
        "attention_dropout": None if config.attn_pdrop == dropout else config.attn_pdrop,
    }


def from_rope_family(config: Any, path: Path) -> dict[str, Any]:
    """Our fields for a config of a family with rotary positions. Raises ValueError as `expect` does."""
    rope = dict(config.rope_parameters or {})
    expect(path, "partial_rotary_factor", rope.get("partial_rotary_factor") or 1.0, (1.0,))
    common = {
        "vocab_size": config.vocab_size,
        "max_sequence_length": config.max_position_embeddings,
        "d_model": config.hidden_size,
        "n_layers": config.num_hidden_layers,
        "n_heads": config.num_attention_heads,
        "n_kv_heads": config.num_key_value_heads,
        "head_dim": config.head_dim if config.head_dim * config.num_attention_heads != config.hidden_size else None,
        "d_ff": config.intermediate_size,
        "rope_theta": rope.get("rope_theta", 10_000.0),
        "rope_scaling": import_scaling(rope, path),
        "norm_eps": config.rms_norm_eps,
        "tied_embeddings": config.tie_word_embeddings,
        "attention_dropout": config.attention_dropout or None,
    }
    match config.model_type:
        case "llama":
            expect(path, "mlp_bias", config.mlp_bias, (config.attention_bias,))
            return common | {"bias": config.attention_bias}
        case "mistral":
            return common | {"sliding_window": config.sliding_window}
        case "qwen3":
            return common | {"qk_norm": True} | import_windows(config, path)
    scalar = config.query_pre_attn_scalar
    return common | import_windows(config, path) | {
        "norm_position": "both",
        "feed_forward": "geglu",
        "embedding_scale": True,
        "attention_scale": None if scalar == config.head_dim else scalar**-0.5,
        "attention_softcap": config.attn_logit_softcapping,
        "logit_softcap": config.final_logit_softcapping,
    }  # fmt: skip


def import_windows(config: Any, path: Path) -> dict[str, Any]:
    """`sliding_window` and the shortest `attention_pattern` that gives their `layer_types`."""
    kinds = {"sliding_attention": "local", "full_attention": "global"}
    for layer_type in config.layer_types:
        expect(path, "layer_types", layer_type, tuple(kinds))
    layers = [kinds[layer_type] for layer_type in config.layer_types]
    if "local" not in layers:
        return {}
    periods = (n for n in range(1, len(layers) + 1) if all(layers[i] == layers[i % n] for i in range(len(layers))))
    pattern = tuple(layers[: next(periods)])
    return {"sliding_window": config.sliding_window, "attention_pattern": None if pattern == ("local",) else pattern}


def import_scaling(rope: dict[str, Any], path: Path) -> RopeScaling | None:
    """Our form of their rotary scaling. Raises ValueError as `expect` does."""
    type_ = rope.get("rope_type", "default")
    expect(path, "rope_type", type_, ("default", "llama3", "yarn"))
    if type_ == "default":
        return None
    expect(path, "mscale", rope.get("mscale"), (None,))
    expect(path, "truncate", rope.get("truncate", True), (True,))
    optional = ("low_freq_factor", "high_freq_factor", "beta_fast", "beta_slow", "attention_factor")
    return RopeScaling(
        type=type_,
        factor=rope.get("factor"),
        original_sequence_length=rope.get("original_max_position_embeddings"),
        **{name: rope[name] for name in optional if rope.get(name) is not None},
    )


def expect(path: Path, name: str, value: Any, allowed: tuple[Any, ...]) -> None:
    """Raise ValueError naming the setting when its value is none that our network can express."""
    if value not in allowed:
        known = " or ".join(repr(each) for each in allowed)
        raise ValueError(f"{path}: {name} is {value!r}, but our network can only express {known}")
