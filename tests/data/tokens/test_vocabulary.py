"""A vocabulary in use: exact round trips, special tokens, the fast encoder against `tokenizers`, tokenizers of others."""

import json
import random
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from data.documents import SCHEMA, document_id
from data.tables import write_table
from data.tokens.bpe import adopt_tokenizer, train_tokenizer
from data.tokens.config import END_OF_TEXT, PAD, TokenizeConfig, VocabConfig
from data.tokens.given_back import MOST_LOST, SAMPLE, loss_of
from data.tokens.token_shards import TokenShard
from data.tokens.tokenize import tokenize_shard
from data.tokens.vocabulary import (
    Encoder,
    Vocabulary,
    copy_vocabulary,
    find_tokenizer,
    load_vocabulary,
    pattern_and_ranks,
)

WORDS = [
    "the",
    "people",
    "government",
    "1862",
    "12345",
    "naïve",
    "国民",
    "\n\n",
    "don't",
    "We'll",
    ":-)",
    "...",
    "abab",
]


def document(number: int) -> dict[str, object]:
    text = " ".join(random.Random(number).choices(WORDS, k=200))
    return {"id": document_id("a", str(number)), "text": text, "source": "a", "uri": "", "license": ""}


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("documents") / "documents-00000.parquet"
    write_table(path, [document(number) for number in range(20)], SCHEMA)
    return path


@pytest.fixture(scope="module", params=["llama3", "gpt2"])
def vocabulary(request: pytest.FixtureRequest, documents: Path, tmp_path_factory: pytest.TempPathFactory) -> Vocabulary:
    folder = tmp_path_factory.mktemp("bpe")
    config = VocabConfig(size=400, pre_tokenizer=request.param, special_tokens=("<|user|>",))
    train_tokenizer(folder, [documents], config, seed=1)
    return load_vocabulary(folder / "tokenizer.json")


@settings(max_examples=200, deadline=None)
@given(text=st.text(max_size=60))
@example(text="don't  DON'T\r\n\r\n  x\t1234567 ½ ①")
@example(text="<|endoftext|> a<|pad|><|user|>\0")
@example(text="\u0558 \ua7ce \U00011de0")  # assigned in some Unicode versions only
@example(text="'ſ 'ſ\u200b\u0085\x1c")
def test_round_trip_and_equality_with_tokenizers(vocabulary: Vocabulary, text: str) -> None:
    (ids,) = Encoder(vocabulary).encode([text])
    assert ids.tolist() == vocabulary.tokenizer.encode_batch_fast([text], add_special_tokens=False)[0].ids
    assert vocabulary.tokenizer.decode(ids.tolist(), skip_special_tokens=False) == text


def test_every_code_point_is_encoded_as_tokenizers_does(vocabulary: Vocabulary) -> None:
    """Catches a tiktoken whose Unicode tables differ from those of `tokenizers`; 64 code points a text."""
    points = [chr(point) for point in range(0x30000) if not 0xD800 <= point < 0xE000]
    texts = ["a".join(points[start : start + 64]) for start in range(0, len(points), 64)]
    ours = [ids.tolist() for ids in Encoder(vocabulary).encode(texts)]
    assert ours == [
        encoding.ids for encoding in vocabulary.tokenizer.encode_batch_fast(texts, add_special_tokens=False)
    ]


def test_special_tokens_have_fixed_ids_and_never_come_from_text(vocabulary: Vocabulary) -> None:
    assert [vocabulary.tokenizer.id_to_token(number) for number in range(3)] == [END_OF_TEXT, PAD, "<|user|>"]
    text = f"one{END_OF_TEXT}two {PAD} <|user|>"
    for ids in (Encoder(vocabulary).encode([text])[0].tolist(), vocabulary.tokenizer.encode(text).ids):
        assert min(ids) > 2
        assert vocabulary.tokenizer.decode(ids) == text


@pytest.mark.parametrize(
    "text", [" " * 1_200_000 + "x", "\n " * 60_000, "\t\x0b" * 60_000 + "1", "a" * 100_000, "!" * 100_000]
)
def test_a_long_run_is_encoded_exactly_and_in_bounded_time(vocabulary: Vocabulary, text: str) -> None:
    begun = time.perf_counter()
    (ids,) = Encoder(vocabulary).encode([text])
    assert time.perf_counter() - begun < 60
    assert ids.tolist() == vocabulary.tokenizer.encode(text).ids


def test_other_merges_or_patterns_go_the_slow_way_and_right(vocabulary: Vocabulary, tmp_path: Path) -> None:
    """tiktoken would merge by another rank, cut other pieces, or not normalise."""
    content = json.loads(vocabulary.tokenizer.to_str())
    changes = [
        lambda c: c["model"]["merges"].insert(0, c["model"]["merges"].pop()),
        lambda c: c["pre_tokenizer"]["pretokenizers"][0].update(pattern={"Regex": r"\w+|\W"}),
        lambda c: c["pre_tokenizer"]["pretokenizers"][0].update(behavior="MergedWithNext"),
        lambda c: c["pre_tokenizer"]["pretokenizers"][1].update(add_prefix_space=True),
        lambda c: c.update(normalizer={"type": "Lowercase"}),
    ]
    text = "The people's government of 1862, don't We'll 国民"
    for number, change in enumerate(changes):
        changed = json.loads(json.dumps(content))
        change(changed)
        path = tmp_path / f"{number}.json"
        path.write_text(json.dumps(changed))
        other = load_vocabulary(path)
        assert pattern_and_ranks(other.tokenizer) is None
        ids = Encoder(other).encode([text])[0].tolist()
        assert ids == Tokenizer.from_file(str(path)).encode(text, add_special_tokens=False).ids


