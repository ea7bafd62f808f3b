"""Options on the command line, composed by Hydra; and the name of a configuration."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ValueType
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from qcompare.config.options import GROUPS, PATHS, Config, OptionError, UcrData, UserModel, alternatives, parse
from qcompare.core.digest import digest
from qcompare.core.plain import plain

NAME_LENGTH = 80

MORE_CHOICES = {
    "hydra/launcher": "; pip install 'qcompare[launchers]' adds joblib and submitit",
    "experiment": "; --config-dir DIR takes those in DIR/experiment/",
}
"""Group of options -> where it has more from."""


def conf_directory() -> Path:
    """conf/ stands inside an installed package and beside it in a checkout."""
    inside = Path(__file__).parents[1] / "conf"
    return inside if inside.is_dir() else Path(__file__).parents[2] / "conf"


def compose(overrides: Sequence[str]) -> dict[str, Any]:
    """The composed values as plain data, unchecked. Raises OptionError for what Hydra does not take."""
    try:
        with _hydra():
            composed = hydra.compose("config", overrides=list(overrides))
        values = OmegaConf.to_container(composed, resolve=True)
    except (HydraException, OmegaConfBaseException, ValueError) as error:
        raise OptionError(reason(error, overrides)) from error
    assert isinstance(values, dict)
    return {str(name): value for name, value in values.items()}


@contextmanager
def _hydra() -> Iterator[None]:
    """Hydra as it runs already, or for the while."""
    if GlobalHydra.instance().is_initialized():
        yield
        return
    with hydra.initialize_config_dir(version_base="1.3", config_dir=str(conf_directory())):
        yield


def configuration_name(config: Config) -> str:
    """`<model>-<quant>`, and what differs from their defaults with a hash over all of it, if anything does."""
    name = f"{config.model.name}-{config.quant.name}"
    chosen = [f"model={config.model.name}", f"quant={config.quant.name}"]
    own = config.deciding()
    differs = difference(own, _defaults(chosen))
    if not differs:
        return name
    if "data.name" in differs:
        # The dataset's own defaults differ from the default dataset's: its name says so already.
        defaults = _defaults([*chosen, f"data={config.data.name}"])
        problem = [config.data.problem] if isinstance(config.data, UcrData) else []
        differs = {"data": [config.data.name, *problem]} | difference(own, defaults)
    parts = [
        f"{key.removeprefix('model.')}={','.join(map(str, value)) if isinstance(value, list) else value}"
        for key, value in differs.items()
        if key not in (*PATHS, "data_content", "model_content")
    ]
    if isinstance(config.model, UserModel):
        parts = [config.model.path.stem, *parts]
    text = re.sub(r"[^\w=.,+-]", "", "-".join(parts))[:NAME_LENGTH]
    return f"{name}-{text}-{digest(own)[:8]}"


def _defaults(overrides: Sequence[str]) -> dict[str, Any]:
    values = compose(overrides)
    # A path that has no default is no part of the name.
    for group in ("data", "model"):
        values[group] = {name: "-" if value == "???" else value for name, value in values[group].items()}
    return plain(parse(values))


def difference(values: Mapping[str, Any], defaults: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Dotted name -> value of each option that is not as in the defaults."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            inner = defaults.get(name)
            found |= difference(value, inner if isinstance(inner, Mapping) else {}, f"{prefix}{name}.")
        elif name not in defaults or defaults[name] != value:
            found[f"{prefix}{name}"] = value
    return found


def reason(error: Exception, overrides: Sequence[str]) -> str:
    """Why Hydra does not take a request, in one line that names the argument and what would be right."""
    for override in overrides:
        if wrong := wrong_with(override):
            return wrong
    text = str(error)
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        group, _, choice = error.missing_cfg_file.rpartition("/")
        choices = sorted(GROUPS.get(group, error.options or ()))
        if choices:
            return f"{group}={choice}: must be {alternatives(choices)}{MORE_CHOICES.get(group, '')}"
    if isinstance(error, OverrideParseException):
        return f"{error.override}: cannot be read; write option=value"
    if match := re.search(r"Could not (?:override|append to config|delete[^']*) ?'([^']+)'", text):
        return f"{match.group(1).lstrip('+')}: no such option; `python -m qcompare --help` lists them"
    if match := re.search(r"(?:Ambiguous value for argument|Sweep parameters) '([^']+)'", text):
        option, _, value = match.group(1).partition("=")
        as_list = "" if "(" in value else f"; a list is {option}=[{value}]"
        return f"{match.group(1)}: a sweep needs -m{as_list}"
    return text.strip().splitlines()[0]


def wrong_with(override: str) -> str:
    """What is wrong with one argument by itself, in one line; "" when nothing is."""
    try:
        parsed = OverridesParser.create().parse_override(override)
    except HydraException:
        return f"{override}: cannot be read; write option=value"
    option = parsed.key_or_group
    if not option:
        return f"{override}: cannot be read; write option=value"
    group = conf_directory() / option
    plain_value = not parsed.is_delete() and not parsed.is_sweep_override()
    if group.is_dir() and plain_value and not isinstance(parsed.value(), str):
        return f"{override}: must be {alternatives(sorted(path.stem for path in group.glob('*.yaml')))}"
    if parsed.is_sweep_override() and parsed.value_type not in (
        ValueType.CHOICE_SWEEP,
        ValueType.SIMPLE_CHOICE_SWEEP,
        ValueType.RANGE_SWEEP,
        ValueType.GLOB_CHOICE_SWEEP,
    ):
        return f"{override}: only choices and ranges can be swept"
    return ""
