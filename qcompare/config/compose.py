"""Options on the command line, composed by Hydra into a checked request."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

import hydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ValueType
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from qcompare.config.options import GROUPS, Config, FileData, OptionError, alternatives, parse, read
from qcompare.data.load import load
from qcompare.pipeline import store

NOT_IDENTITY = ("seed", "workers", "outputs", "verbose")
"""Options that say how much is computed and where, not what."""

NAME_LENGTH = 80


@dataclass(frozen=True, kw_only=True)
class Request:
    """A checked configuration and the folder that its results go to."""

    config: Config
    folder: Path

    @property
    def identity(self) -> dict[str, Any]:
        """All that the results of one seed depend on; the content of a data file is part of it."""
        return identity(self.config)


def identity(config: Config) -> dict[str, Any]:
    """The configuration as plain data, without what says how much is computed and where."""
    values = {name: value for name, value in plain(config).items() if name not in NOT_IDENTITY}
    if isinstance(config.data, FileData):
        values["data_content"] = hashlib.sha256(config.data.file.read_bytes()).hexdigest()
    return values


def plain(value: Any) -> Any:
    """Dataclasses as mappings, tuples as lists, paths as text."""
    if is_dataclass(value):
        return {item.name: plain(getattr(value, item.name)) for item in fields(value)}
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def conf_directory() -> Path:
    """conf/ stands inside an installed package and beside it in a checkout."""
    inside = Path(__file__).parents[1] / "conf"
    return inside if inside.is_dir() else Path(__file__).parents[2] / "conf"


def request(overrides: Sequence[str]) -> Request:
    """The request that the overrides (`model=lstm`, `seed=0..9`) make. Raises OptionError and DataFileError."""
    config = read(compose(overrides))
    check_outputs(config.outputs)
    if isinstance(config.data, FileData):
        load(config.data)
    return Request(config=config, folder=config.outputs / folder_name(config))


def check_outputs(outputs: Path) -> None:
    """Raises OptionError for a folder that can neither be written to nor made."""
    # os.path: a path in a folder that may not be searched is not there, where Path.exists raises.
    there = next(path for path in (outputs, *outputs.parents) if os.path.exists(path))
    if not there.is_dir():
        raise OptionError(f"outputs={outputs}: {there} is no folder; give a folder, or a path where one can be made")
    if not os.access(there, os.W_OK | os.X_OK):
        raise OptionError(f"outputs={outputs}: {there} may not be written to; give a folder that may")


def compose(overrides: Sequence[str]) -> dict[str, Any]:
    """The composed values as plain data, unchecked. Raises OptionError for what Hydra does not take."""
    for override in overrides:
        check_override(override)
    with hydra.initialize_config_dir(version_base="1.3", config_dir=str(conf_directory())):
        try:
            composed = hydra.compose("config", overrides=list(overrides))
            return OmegaConf.to_container(composed, resolve=True)  # type: ignore[return-value]
        except (HydraException, OmegaConfBaseException, ValueError) as error:
            raise OptionError(_one_line(error)) from error


def job_overrides(overrides: Sequence[str]) -> list[list[str]]:
    """The overrides of each job of a multirun, as Hydra's own sweeper splits them. Raises OptionError."""
    from hydra._internal.core_plugins.basic_sweeper import BasicSweeper

    try:
        parsed = OverridesParser.create().parse_overrides(list(overrides))
        batches = BasicSweeper.split_arguments(parsed, max_batch_size=None)
    except HydraException as error:
        raise OptionError(f"{' '.join(overrides)}: cannot be read; write option=value,value") from error
    return [list(job) for batch in batches for job in batch]


def check_override(override: str) -> None:
    """Raises OptionError for an argument that is no `option=value`, or a sweep without -m."""
    try:
        parsed = OverridesParser.create().parse_override(override)
    except HydraException as error:
        raise OptionError(f"{override}: cannot be read; write option=value") from error
    option = parsed.key_or_group
    if not option:
        raise OptionError(f"{override}: cannot be read; write option=value")
    if parsed.is_sweep_override():
        plainly = parsed.value_type == ValueType.SIMPLE_CHOICE_SWEEP  # not a function such as range(10)
        as_list = f"; a list is {option}=[{override.split('=', 1)[1]}]" if plainly else ""
        raise OptionError(f"{override}: a sweep needs -m{as_list}")
    group = conf_directory() / option
    if group.is_dir() and not parsed.is_delete() and not isinstance(parsed.value(), str):
        raise OptionError(f"{override}: must be {alternatives(sorted(path.stem for path in group.glob('*.yaml')))}")


def folder_name(config: Config) -> str:
    """`<model>-<quant>`, and what differs from their defaults with a hash over all of it, if anything does."""
    name = f"{config.model.name}-{config.quant.name}"
    chosen = [f"model={config.model.name}", f"quant={config.quant.name}"]
    own = identity(config)
    differs = difference(own, _defaults(chosen))
    if not differs:
        return name
    if "data.name" in differs:
        # The dataset's own defaults differ from the default dataset's: its name says so already.
        kept = [f"data={config.data.name}", *(["data.file=''"] if isinstance(config.data, FileData) else [])]
        differs = {"data": config.data.name} | difference(own, _defaults([*chosen, *kept]))
    parts = [
        f"{key.removeprefix('model.')}={','.join(map(str, value)) if isinstance(value, list) else value}"
        for key, value in differs.items()
        if key not in ("data.file", "data_content")
    ]
    text = re.sub(r"[^\w=.,+-]", "", "-".join(parts))[:NAME_LENGTH]
    return f"{name}-{text}-{store.digest(own)[:8]}"


def _defaults(overrides: Sequence[str]) -> dict[str, Any]:
    values = compose(overrides)
    if values["data"]["name"] == "file":
        values["data"]["file"] = "-"
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


def _one_line(error: Exception) -> str:
    text = str(error)
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        group, _, choice = error.missing_cfg_file.rpartition("/")
        choices = sorted(GROUPS.get(group, error.options or ()))
        if choices:
            return f"{group}={choice}: must be {alternatives(choices)}"
    if isinstance(error, OverrideParseException):
        return f"{error.override}: cannot be read; write option=value"
    if match := re.search(r"Could not (?:override|append to config|delete[^']*) ?'([^']+)'", text):
        return f"{match.group(1).lstrip('+')}: no such option; `python -m qcompare --help` lists them"
    return text.strip().splitlines()[0]
