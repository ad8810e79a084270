"""Which rules of cleaning fit the texts of a source, and what is told of them."""

import glob
from dataclasses import dataclass

from data.clean.presets import Preset
from data.sources.config import SourceConfig
from data.survey.files import Group
from data.survey.texts import Kept, Look, kept_by

KEPT_ENOUGH = 0.9  # Rules that drop more of a sample's text than the rest of this do not fit it.
_WHY: dict[Preset, str] = {
    "none": "nothing but what cannot be text is dropped",
    "books": "long texts",
    "chat": "most lines are turns of a talk",
    "code": "programs",
    "web": "pages of the web",
    "wiki": "articles",
}


@dataclass(frozen=True)
class ChosenSource:
    """A source of the recipe, with the rules for its documents and what was seen of it."""

    source: SourceConfig
    preset: Preset
    languages: tuple[str, ...]
    """The languages that the rules keep; empty where they keep all."""
    kept: float
    """The share of the sample's text that the rules keep."""
    seen: tuple[str, ...]
    """Lines on what was seen and why the rules were chosen."""


def choose_rules(group: Group, look: Look, folder: str) -> ChosenSource:
    """Choose by formats, suffixes and what the texts look like; `folder` is where the files lie, as seen from the recipe."""
    preset, kept, reason = _fitting(group, look)
    return ChosenSource(
        source=_seen_from(group.source, folder),
        preset=preset,
        languages=tuple(look.main_languages) if preset == "web" else (),
        kept=kept.share,
        seen=(
            f"{group.source.name}: {len(group.files):,} files, about {look.documents:,} documents and "
            f"{look.bytes / 1e6:,.2f} MB of text{_languages(preset, look)}",
            f"rules `{preset}`: {reason}; {kept.share:.0%} of the sample's text is kept{_most_dropped(kept)}",
            *_oddities(look),
        ),
    )


def _fitting(group: Group, look: Look) -> tuple[Preset, Kept, str]:
    """The preset that the texts look like, or `none` where that would drop much of them; what it keeps, and why it was taken."""
    kept = kept_by(look, group.source, look.kind, look.main_languages)
    why = "by the format" if look.kind == group.preset and look.kind != "none" else _WHY[look.kind]
    if kept.share >= KEPT_ENOUGH or look.kind == "none":
        return look.kind, kept, why
    lost = f"`{look.kind}` would drop {1 - kept.share:.0%} of the text{_most_dropped(kept)}"
    return "none", kept_by(look, group.source, "none"), lost


def _oddities(look: Look) -> list[str]:
    """Lines on what is not as one would expect."""
    lines = [f"read as {', '.join(look.encodings)}"] if look.encodings else []
    for number, words in ((look.unreadable, "cannot be read"), (look.empty, "have no text")):
        lines += [f"{number:,} records of the sample {words}"] * (number > 0)
    lines += [f"{look.duplicates:.0%} of the sample's documents are copies of others"] * (look.duplicates > 0.01)
    return lines


def _most_dropped(kept: Kept) -> str:
    named = [f"{rule} {share:.0%}" for rule, share in list(kept.dropped.items())[:2] if share >= 0.005]
    return f" ({', '.join(named)})" if named else ""


def _languages(preset: Preset, look: Look) -> str:
    named = ", ".join(f"{name} {look.languages[name]:.0%}" for name in look.main_languages[:5])
    return f" in {named}" if named and preset != "code" else ""


def _seen_from(source: SourceConfig, folder: str) -> SourceConfig:
    """The source with paths as seen from the recipe."""
    prefix = "" if folder == "." else f"{glob.escape(folder)}/"
    written = source.model_dump(exclude_unset=True)
    return SourceConfig.model_validate({**written, "path": [f"{prefix}{path}" for path in written["path"]]})
