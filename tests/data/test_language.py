import socket

import pytest

from data.language import LanguageConfig, identify

ENGLISH = "The members of the committee have decided to meet again in the autumn of this year."
GERMAN = "Die Mitglieder des Ausschusses haben beschlossen, sich im Herbst dieses Jahres wieder zu treffen."


@pytest.mark.parametrize(("text", "expected"), [(ENGLISH, "en"), (GERMAN, "de"), (ENGLISH.upper(), "en")])
def test_languages(text: str, expected: str) -> None:
    language, score = identify(text, 1000)
    assert language == expected
    assert LanguageConfig().threshold < score <= 1


def test_only_the_first_characters_are_looked_at() -> None:
    assert identify(ENGLISH + GERMAN * 1000, len(ENGLISH)) == identify(ENGLISH, 1000)


def test_line_breaks_make_no_difference() -> None:
    assert identify(ENGLISH.replace(" ", "\r\n\n"), 1000) == identify(ENGLISH, 1000)


@pytest.mark.parametrize("text", ["\x00\x00", "?!", "12 34", "\ufffd"])
def test_text_without_a_language_gets_some_answer(text: str) -> None:
    _, score = identify(text, 1000)
    assert 0 <= score <= 1


def test_the_model_comes_from_the_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    from data import language

    language._detector.cache_clear()
    assert identify(ENGLISH, 1000)[0] == "en"
