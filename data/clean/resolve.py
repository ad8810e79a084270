"""From presets and what a recipe changes in them to the rules of each source, which are written out in full."""

from collections.abc import Iterable, Mapping
from typing import Any

from data.clean.config import CleanConfig, Rules, SourceRules
from data.clean.presets import PRESETS, Preset
from data.section import is_at_work


def resolved(config: CleanConfig, defaults: Mapping[str, Preset | None]) -> CleanConfig:
    """`config` with the rules of each source in full and no preset.

    `defaults` has the preset that each source begins with by itself; None stands for FineWeb's rules, as they were before there
    were presets. Where all sources have the same rules these stand in the section's own fields, else `sources` has those of each.
    Raises ValueError for what is written and would do nothing.
    """
    _check_all_used(config, defaults)
    by_source = {source: _rules(config, source, default) for source, default in defaults.items()}
    first, *others = by_source.values() or [_rules(config, "", None)]
    if all(rules == first for rules in others):
        return CleanConfig.model_validate(first.model_dump())
    return CleanConfig(sources={source: SourceRules(**rules.model_dump()) for source, rules in by_source.items()})


def _rules(config: CleanConfig, source: str, default: Preset | None) -> Rules:
    """The rules of one source. Fields that do nothing beside the others have the value that they have in no preset."""
    entry = config.sources.get(source)
    own = {} if entry and entry.preset else _written(config)
    preset = (entry and entry.preset) or config.preset or default
    begin = _laid_over(PRESETS[preset] if preset else {}, own)
    rules = Rules.model_validate(_laid_over(begin, _written(entry) if entry else {}))
    plain = Rules()
    idle = {name: getattr(plain, name) for name in Rules.model_fields if not is_at_work(rules, name)}
    return rules.model_copy(update=idle)


def _written(section: Rules) -> dict[str, Any]:
    return section.model_dump(exclude_unset=True, exclude={"preset", "sources"})


def _laid_over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """`above` laid over `below`, sections field by field."""
    values = dict(below)
    for name, value in above.items():
        inner = values.get(name)
        values[name] = _laid_over(inner, value) if isinstance(inner, Mapping) and isinstance(value, Mapping) else value
    return values


def _check_all_used(config: CleanConfig, sources: Iterable[str]) -> None:
    """Raise ValueError for a preset beside which every rule is written, and for a rule of all sources that holds for none."""
    every_rule = set(Rules.model_fields)
    sections: dict[str, CleanConfig | SourceRules] = {"preset": config}
    sections |= {f"sources.{source}.preset": rules for source, rules in config.sources.items()}
    for place, section in sections.items():
        if section.preset and section.model_fields_set >= every_rule:
            raise ValueError(
                f"{place}: {section.preset} chooses nothing where every rule is written; leave it or the rules out"
            )
    entries = [config.sources.get(source) for source in sources]
    if entries and all(entry and (entry.preset or entry.model_fields_set >= every_rule) for entry in entries):
        plain = CleanConfig()
        for name in sorted(config.model_fields_set - {"sources"}):
            if getattr(config, name) != getattr(plain, name):
                raise ValueError(
                    f"{name}: it holds for no source, as each has rules of its own in `sources`; change it there"
                )


def told(rules: Rules, default: Preset | None) -> str:
    """The preset that `rules` are nearest to, and which sections differ: `web but for gopher_quality`.

    `default` is the preset that the source begins with by itself.
    """
    differing = {preset: _differing(rules, Rules.model_validate(values)) for preset, values in PRESETS.items()}
    nearest = min(differing, key=lambda preset: len(differing[preset]))
    if differing[nearest]:
        return f"{nearest} but for {', '.join(differing[nearest])}"
    return f"{nearest}, by its format" if nearest == default else nearest


def _differing(rules: Rules, others: Rules) -> list[str]:
    return [name for name in Rules.model_fields if getattr(rules, name) != getattr(others, name)]
