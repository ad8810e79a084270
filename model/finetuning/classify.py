"""Fine-tuning for sequence classification, and what it is worth: beside the same network untrained and what needs no network.

A text is read after `<|endoftext|>`, as in pretraining, padded on the right; the head is linear, on the mean of the final
states over the text (or on its last state). Everything is trained, with AdamW and a linear schedule.
"""

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.evaluation.evaluate import Encode, OnProgress, evaluating
from model.evaluation.reportable import check_scores
from model.finetuning.classify_config import ClassifyConfig
from model.finetuning.examples import Example, Examples
from model.finetuning.scores import STARTS, comparison, majority_scores, scores
from model.finetuning.tfidf import tfidf_scores
from model.network.init import STANDARD_DEVIATION, initialize
from model.network.network import Network

# Where the config has no learning rate, its peak times the width of the network: 1e-3 for a width of 256, 3e-4 for 768.
LEARNING_RATE_BY_WIDTH = 0.25


class Classifier(nn.Module):
    """A network and a linear head over `labels`, the sorted names of the classes."""

    def __init__(self, network: Network, labels: Sequence[str], pooling: str, dropout: float):
        super().__init__()
        self.network = network
        self.labels = list(labels)
        self.pooling = pooling
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(network.config.d_model, len(self.labels))

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """Right-padded ids (batch, seq) and true lengths (batch,) -> class logits (batch, classes)."""
        hidden = self._states(tokens)  # (batch, seq, d_model)
        if self.pooling == "last":
            pooled = hidden[torch.arange(len(tokens), device=tokens.device), lengths - 1]
        else:
            inside = torch.arange(tokens.shape[1], device=tokens.device) < lengths[:, None]  # (batch, seq)
            pooled = (hidden * inside[..., None]).sum(1) / lengths[:, None]
        return self.head(self.dropout(pooled))

    def _states(self, tokens: Tensor) -> Tensor:
        """Final states (batch, seq, d_model); what is longer than the network reads is read in windows, one after another."""
        batch, length = tokens.shape
        limit = self.network.config.max_sequence_length
        if length <= limit:
            return self.network.hidden(tokens)
        windows = F.pad(tokens, (0, -length % limit)).reshape(-1, limit)
        return self.network.hidden(windows).reshape(batch, -1, self.network.config.d_model)[:, :length]


def finetune(
    network: Network,
    examples: Examples,
    encode: Encode,
    config: ClassifyConfig,
    start_id: int,
    seed: int,
    pretrained: bool = True,
    on_step: Callable[[], None] = lambda: None,
) -> tuple[Classifier, dict[str, float]]:
    """Fine-tune a copy of `network` (of the same shape but with random weights if not `pretrained`) and score it.

    `start_id` is the id of `<|endoftext|>`. Returns the classifier, in evaluation mode, and its `accuracy` and `macro_f1` on the
    held-out texts. The same arguments on the same machine give the same weights; the caller's random state is left alone.
    Raises ValueError naming the step from which the loss is not finite.
    """
    with seeded(seed):
        classifier = Classifier(clone(network, seed, pretrained), examples.labels, config.pooling, config.dropout)
        nn.init.normal_(classifier.head.weight, std=STANDARD_DEVIATION)
        nn.init.zeros_(classifier.head.bias)
        try:
            train(
                classifier.to(next(network.parameters()).device),
                examples.train,
                encode,
                config,
                start_id,
                seed,
                on_step,
            )
        except FloatingPointError as error:
            start = "the pretrained weights" if pretrained else "random weights"
            raise ValueError(f"fine-tuning from {start} with seed {seed}: {error}") from None
    predicted = predict_labels(classifier, [e.text for e in examples.test], encode, config, start_id)
    return classifier.eval(), scores([e.label for e in examples.test], predicted)


def compare(
    network: Network,
    examples: Examples,
    encode: Encode,
    config: ClassifyConfig,
    start_id: int,
    progress: OnProgress = lambda done, total: None,
) -> tuple[Classifier, dict[str, Any]]:
    """The pretrained classifier of the first seed, and the `comparison` of all starts over the seeds.

    `progress` is told the steps done and their number, over all runs.
    """
    done, total = itertools.count(1), steps_of(config, len(examples.train)) * len(config.seeds) * len(STARTS)

    def run(start: str, seed: int) -> tuple[Classifier, dict[str, float]]:
        pretrained, on_step = start == "pretrained", lambda: progress(next(done), total)
        return finetune(network, examples, encode, config, start_id, seed, pretrained, on_step)

    first, score = run("pretrained", config.seeds[0])
    found = {"pretrained": [score], "random_weights": []}
    for start in STARTS:  # only the first classifier is kept in memory
        found[start] += [run(start, seed)[1] for seed in config.seeds[len(found[start]) :]]
    return first, comparison(found, {"majority_class": majority_scores(examples), "tfidf": tfidf_scores(examples)})


def clone(network: Network, seed: int, pretrained: bool) -> Network:
    """A network of the same shape with the same weights, or with random ones if not `pretrained`."""
    copied = Network(network.config)
    if pretrained:
        copied.load_state_dict(network.state_dict())
    else:
        initialize(copied, seed)
    return copied


