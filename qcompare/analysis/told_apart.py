"""How the configurations of a command are called, by the options in which they differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Options = Mapping[str, Any]
"""Options by their dotted names."""

OF_QUANTIZATION = frozenset({"quant", "qat"})
"""Groups of options."""


@dataclass(frozen=True, kw_only=True)
class Called:
    """A configuration. model: the network, by its name and the options in which those of that name differ.
    method: how it is quantized. differing: the options in which those of that model and method differ."""

    model: str
    method: str
    differing: tuple[str, ...]


def called(options: Mapping[str, Options]) -> dict[str, Called]:
    """Configuration -> what it is called. Two have the same model when they differ in options of quantization alone."""
    quantized, networks = ({name: _part(own, of) for name, own in options.items()} for of in (True, False))
    distinct = list({tuple(network.items()): network for network in networks.values()}.values())
    found = {}
    for name, network in networks.items():
        of_name = [other for other in distinct if other["model.name"] == network["model.name"]]
        own = quantized[name]
        of_model = [quantized[other] for other, its in networks.items() if its == network]
        of_method = [other for other in of_model if other["quant.name"] == own["quant.name"]]
        found[name] = Called(
            model=", ".join([network["model.name"], *_differing(network, of_name)]),
            method=own["quant.name"],
            differing=tuple(_differing(own, of_method)),
        )
    return found


def told_apart_by(group: str, options: Mapping[str, Options]) -> dict[str, str]:
    """Configuration -> the options of a group that not all have alike, `option=value`; empty where all are alike."""
    own = {
        name: {key: str(value) for key, value in each.items() if key.partition(".")[0] in (group, f"{group}_content")}
        for name, each in options.items()
    }
    keys = dict.fromkeys(key for each in own.values() for key in each)
    differing = [key for key in keys if len({each.get(key) for each in own.values()}) > 1]
    return {name: ", ".join(f"{key}={each[key]}" for key in differing if key in each) for name, each in own.items()}


def _part(own: Options, of_quantization: bool) -> dict[str, str]:
    """The options of quantization as text, or the others."""
    return {
        option: ",".join(map(str, value)) if isinstance(value, list) else str(value)
        for option, value in own.items()
        if (option.partition(".")[0] in OF_QUANTIZATION) == of_quantization and option != "configuration"
    }


def _differing(own: Mapping[str, str], others: Sequence[Mapping[str, str]]) -> Iterator[str]:
    """`option=value` of each option that not all have alike. What a data set has of its own goes with its name."""
    one_data_set = len({other.get("data.name") for other in others}) == 1
    for option, value in own.items():
        if option == "data_content" or (option.startswith("data.") and option != "data.name" and not one_data_set):
            continue
        if len({other.get(option) for other in others}) > 1:
            short = "data" if option == "data.name" else option.removeprefix("model.").removeprefix("quant.")
            yield f"{short}={value}"