def foreign(folder: Path, **files: object) -> Path:
    """A tokenizer as Llama's: its own ids, a post-processor that begins every text with <s>, settings beside it."""
    folder.mkdir()
    tokenizer = Tokenizer(models.BPE(byte_fallback=False))
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    names = ["<unk>", "<s>", "</s>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=300, special_tokens=names, initial_alphabet=sorted(alphabet), show_progress=False
    )
    tokenizer.train_from_iterator([str(document(number)["text"]) for number in range(20)], trainer)
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    tokenizer.save(str(folder / "tokenizer.json"))
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    return folder / "tokenizer.json"


def test_a_tokenizer_of_others_says_how_a_document_begins_and_ends(tmp_path: Path) -> None:
    ways: list[dict[str, object]] = [
        {"tokenizer_config": {"eos_token": "</s>", "pad_token": {"content": "<unk>"}}},
        {"config": {"eos_token_id": 2, "pad_token_id": 0}},
        {"config": {"eos_token_id": [2, 1], "pad_token_id": 0}},
        {"tokenizer_config": {"eos_token": {"content": "</s>"}, "pad_token": "<unk>"}, "config": {"eos_token_id": 1}},
    ]
    for number, files in enumerate(ways):
        found = load_vocabulary(foreign(tmp_path / str(number), **files))
        assert (found.begin_id, found.start_id, found.end_id, found.pad_id) == (1, 1, 2, 0)
        ids = Encoder(found).encode(["the people </s>"])[0]
        assert found.tokenizer.decode(ids.tolist(), skip_special_tokens=False) == "the people </s>"
        assert found.document(ids).tolist() == [1, *ids.tolist(), 2]
        assert found.text_of(found.document(ids)).tolist() == ids.tolist()


def test_our_own_documents_have_no_beginning(vocabulary: Vocabulary) -> None:
    assert (vocabulary.begin_id, vocabulary.start_id, vocabulary.end_id, vocabulary.pad_id) == (None, 0, 0, 1)
    ids = np.array([5, 6], dtype=np.int32)
    assert vocabulary.document(ids).tolist() == [5, 6, 0]
    assert vocabulary.text_of(vocabulary.document(ids)).tolist() == [5, 6]


def test_a_tokenizer_of_others_is_taken_as_it_is(tmp_path: Path, documents: Path) -> None:
    path = foreign(tmp_path / "theirs", config={"eos_token_id": 2, "pad_token_id": 0})
    (tmp_path / "ours").mkdir()
    counts = adopt_tokenizer(tmp_path / "ours", [documents], path, seed=0)
    assert (
        counts["documents_in"] == counts["documents_out"] == 20 and counts["vocab_size"] == load_vocabulary(path).size
    )
    assert (tmp_path / "ours" / "tokenizer.json").read_bytes() == path.read_bytes()
    report = json.loads((tmp_path / "ours" / "report.json").read_text())
    assert report["bytes_per_token"] > 1 and report["sources"]["a"]["documents"] == 20
    (tmp_path / "copy").mkdir()
    copy_vocabulary(tmp_path / "ours" / "tokenizer.json", tmp_path / "copy")
    found = load_vocabulary(tmp_path / "copy" / "tokenizer.json")  # without their config.json
    assert (found.begin_id, found.end_id, found.pad_id) == (1, 2, 0)
    tokenize_shard(
        tmp_path / "copy", documents, tmp_path / "copy" / "tokenizer.json", TokenizeConfig(validation=0, test=0)
    )
    shard = TokenShard.open(tmp_path / "copy" / "a-train")
    for number in range(20):
        tokens = shard.document(number)
        assert (tokens[0], tokens[-1]) == (1, 2)
        assert found.tokenizer.decode(found.text_of(tokens).tolist()) == document(number)["text"]


def test_what_is_wrong_with_a_tokenizer_is_named(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(ValueError, match=r"tokenizer\.json: not a tokenizer"):
        load_vocabulary(tmp_path / "tokenizer.json")
    with pytest.raises(ValueError, match="nothing says which of its tokens ends a text"):
        load_vocabulary(foreign(tmp_path / "silent"))
    with pytest.raises(ValueError, match="has no token '<eos>'"):
        load_vocabulary(foreign(tmp_path / "strange", tokenizer_config={"eos_token": "<eos>"}))
    (tmp_path / "silent" / "config.json").write_text("[" * 100_000)
    with pytest.raises(ValueError, match=r"config\.json: cannot be read"):
        load_vocabulary(tmp_path / "silent" / "tokenizer.json")
    with pytest.raises(ValueError, match=r"none/tokenizer\.json: there is no such file"):
        (tmp_path / "none").mkdir()
        find_tokenizer(tmp_path / "none")
    assert find_tokenizer(tmp_path / "silent") == find_tokenizer(tmp_path / "silent" / "tokenizer.json")


def change(path: Path, **values: object) -> Path:
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))
    return path