def train(
    classifier: Classifier,
    examples: list[Example],
    encode: Encode,
    config: ClassifyConfig,
    start_id: int,
    seed: int,
    on_step: Callable[[], None],
) -> None:
    """AdamW over `epochs` passes in seeded order, cross-entropy on the classes.

    Raises FloatingPointError when the loss, its gradient or in the end a weight is not finite.
    """
    sequences = encoded([e.text for e in examples], encode, config, start_id)
    targets = torch.tensor([classifier.labels.index(e.label) for e in examples])
    steps = steps_of(config, len(examples))
    peak = config.learning_rate or LEARNING_RATE_BY_WIDTH / classifier.network.config.d_model
    optimizer = torch.optim.AdamW(parameter_groups(classifier, config.weight_decay), lr=peak)
    classifier.train()
    for step, rows in enumerate(batches(len(examples), config.batch_size, steps, seed)):
        for group in optimizer.param_groups:
            group["lr"] = peak * rate(step, steps, config.warmup)
        tokens, lengths = padded([sequences[row] for row in rows], classifier)
        loss = F.cross_entropy(classifier(tokens, lengths), targets[rows].to(tokens.device))
        optimizer.zero_grad()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(classifier.parameters(), config.gradient_clip)
        if not torch.isfinite(loss + norm):
            raise FloatingPointError(f"the loss is not finite from step {step + 1} on; lower learning_rate")
        optimizer.step()
        on_step()
    if not all(torch.isfinite(parameter).all() for parameter in classifier.parameters()):
        raise FloatingPointError(f"the weights are not finite after the last step ({steps}); lower learning_rate")


def steps_of(config: ClassifyConfig, examples: int) -> int:
    """Steps of one fine-tuning on so many training texts; a pass ends with what is left over as a smaller batch."""
    whole, part = divmod(config.epochs, 1)
    return max(1, int(whole) * math.ceil(examples / config.batch_size) + math.ceil(part * examples / config.batch_size))


def parameter_groups(classifier: Classifier, weight_decay: float) -> list[dict[str, object]]:
    """Matrices decay; gains and biases do not."""
    matrices = [p for p in classifier.parameters() if p.dim() >= 2]
    vectors = [p for p in classifier.parameters() if p.dim() < 2]
    return [{"params": matrices, "weight_decay": weight_decay}, {"params": vectors, "weight_decay": 0.0}]


def rate(step: int, steps: int, warmup: float) -> float:
    """Factor of the learning rate at `step` (from 0): up over `warmup` of the steps, then linearly down towards 0."""
    rising = math.ceil(warmup * steps)
    return (step + 1) / rising if step < rising else (steps - step) / (steps - rising)


def batches(examples: int, batch_size: int, steps: int, seed: int) -> Iterator[np.ndarray]:
    """Row numbers of `steps` batches: every pass is a new permutation, its last batch may be smaller."""
    generator = np.random.default_rng(seed)
    while steps > 0:
        order = generator.permutation(examples)
        for start in range(0, examples, batch_size):
            if steps > 0:
                yield order[start : start + batch_size]
            steps -= 1


def predict_labels(
    classifier: Classifier, texts: Sequence[str], encode: Encode, config: ClassifyConfig, start_id: int
) -> list[str]:
    """The likeliest class of each text, in the order of the texts. Raises ValueError where the network gives no number."""
    sequences = encoded(list(texts), encode, config, start_id)
    # Texts of like lengths share a batch, which needs little padding.
    order = sorted(range(len(texts)), key=lambda row: len(sequences[row]))
    labels = [""] * len(texts)
    with evaluating(classifier):
        for start in range(0, len(order), config.evaluation_batch_size):
            rows = order[start : start + config.evaluation_batch_size]
            logits = classifier(*padded([sequences[row] for row in rows], classifier)).float().cpu()  # (rows, classes)
            check_scores(logits.sum(1).numpy(), lambda place, rows=rows: f"text {rows[place] + 1}")  # type: ignore[misc]
            for row, label in zip(rows, logits.argmax(1).tolist(), strict=True):
                labels[row] = classifier.labels[label]
    return labels


def encoded(texts: list[str], encode: Encode, config: ClassifyConfig, start_id: int) -> list[list[int]]:
    """`<|endoftext|>` and the first ids of each text, at most `max_length` in all."""
    return [[start_id, *ids][: config.max_length] for ids in encode(texts)]


def count_cut(texts: Sequence[str], encode: Encode, config: ClassifyConfig) -> int:
    """How many of the texts are longer than what is read of them."""
    return sum(1 + len(ids) > config.max_length for ids in encode(texts))


def describe_cut(cut: int, texts: int, config: ClassifyConfig) -> str:
    """The line that says so; empty when no text is cut."""
    if not cut:
        return ""
    return f"{cut:,} of {texts:,} texts are longer than max_length ({config.max_length}) and are cut; raise max_length"


def padded(sequences: Sequence[list[int]], classifier: Classifier) -> tuple[Tensor, Tensor]:
    """Ids (batch, longest), padded on the right with 0, which nothing before can see; lengths (batch,)."""
    lengths = torch.tensor([len(sequence) for sequence in sequences])
    tokens = torch.zeros(len(sequences), int(lengths.max()), dtype=torch.int64)
    for row, sequence in enumerate(sequences):
        tokens[row, : len(sequence)] = torch.tensor(sequence)
    device = classifier.head.weight.device
    return tokens.to(device), lengths.to(device)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Random numbers (dropout, first values) from `seed` inside; the caller's random state is put back after."""
    devices = list(range(torch.cuda.device_count()))
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield
