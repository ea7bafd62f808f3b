"""What is given to the main job: Hydra's flags, options, and values that the shell passed whole."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException

from qcompare.config.options import PATHS, OptionError

INFO = ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath")

EXCLUSIVE = ("run", "multirun", "cfg", "info", "shell_completion")

REFUSED_FLAGS = {
    "--config-path": "the program's own configuration is always there; --config-dir DIR adds yours",
    "--experimental-rerun": "give the same command again; what is stored is not computed anew",
}

REFUSED_OPTIONS = {
    "hydra.run.dir": "results go to outputs=DIR",
    "hydra.sweep.dir": "results go to outputs=DIR",
    "hydra.sweep.subdir": "each configuration has a folder of its own in outputs=DIR",
    "hydra.output_subdir": "config.yaml in the folder of results holds the configuration",
    "hydra.job.chdir": "the current folder stays; results go to outputs=DIR",
}
"""Options of Hydra that would have no effect, and what has."""

LOGS = ("hydra/job_logging=stdout", "hydra/hydra_logging=default")
"""What hydra.verbose shows more of."""


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """A command line, sorted. flags: Hydra's, each in one word. options: overrides as Hydra parses them."""

    flags: tuple[str, ...]
    options: tuple[str, ...]

    @property
    def asks_only(self) -> bool:
        """Whether Hydra answers and no job runs."""
        return any(flag.startswith(("--cfg", "--info", "--hydra-help", "--shell-completion")) for flag in self.flags)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise OptionError(message)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(add_help=False, allow_abbrev=False)
    parser.add_argument("--cfg", "-c", choices=("job", "hydra", "all"))
    parser.add_argument("--info", "-i", choices=INFO)
    parser.add_argument("--package", "-p")
    parser.add_argument("--config-dir", "-cd")
    parser.add_argument("--config-name", "-cn")
    parser.add_argument("--shell-completion", "-sc", action="store_true")
    for flag in (("--resolve",), ("--hydra-help",), ("--multirun", "-m"), ("--run", "-r"), ("--verbose", "-v")):
        parser.add_argument(*flag, action="store_true")
    parser.add_argument("--config-path", "-cp")
    parser.add_argument("--experimental-rerun")
    parser.add_argument("options", nargs="*")
    return parser


def read(given: Sequence[str], as_module: bool) -> Arguments:
    """The arguments, in whatever order they stand. Raises OptionError for what is not taken.

    as_module: whether the program runs as `python -m qcompare`, whose words a shell cannot complete.
    """
    found, unknown = _parser().parse_known_intermixed_args(_with_choices(given))
    for text in unknown:
        raise OptionError(f"{text}: no such flag; `python -m qcompare --help` lists them")
    if found.shell_completion and as_module:
        raise OptionError(f"--shell-completion: works for the script: qcompare {' '.join(given)}")
    if len(asked := [flag for flag in EXCLUSIVE if getattr(found, flag)]) > 1:
        raise OptionError(f"--{asked[0]} and --{asked[1]}: give one of them".replace("_", "-"))
    for flag, instead in REFUSED_FLAGS.items():
        if getattr(found, flag[2:].replace("-", "_")) is not None:
            raise OptionError(f"{flag}: not taken; {instead}")
    multirun = found.multirun
    options = [whole(text, may_sweep=multirun) for text in found.options]
    keys = [key for text in options if (key := key_of(text))]
    for key in keys:
        if key in REFUSED_OPTIONS:
            raise OptionError(f"{key}: not taken; {REFUSED_OPTIONS[key]}")
    if "hydra.verbose" in keys:
        options += [text for text in LOGS if text.partition("=")[0] not in keys]
    if found.verbose:
        options.append("verbose=true")
    return Arguments(flags=tuple(_flags(found)), options=tuple(options))


def _with_choices(given: Sequence[str]) -> list[str]:
    """--info without a choice is the choice `all`; what follows it is an option."""
    after = [*given, ""][1:]
    return [
        "--info=all" if item in ("-i", "--info") and following not in INFO else item
        for item, following in zip(given, after, strict=True)
    ]


def _flags(found: argparse.Namespace) -> list[str]:
    """As one word each, so that none takes an option for its value."""
    words = []
    for name, value in vars(found).items():
        flag = f"--{name.replace('_', '-')}"
        if name not in ("options", "verbose") and value not in (None, False):
            words.append(flag if value is True else f"{flag}={value}")
    return words


def key_of(text: str) -> str:
    """The option or group that an override is about; "" for one that cannot be read."""
    parsed = _parsed(text)
    return parsed.key_or_group or "" if parsed else ""


def whole(text: str, *, may_sweep: bool) -> str:
    """An override whose value is a path is quoted for Hydra's grammar, so that it is taken letter by letter.

    Left as they are: values that are quoted already or refer to other options, and under a multirun those that sweep.
    """
    key, equals, value = text.partition("=")
    if key.lstrip("+") not in PATHS or not equals or not value or "${" in value:
        return text
    parsed = _parsed(text)
    if parsed is not None and (value[0] in "'\"" or (may_sweep and parsed.is_sweep_override())):
        return text
    # In Hydra's grammar backslashes are themselves, but for those in front of a quote.
    escaped = re.sub(r"(\\*)('|$)", lambda found: found[1] * 2 + ("\\'" if found[2] else ""), value)
    return f"{key}='{escaped}'"


def _parsed(text: str) -> Override | None:
    try:
        return OverridesParser.create().parse_override(text)
    except HydraException:
        return None