def test_what_a_model_was_cut_and_filled_to_is_not_done_to_documents(tmp_path: Path) -> None:
    path = foreign(tmp_path / "cut", config={"eos_token_id": 2})
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.enable_truncation(3)
    tokenizer.enable_padding(length=8, pad_id=0, pad_token="<unk>")
    tokenizer.save(str(path))
    found = load_vocabulary(path)
    assert (found.begin_id, found.end_id) == (1, 2)
    ids = Encoder(found).encode(["the people of 1862"])[0].tolist()
    assert len(ids) > 3 and found.tokenizer.decode(ids, skip_special_tokens=False) == "the people of 1862"


def test_a_tokenizer_that_text_can_forge_or_chance_decides_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "unigram"
    folder.mkdir()
    names = [("<unk>", 0.0), ("</s>", 0.0), ("a", -1.0), ("▁", -2.0)]
    tokenizer = Tokenizer(models.Unigram(names, unk_id=0))
    tokenizer.add_special_tokens(["</s>"])
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text('{"eos_token": "</s>"}')
    with pytest.raises(ValueError, match="makes of '</s>' in a text the token that no text may have"):
        load_vocabulary(folder / "tokenizer.json")
    path = foreign(tmp_path / "chance", config={"eos_token_id": 2})
    content = json.loads(path.read_text())
    change(path, model={**content["model"], "dropout": 0.1})
    with pytest.raises(ValueError, match="drops merges at random"):
        load_vocabulary(path)


def test_ids_with_gaps_and_ids_that_are_none(tmp_path: Path) -> None:
    path = foreign(tmp_path / "gaps", config={"eos_token_id": 2, "pad_token_id": -1})
    content = json.loads(path.read_text())
    vocab = {**content["model"]["vocab"], "zz": 70_000}
    change(path, model={**content["model"], "vocab": vocab})
    found = load_vocabulary(path)
    assert (found.size, found.pad_id) == (70_001, None)
    (tmp_path / "gaps" / "config.json").write_text('{"eos_token_id": true}')
    with pytest.raises(ValueError, match="nothing says which of its tokens ends a text"):
        load_vocabulary(path)


def test_a_tokenizer_file_of_any_name_can_be_taken(tmp_path: Path, documents: Path) -> None:
    path = foreign(tmp_path / "theirs", tokenizer_config={"eos_token": "</s>"})
    path = path.rename(path.with_name("gpt2.json"))
    assert adopt_tokenizer(tmp_path, [documents], path, seed=0)["vocab_size"] == load_vocabulary(path).size
    assert load_vocabulary(tmp_path / "tokenizer.json").end_id == 2


def test_what_is_written_behind_a_prompt_keeps_its_space(tmp_path: Path) -> None:
    """As in Llama 2: a space is put before every text and taken away from the first word of what is decoded."""
    tokenizer = Tokenizer(models.BPE({"<unk>": 0, "</s>": 1, "▁": 2, "a": 3, "b": 4}, [], unk_token="<unk>"))
    tokenizer.add_special_tokens(["</s>"])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    found = Vocabulary(tokenizer, 1, None, None)
    prompt = [1, *Encoder(found).encode(["a"])[0].tolist()]
    assert found.tokenizer.decode([2, 4]) == "b"
    assert found.continued(prompt, [2, 4, 1]) == " b"


COLLAPSE = normalizers.Replace(Regex(r"\s+"), " ")


@pytest.mark.parametrize(
    ("normalizer", "most"),
    [
        (normalizers.Lowercase(), "T"),
        (COLLAPSE, "\n"),
        (normalizers.StripAccents(), None),
        (normalizers.Strip(), None),
        (None, None),
    ],
)
def test_what_a_tokenizer_loses_is_measured(tmp_path: Path, documents: Path, normalizer: Any, most: str | None) -> None:
    train_tokenizer(tmp_path, [documents], VocabConfig(size=300), seed=0)
    found = load_vocabulary(tmp_path / "tokenizer.json")
    if normalizer:
        found.tokenizer.normalizer = normalizer
    loss = loss_of(found, SAMPLE)
    assert (loss.lost > 0) == (normalizer is not None)
    if most:
        assert most in loss.most and loss.share > MOST_LOST and " becomes " in loss.describe()


@given(st.lists(st.text(), max_size=5))
def test_a_byte_level_vocabulary_loses_nothing(texts: list[str]) -> None:
    tokenizer = Tokenizer(
        models.BPE({byte: number for number, byte in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}, [])
    )
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    assert loss_of(Vocabulary(tokenizer, 0, None, None), texts).lost == 0
