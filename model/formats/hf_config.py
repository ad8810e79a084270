"""Our configuration as transformers', for the families that express it: GPT-2, Llama, Mistral, Qwen3, Gemma-2.

Only `hf_config` loads transformers, when it is called: a recipe is checked with `architecture` before anything heavy is loaded.
"""

import json
from typing import TYPE_CHECKING, Any, Literal

from model.network.config import ModelConfig

if TYPE_CHECKING:
    from transformers import PretrainedConfig

Family = Literal["gpt2", "gemma2", "qwen3", "mistral", "llama"]
CLASSES: dict[Family, str] = {
    "gpt2": "GPT2LMHeadModel",
    "gemma2": "Gemma2ForCausalLM",
    "qwen3": "Qwen3ForCausalLM",
    "mistral": "MistralForCausalLM",
    "llama": "LlamaForCausalLM",
}

# The values of our fields that each family needs. Other fields are free, except for what `architecture` checks besides.
LLAMA = {
    "norm": "rmsnorm",
    "norm_position": "before",
    "feed_forward": "swiglu",
    "qk_norm": False,
    "attention_scale": None,
    "attention_softcap": None,
    "logit_softcap": None,
    "embedding_scale": False,
}
CHOICES: dict[Family, dict[str, Any]] = {
    "gpt2": LLAMA | {"norm": "layernorm", "feed_forward": "gelu", "sliding_window": None},
    "gemma2": {"norm": "rmsnorm", "feed_forward": "geglu", "qk_norm": False, "embedding_scale": True, "bias": False},
    "qwen3": LLAMA | {"qk_norm": True, "bias": False},
    "mistral": LLAMA | {"bias": False},
    "llama": LLAMA,
}


def architecture(config: ModelConfig) -> Family:
    """The family that expresses this network exactly. Raises ValueError naming the field for which none does."""
    if config.positions not in ("rope", "learned"):
        raise ValueError(
            f"positions: {config.positions} has no Hugging Face form; an export needs positions: rope or learned"
        )
    family, reason = chosen_family(config)
    for field, needed in CHOICES[family].items():
        if (value := getattr(config, field)) != needed:
            raise ValueError(
                f"{field}: {shown(value)} has no Hugging Face form with {reason}; an export needs {field}: {shown(needed)}"
            )
    if family == "gpt2" and config.kv_heads != config.n_heads:
        raise ValueError(f"n_kv_heads: {config.n_kv_heads} has no form in the GPT-2 family; leave it out or use rope")
    if family == "gpt2" and config.n_heads * config.head_width != config.d_model:
        raise ValueError(f"head_dim: {config.head_dim} has no form in the GPT-2 family; leave it out or use rope")
    if family in ("llama", "gemma2") and config.d_model % config.n_heads:
        raise ValueError(
            f"d_model: {config.d_model} has no Hugging Face form with {reason}; it must be a multiple of n_heads"
        )
    if family == "mistral" and None in config.windows:
        raise ValueError("attention_pattern: global layers have no Hugging Face form beside local ones without qk_norm")
    if config.attention_scale and abs(query_scalar(config) ** -0.5 / config.attention_scale - 1) > 1e-6:
        raise ValueError(
            f"attention_scale: {config.attention_scale} has no Hugging Face form; it must be 1 / sqrt(a whole number)"
        )
    return family


def chosen_family(config: ModelConfig) -> tuple[Family, str]:
    """The only family that may express the network, and the field that says so."""
    if config.positions == "learned":
        return "gpt2", "positions: learned"
    if config.norm_position == "both":
        return "gemma2", "norm_position: both"
    if config.qk_norm:
        return "qwen3", "qk_norm: true"
    if config.sliding_window is not None:
        return "mistral", f"sliding_window: {config.sliding_window}"
    return "llama", "positions: rope"


def shown(value: Any) -> str:
    """A value as a recipe writes it."""
    return value if isinstance(value, str) else json.dumps(value)


def query_scalar(config: ModelConfig) -> int:
    """Gemma-2's `query_pre_attn_scalar`: attention scores are divided by its root."""
    return round(config.attention_scale**-2) if config.attention_scale else config.head_width


def hf_config(config: ModelConfig, start_id: int, end_id: int, pad_id: int | None, dtype: str) -> "PretrainedConfig":
    """The transformers configuration of this network; a text begins behind `start_id` and ends with `end_id`."""
    from transformers import AutoConfig  # it takes seconds, which checking a recipe must not

    family = architecture(config)
    return AutoConfig.for_model(
        family,
        architectures=[CLASSES[family]],
        vocab_size=config.vocab_size,
        bos_token_id=start_id,
        eos_token_id=end_id,
        pad_token_id=pad_id,
        tie_word_embeddings=config.tied_embeddings,
        dtype=dtype,
        **(gpt2_settings(config) if family == "gpt2" else rope_settings(config, family)),
    )


def gpt2_settings(config: ModelConfig) -> dict[str, Any]:
    """The settings of the GPT-2 family."""
    return {
        "n_embd": config.d_model,
        "n_inner": config.feed_forward_dim,
        "n_layer": config.n_layers,
        "n_head": config.n_heads,
        "n_positions": config.max_sequence_length,
        "layer_norm_epsilon": config.norm_eps,
        "activation_function": "gelu_new",  # the tanh form
        "resid_pdrop": config.dropouts.residual,
        "embd_pdrop": config.dropouts.embedding,
        "attn_pdrop": config.dropouts.attention,
    }


def rope_settings(config: ModelConfig, family: Family) -> dict[str, Any]:
    """The settings that all families with rotary positions have, and those of `family` alone."""
    layer_types = ["full_attention" if window is None else "sliding_attention" for window in config.windows]
    own: dict[Family, dict[str, Any]] = {
        "llama": {"attention_bias": config.bias, "mlp_bias": config.bias},
        "mistral": {"sliding_window": config.sliding_window},
        "qwen3": {
            "use_sliding_window": config.sliding_window is not None,
            "sliding_window": config.sliding_window,
            "layer_types": layer_types,
        },
        "gemma2": {
            "query_pre_attn_scalar": query_scalar(config),
            "attn_logit_softcapping": config.attention_softcap,
            "final_logit_softcapping": config.logit_softcap,
            "sliding_window": config.sliding_window or config.max_sequence_length,  # null is refused
            "layer_types": layer_types,
        },
    }
    return {
        "hidden_size": config.d_model,
        "intermediate_size": config.feed_forward_dim,
        "num_hidden_layers": config.n_layers,
        "num_attention_heads": config.n_heads,
        "num_key_value_heads": config.kv_heads,
        "head_dim": config.head_width,
        "max_position_embeddings": config.max_sequence_length,
        "rms_norm_eps": config.norm_eps,
        "rope_parameters": rope_parameters(config),
        "attention_dropout": config.dropouts.attention,
    } | own[family]


def rope_parameters(config: ModelConfig) -> dict[str, Any]:
    """The section of transformers' settings that describes the rotary frequencies."""
    scaling = config.rope_scaling
    if scaling is None:
        return {"rope_type": "default", "rope_theta": config.rope_theta}
    names = ("low_freq_factor", "high_freq_factor") if scaling.type == "llama3" else ("beta_fast", "beta_slow")
    parameters = {
        "rope_type": scaling.type,
        "rope_theta": config.rope_theta,
        "factor": scaling.factor,
        "original_max_position_embeddings": scaling.original_sequence_length,
    } | {name: getattr(scaling, name) for name in names}
    if scaling.attention_factor is not None:
        parameters["attention_factor"] = scaling.attention_factor
    return parameters
