"""Every option: its type, its bounds and the text of its error. Nothing heavy is imported here."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cache
from pathlib import Path
from typing import Any

from qcompare.config import seeds
from qcompare.core.comparison import AGAINST_RUNTIMES, PAIRS
from qcompare.core.digest import files_digest
from qcompare.core.plain import plain


class OptionError(ValueError):
    """A request that cannot be met; the message is one line that names the option and what would be right."""


def alternatives(words: Sequence[str]) -> str:
    """`a, b or c`."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


Reader = Callable[[str, Any], Any]


def option(read: Reader, text: str) -> Any:
    """A field of a configuration. read: (name, value) -> value, or OptionError. text: for --help."""
    return field(metadata={"read": read, "text": text})


def whole(low: int, high: int) -> Reader:
    """A whole number from low to high."""

    def read(name: str, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise OptionError(f"{name}={_shown(value)}: must be a whole number from {low} to {high}")
        return value

    return read


def real(low: float, high: float) -> Reader:
    """A number greater than low and up to high."""

    def read(name: str, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not low < value <= high:
            raise OptionError(f"{name}={_shown(value)}: must be a number greater than {low:g}, at most {high:g}")
        return float(value)

    return read


def share(name: str, value: Any) -> float:
    """A number from 0 on and less than 1."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1:
        raise OptionError(f"{name}={_shown(value)}: must be a number from 0 on, less than 1")
    return float(value)


def bound(low: float, high: float, *, whole: bool = False) -> Reader:
    """A number from low to high that a gate holds a figure against; None for no gate."""
    kind, what = (int, "a whole number") if whole else (int | float, "a number")

    def read(name: str, value: Any) -> float | None:
        if value is None:
            return None
        finite = isinstance(value, kind) and not isinstance(value, bool) and math.isfinite(value)
        if not finite or not low <= value <= high:
            ends = f" from {low:g} to {high:g}" if math.isfinite(high) else f" from {low:g} on" if low == 0 else ""
            raise OptionError(f"{name}={_shown(value)}: must be {what}{ends}, or null for no gate")
        return value if whole else float(value)

    return read


PAIRS_TEXT = f"float-qat, A-B or a list; A: {', '.join(AGAINST_RUNTIMES)}; B: interpreter, micro"


def pairs(name: str, value: Any) -> tuple[str, ...]:
    """A pair's name or a list of them, each once."""
    listed = value if isinstance(value, list) else [value]
    if not listed or any(pair not in PAIRS for pair in listed):
        raise OptionError(f"{name}={_shown(value)}: must be {PAIRS_TEXT}")
    return tuple(dict.fromkeys(listed))


def clusters(name: str, value: Any) -> int:
    """0 or a number from 2 to 256."""
    if isinstance(value, bool) or not isinstance(value, int) or not (value == 0 or 2 <= value <= 256):
        raise OptionError(f"{name}={_shown(value)}: must be a whole number from 2 to 256, or 0 for none")
    return value


def one_of(*choices: str) -> Reader:
    """One of a few words."""

    def read(name: str, value: Any) -> str:
        if value not in choices:
            raise OptionError(f"{name}={_shown(value)}: must be {alternatives(choices)}")
        return str(value)

    return read


def widths(least: int) -> Reader:
    """A layer's width or a list of them, at least so many, as a tuple."""

    def read(name: str, value: Any) -> tuple[int, ...]:
        listed = value if isinstance(value, list) else [value]
        sizes = all(isinstance(width, int) and not isinstance(width, bool) and 1 <= width <= 4096 for width in listed)
        if not sizes or len(listed) < least:
            raise OptionError(f"{name}={_shown(value)}: must be a width from 1 to 4096 or a list such as [64,32]")
        return tuple(listed)

    return read


def theta(name: str, value: Any) -> float | str:
    """`auto`, the number of steps, or a positive number of steps."""
    if value == "auto":
        return "auto"
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise OptionError(f"{name}={_shown(value)}: must be a positive number of steps, or auto for all of them")
    return float(value)


def flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise OptionError(f"{name}={_shown(value)}: must be true or false")
    return value


def path(name: str, value: Any) -> Path:
    """A path; `~` is the home folder, as in a shell."""
    if not isinstance(value, str) or not value:
        raise OptionError(f"{name}={_shown(value)}: must be a path")
    try:
        return Path(value).expanduser()
    except RuntimeError as error:
        raise OptionError(
            f"{name}={value}: there is no such user; write ./{value} for a folder of that name"
        ) from error


def steps_or_none(name: str, value: Any) -> int | None:
    return None if value is None else whole(1, 1000)(name, value)


def path_or_none(name: str, value: Any) -> Path | None:
    return None if value is None else path(name, value)


def seed_set(name: str, value: Any) -> tuple[int, ...]:
    try:
        return seeds.parse(value)
    except ValueError as error:
        raise OptionError(str(error)) from error


def worker_count(name: str, value: Any) -> int:
    """`auto`: the cores this process may use."""
    if value == "auto":
        return len(os.sched_getaffinity(0))
    return int(whole(1, 256)(name, value) if isinstance(value, int) else _no_workers(name, value))


def _no_workers(name: str, value: Any) -> int:
    raise OptionError(f"{name}={_shown(value)}: must be auto or a whole number from 1 to 256")


ACTIVATION = one_of("relu", "tanh", "sigmoid", "linear")
UNROLLED = "unrolled: operators for every step"
LOOP = "loop: one step in a WHILE"
USE_BIAS = "whether the layers have biases"
RETURN_SEQUENCES = "the head reads the output of every step, side by side, in place of the last one"


def no_fused(name: str, value: Any) -> str:
    """Recurrent layers other than LSTM have no operator of their own."""
    if value == "fused":
        raise OptionError(f"{name}=fused: only model=lstm has a fused operator; {name} must be unrolled or loop")
    return str(one_of("unrolled", "loop")(name, value))


@dataclass(frozen=True, kw_only=True)
class DenseModel:
    """Dense layers on the flattened input."""

    name: str = option(one_of("dense"), "")
    units: tuple[int, ...] = option(widths(0), "widths of the hidden layers")
    activation: str = option(ACTIVATION, "relu, tanh, sigmoid or linear")
    use_bias: bool = option(flag, USE_BIAS)

    @property
    def lowering(self) -> str:
        """Dense layers lower in one way only."""
        return ""


@dataclass(frozen=True, kw_only=True)
class SimpleRNNModel:
    """Keras's SimpleRNN, then dense layers."""

    name: str = option(one_of("simple_rnn"), "")
    units: tuple[int, ...] = option(widths(1), "width of the recurrent layer, or a list for a stack")
    head: tuple[int, ...] = option(widths(0), "widths of relu layers between the recurrent layer and the output")
    activation: str = option(ACTIVATION, "relu, tanh, sigmoid or linear")
    use_bias: bool = option(flag, USE_BIAS)
    return_sequences: bool = option(flag, RETURN_SEQUENCES)
    lowering: str = option(no_fused, f"{UNROLLED}; {LOOP}")


@dataclass(frozen=True, kw_only=True)
class LSTMModel:
    """Keras's LSTM, then dense layers."""

    name: str = option(one_of("lstm"), "")
    units: tuple[int, ...] = option(widths(1), "width of the recurrent layer, or a list for a stack")
    head: tuple[int, ...] = option(widths(0), "widths of relu layers between the recurrent layer and the output")
    use_bias: bool = option(flag, USE_BIAS)
    return_sequences: bool = option(flag, RETURN_SEQUENCES)
    lowering: str = option(one_of("fused", "unrolled", "loop"), f"fused: one operator; {UNROLLED}; {LOOP}")


@dataclass(frozen=True, kw_only=True)
class GRUModel:
    """Keras's GRU, then dense layers."""

    name: str = option(one_of("gru"), "")
    units: tuple[int, ...] = option(widths(1), "width of the recurrent layer, or a list for a stack")
    head: tuple[int, ...] = option(widths(0), "widths of relu layers between the recurrent layer and the output")
    reset_after: bool = option(flag, "the reset gate scales the product with the state, else the state before it")
    use_bias: bool = option(flag, USE_BIAS)
    return_sequences: bool = option(flag, RETURN_SEQUENCES)
    lowering: str = option(no_fused, f"{UNROLLED}; {LOOP}")


@dataclass(frozen=True, kw_only=True)
class LMUModel:
    """Legendre Memory Unit, then dense layers."""

    name: str = option(one_of("lmu"), "")
    units: tuple[int, ...] = option(widths(1), "width of the hidden state, or a list for a stack")
    head: tuple[int, ...] = option(widths(0), "widths of relu layers between the recurrent layer and the output")
    order: int = option(whole(1, 1024), "Legendre coefficients of the memory")
    theta: float | str = option(theta, "steps that the memory spans; auto: all of the sequence")
    activation: str = option(ACTIVATION, "relu, tanh, sigmoid or linear")
    use_bias: bool = option(flag, USE_BIAS)
    return_sequences: bool = option(flag, RETURN_SEQUENCES)
    lowering: str = option(no_fused, f"{UNROLLED}; {LOOP}")


@dataclass(frozen=True, kw_only=True)
class KerasFile:
    """A trained model of yours."""

    name: str = option(one_of("keras"), "")
    path: Path = option(path, "the .keras or .h5 file, or a SavedModel folder")
    trust: bool = option(flag, "run the code of Lambda layers that is in the file")

    @property
    def lowering(self) -> str:
        """An LSTM becomes one operator, other layers what the converter makes of them."""
        return ""

    @property
    def files(self) -> tuple[Path, ...]:
        return tuple(sorted(self.path.rglob("*.*"))) if self.path.is_dir() else (self.path,)


@dataclass(frozen=True, kw_only=True)
class GivenPair:
    """A converted model of yours beside the float model that it came from."""

    name: str = option(one_of("given"), "")
    float_path: Path = option(path, "the float model: a .tflite, .keras or .h5 file, or a SavedModel folder")
    path: Path = option(path, "the int8 .tflite file")

    @property
    def lowering(self) -> str:
        """It is converted already."""
        return ""

    @property
    def keras(self) -> KerasFile | None:
        """The float model where it is Keras's; None for a `.tflite`."""
        return (
            None if self.float_path.suffix == ".tflite" else KerasFile(name="keras", path=self.float_path, trust=False)
        )

    @property
    def files(self) -> tuple[Path, ...]:
        return (self.path, *((self.float_path,) if self.keras is None else self.keras.files))


OPTIMIZATIONS = one_of("DEFAULT", "OPTIMIZE_FOR_SIZE", "OPTIMIZE_FOR_LATENCY")
OPTIMIZATIONS_TEXT = "TensorFlow's flag, as it is set; all do the same today"
PER_CHANNEL_TEXT = "int8 weights of dense layers have a scale for each output, else one in all"
TOOL_TEXT = "what quantizes after training: TensorFlow's converter, or litert-quantizer"
FULL_INTEGER_TEXT = "an operator without an integer kernel is an error, else it stays in float"
TOOL = one_of("converter", "litert_quantizer")


@dataclass(frozen=True, kw_only=True)
class Float32Quant:
    """No quantization: the float network as a model."""

    name: str = option(one_of("float32"), "")
    optimizations: str = option(one_of("NONE"), "TensorFlow's flag: none is set")


@dataclass(frozen=True, kw_only=True)
class Float16Quant:
    """Weights in 16-bit floats."""

    name: str = option(one_of("float16"), "")
    optimizations: str = option(OPTIMIZATIONS, OPTIMIZATIONS_TEXT)


@dataclass(frozen=True, kw_only=True)
class DynamicQuant:
    """Weights in int8, activations quantized as the model runs."""

    name: str = option(one_of("dynamic"), "")
    optimizations: str = option(OPTIMIZATIONS, OPTIMIZATIONS_TEXT)
    per_channel: bool = option(flag, PER_CHANNEL_TEXT)


@dataclass(frozen=True, kw_only=True)
class Int8Quant:
    """All in integers, activations in int8."""

    name: str = option(one_of("int8"), "")
    optimizations: str = option(OPTIMIZATIONS, OPTIMIZATIONS_TEXT)
    tool: str = option(TOOL, TOOL_TEXT)
    per_channel: bool = option(flag, PER_CHANNEL_TEXT)
    input: str = option(one_of("int8", "uint8", "float32"), "dtype of the model's input")
    output: str = option(one_of("int8", "uint8", "float32"), "dtype of the model's output")
    full_integer: bool = option(flag, FULL_INTEGER_TEXT)
    simulate: str = option(
        one_of("fake_quant", "exact", "mixed"),
        "fake_quant; exact: in the kernels' integers; mixed: only evaluated in them",
    )
    kernels: str = option(one_of("reference", "optimized", "xnnpack", "micro"), "whose integers exact and mixed give")


@dataclass(frozen=True, kw_only=True)
class Int16x8Quant:
    """All in integers, activations in int16, weights in int8."""

    name: str = option(one_of("int16x8"), "")
    optimizations: str = option(OPTIMIZATIONS, OPTIMIZATIONS_TEXT)
    tool: str = option(TOOL, TOOL_TEXT)
    per_channel: bool = option(flag, PER_CHANNEL_TEXT)
    input: str = option(one_of("int16", "float32"), "dtype of the model's input")
    output: str = option(one_of("int16", "float32"), "dtype of the model's output")
    full_integer: bool = option(flag, FULL_INTEGER_TEXT)


SHORTEST_TEXT = "sequences are cut to a random number of first steps, at least so many; null: none"
SPLIT_SEED = whole(0, seeds.LARGEST_SEED)
TEST_SAMPLES_TEXT = "samples held back for the test"
CALIBRATION_TEXT = "training samples that ranges are calibrated on"
SPLIT_SEED_TEXT = "decides the split, apart from the trial's seed"


@dataclass(frozen=True, kw_only=True)
class DigitsData:
    """1,797 images of scikit-learn: 8 rows of 8 (digits) or 64 permuted pixels (digit_pixels)."""

    name: str = option(one_of("digits", "digit_pixels"), "")
    shortest: int | None = option(steps_or_none, SHORTEST_TEXT)
    test_samples: int = option(whole(1, 1700), TEST_SAMPLES_TEXT)
    calibration_samples: int = option(whole(1, 10**6), CALIBRATION_TEXT)
    split_seed: int = option(SPLIT_SEED, SPLIT_SEED_TEXT)

    @property
    def steps(self) -> int:
        """Of a whole image."""
        return 8 if self.name == "digits" else 64


@dataclass(frozen=True, kw_only=True)
class SequenceSumData:
    """Random sequences and their sum."""

    name: str = option(one_of("sequence_sum"), "")
    samples: int = option(whole(10, 10**7), "sequences in all")
    steps: int = option(whole(1, 1000), "time steps")
    features: int = option(whole(1, 4096), "features of a step")
    shortest: int | None = option(steps_or_none, SHORTEST_TEXT)
    test_samples: int = option(whole(1, 10**7), TEST_SAMPLES_TEXT)
    calibration_samples: int = option(whole(1, 10**6), CALIBRATION_TEXT)
    split_seed: int = option(SPLIT_SEED, SPLIT_SEED_TEXT)


@dataclass(frozen=True, kw_only=True)
class FileData:
    """An .npz of your own with x_train, y_train, x_test, y_test."""

    name: str = option(one_of("file"), "")
    file: Path = option(path, "the .npz file")
    calibration_samples: int = option(whole(1, 10**6), CALIBRATION_TEXT)
    split_seed: int = option(SPLIT_SEED, SPLIT_SEED_TEXT)

    @property
    def files(self) -> tuple[Path, ...]:
        """What is read."""
        return (self.file,)


@dataclass(frozen=True, kw_only=True)
class UcrData:
    """A problem of the UCR/UEA archive of time series."""

    name: str = option(one_of("ucr"), "")
    path: Path = option(path, "the problem's folder NAME, with NAME_TRAIN.ts and NAME_TEST.ts")
    calibration_samples: int = option(whole(1, 10**6), CALIBRATION_TEXT)
    split_seed: int = option(SPLIT_SEED, SPLIT_SEED_TEXT)

    @property
    def problem(self) -> str:
        """The name of the folder."""
        return os.path.basename(os.path.abspath(self.path))

    @property
    def files(self) -> tuple[Path, ...]:
        """What is read."""
        return tuple(self.path / f"{self.problem}_{part}.ts" for part in ("TRAIN", "TEST"))


@dataclass(frozen=True, kw_only=True)
class MnistData:
    """70,000 images of handwritten digits, 28 rows of 28 pixels."""

    name: str = option(one_of("mnist"), "")
    path: Path | None = option(path_or_none, "mnist.npz as Keras downloads it; null: where Keras puts it")
    train_samples: int = option(whole(1, 60_000), "of the 60,000 training images, drawn by the split's seed")
    calibration_samples: int = option(whole(1, 10**6), CALIBRATION_TEXT)
    split_seed: int = option(SPLIT_SEED, SPLIT_SEED_TEXT)

    @property
    def files(self) -> tuple[Path, ...]:
        """What is read; without a path, the file in Keras's cache."""
        keras = Path(os.environ.get("KERAS_HOME") or "~/.keras").expanduser()
        return (self.path or keras / "datasets" / "mnist.npz",)


UserModel = KerasFile | GivenPair
"""Models that are read from files."""

FilesData = FileData | UcrData | MnistData
"""Data that are read from files."""


def content(data: FilesData | UserModel) -> str:
    """The SHA-256 of a file, or one over those of several; "" when one is missing."""
    return _content(data.files)


def file_content(path: Path) -> str:
    """The SHA-256 of one file; "" when it is missing."""
    return _content((path,))


@cache
def _content(files: tuple[Path, ...]) -> str:
    return files_digest(files) if all(path.is_file() for path in files) else ""


@dataclass(frozen=True, kw_only=True)
class Train:
    """Training of the float model (Adam, cosine decay)."""

    epochs: int = option(whole(1, 100_000), "passes over the training set")
    batch_size: int = option(whole(1, 1_000_000), "samples a step")
    learning_rate: float = option(real(0, 10), "at the start; it decays to zero")


@dataclass(frozen=True, kw_only=True)
class Prune:
    """Pruning of the float network before it is quantized."""

    sparsity: float = option(share, "share of each matrix that becomes zero; 0: none")
    epochs: int = option(whole(1, 100_000), "passes over the training set")
    learning_rate: float = option(real(0, 10), "at the start; it decays to zero")


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """Clustering of the float network's weights before it is quantized."""

    clusters: int = option(clusters, "values that each matrix has left, from 2 on; 0: all")
    epochs: int = option(whole(1, 100_000), "passes over the training set")
    learning_rate: float = option(real(0, 10), "at the start; it decays to zero")


@dataclass(frozen=True, kw_only=True)
class Qat:
    """Grid-aware fine-tuning from the float weights."""

    scheme: str = option(
        one_of("aligned", "tfmot"), "aligned: what the kernels round; tfmot: dense models and Keras files"
    )
    epochs: int = option(whole(1, 100_000), "passes over the training set")
    learning_rate: float = option(real(0, 10), "at the start; it decays to zero")
    ranges: str = option(
        one_of("moving_average", "all_values"),
        "moving_average: of the batches' extremes; all_values: extremes over the training set",
    )
    range_momentum: float = option(real(0, 1), "share that a moving_average keeps of itself at each step")


@dataclass(frozen=True, kw_only=True)
class Check:
    """Gates: bounds that every seed of some pairs is held to. They decide no result."""

    pairs: tuple[str, ...] = option(pairs, PAIRS_TEXT)
    max_lsb: int | None = option(bound(0, 65535, whole=True), "at most so many LSB apart; null: no gate")
    mismatch_rate: float | None = option(bound(0, 1), "at most that share of integers unequal; null: no gate")
    accuracy_drop: float | None = option(
        bound(-1, 1), "the float network's accuracy less that of b: at most that share; null: no gate"
    )
    sqnr_db: float | None = option(bound(-math.inf, math.inf), "an SQNR of so many dB at least; null: no gate")
    tolerance: float | None = option(bound(0, math.inf), "largest error in real units; null: no gate")

    @property
    def bounds(self) -> dict[str, float]:
        """Gate -> its bound, of those that are set."""
        named = {item.name: getattr(self, item.name) for item in fields(self) if item.name != "pairs"}
        return {name: value for name, value in named.items() if value is not None}


NO_CHECK = Check(
    pairs=("qat-interpreter",), max_lsb=None, mismatch_rate=None, accuracy_drop=None, sqnr_db=None, tolerance=None
)

Model = DenseModel | SimpleRNNModel | LSTMModel | GRUModel | LMUModel | UserModel
IntegerQuant = Int8Quant | Int16x8Quant
Quant = Float32Quant | Float16Quant | DynamicQuant | IntegerQuant
Data = DigitsData | SequenceSumData | FilesData

GROUPS: dict[str, dict[str, Any]] = {
    "model": {
        "dense": DenseModel,
        "simple_rnn": SimpleRNNModel,
        "lstm": LSTMModel,
        "gru": GRUModel,
        "lmu": LMUModel,
        "keras": KerasFile,
        "given": GivenPair,
    },
    "quant": {
        "float32": Float32Quant,
        "float16": Float16Quant,
        "dynamic": DynamicQuant,
        "int8": Int8Quant,
        "int16x8": Int16x8Quant,
    },
    "data": {
        "digits": DigitsData,
        "digit_pixels": DigitsData,
        "mnist": MnistData,
        "ucr": UcrData,
        "sequence_sum": SequenceSumData,
        "file": FileData,
    },
}
"""Option that chooses -> choice -> the options that come with it."""

SECTIONS = {"train": Train, "prune": Prune, "cluster": Cluster, "qat": Qat, "check": Check}
"""Options of steps of a trial and of gates, by the first part of their names."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """A whole request."""

    model: Model
    quant: Quant
    data: Data
    train: Train
    prune: Prune
    cluster: Cluster
    qat: Qat
    check: Check
    seed: tuple[int, ...] = option(seed_set, "7, 0..9 (both ends in) or [0,3,5]")
    workers: int = option(worker_count, "trials at a time; auto: one for each core")
    outputs: Path = option(path, "the folder that results go to")
    fresh: bool = option(flag, "compute everything anew, whatever is stored")
    latency: bool = option(flag, "measure too how long the interpreter takes a sample, at the end")
    pdf: bool = option(flag, "plots of single seeds as PDF too, as those over the seeds are")
    verbose: bool = option(flag, "show the libraries' logs (-v)")

    def deciding(self) -> dict[str, Any]:
        """All that the results of one seed depend on, as plain data; the content of files is part of it."""
        values = {name: value for name, value in plain(self).items() if name not in HOW_MUCH}
        if isinstance(self.data, FilesData):
            values["data_content"] = content(self.data)
        if isinstance(self.model, UserModel):
            values["model_content"] = content(self.model)
        return values


PATHS = ("outputs", "data.file", "data.path", "model.path", "model.float_path")
"""Options whose values are paths."""

UNDERSTOOD = "understood"
"""What config.yaml tells besides the options: what was understood of the data. It decides nothing."""

HOW_MUCH = ("seed", "workers", "outputs", "fresh", "latency", "pdf", "verbose", "check")
"""Options that say how much is computed and where, and how it is judged, not what."""


def read(values: Mapping[str, Any]) -> Config:
    """The composed configuration, checked. values: nested plain data. Raises OptionError."""
    config = parse(values)
    _check_together(config)
    # A seed decides nothing of a model that is converted already: one trial is all there is.
    return replace(config, seed=config.seed[:1]) if isinstance(config.model, GivenPair) else config


def parse(values: Mapping[str, Any]) -> Config:
    """The composed configuration, each option checked by itself. values: nested plain data. Raises OptionError."""
    parts = {name: _chosen(name, values.get(name)) for name in GROUPS}
    sections = {name: _section(kind, name, values.get(name)) for name, kind in SECTIONS.items()}
    scalars = {
        item.name: item.metadata["read"](item.name, values.get(item.name)) for item in fields(Config) if item.metadata
    }
    unknown = set(values) - {item.name for item in fields(Config)} - {UNDERSTOOD}
    if unknown:
        raise OptionError(f"{min(unknown)}: no such option; `python -m qcompare --help` lists them")
    return Config(**parts, **sections, **scalars)


def read_check(values: Mapping[str, Any]) -> Check:
    """The gates of options by their last names; one that is not there is as in NO_CHECK. Raises OptionError."""
    check: Check = _section(Check, "check", {**plain(NO_CHECK), **values})
    return check


def _chosen(group: str, node: Any) -> Any:
    choices = GROUPS[group]
    name = node.get("name") if isinstance(node, Mapping) else node
    if not isinstance(name, str) or name not in choices:
        raise OptionError(f"{group}={_shown(name)}: must be {alternatives(tuple(choices))}")
    return _section(choices[name], group, node)


def _section(kind: type, prefix: str, node: Any) -> Any:
    if not isinstance(node, Mapping):
        raise OptionError(f"{prefix}={_shown(node)}: set its options, such as {prefix}.{fields(kind)[0].name}=...")
    known = [item.name for item in fields(kind)]
    for name in node:
        if name not in known:
            listed = ", ".join(f"{prefix}.{item}" for item in known if item != "name")
            raise OptionError(f"{prefix}.{name}: no such option here; there are {listed}")
    values = {}
    for item in fields(kind):
        if node.get(item.name) == "???":
            raise OptionError(f"{prefix}.{item.name}: missing; give {prefix}.{item.name}=..., {item.metadata['text']}")
        values[item.name] = item.metadata["read"](f"{prefix}.{item.name}", node.get(item.name))
    return kind(**values)


def _check_together(config: Config) -> None:
    if config.qat.scheme == "tfmot" and not isinstance(config.model, DenseModel | KerasFile):
        why = (
            "a converted model is not trained" if isinstance(config.model, GivenPair) else "it rejects recurrent layers"
        )
        raise OptionError(
            f"qat.scheme=tfmot: tensorflow-model-optimization: {why}; "
            f"model={config.model.name} needs qat.scheme=aligned"
        )
    if config.qat.scheme == "tfmot" and isinstance(config.quant, Int8Quant) and config.quant.simulate != "fake_quant":
        raise OptionError(
            f"quant.simulate={config.quant.simulate}: tensorflow-model-optimization only fake-quantizes; "
            "add qat.scheme=aligned"
        )
    if isinstance(config.quant, Int16x8Quant):
        _check_int16x8(config)
    _check_smaller(config)
    if config.model.lowering == "loop" and getattr(config.model, "return_sequences", False):
        raise OptionError(
            "model.return_sequences=true: a loop keeps its last output only; it needs model.lowering=unrolled"
            + (" or fused" if config.model.name == "lstm" else "")
        )
    if isinstance(config.data, DigitsData | SequenceSumData) and (config.data.shortest or 0) > config.data.steps:
        raise OptionError(
            f"data.shortest={config.data.shortest}: must be at most {config.data.steps}, the steps of a whole sequence"
        )
    if isinstance(config.data, SequenceSumData) and config.data.test_samples >= config.data.samples:
        raise OptionError(
            f"data.test_samples={config.data.test_samples}: must be less than data.samples={config.data.samples}"
        )


def _check_int16x8(config: Config) -> None:
    if config.model.lowering not in ("", "unrolled"):
        raise OptionError(
            f"quant=int16x8: model.lowering={config.model.lowering} is int8 only; add model.lowering=unrolled"
        )
    if config.qat.scheme == "tfmot":
        raise OptionError("quant=int16x8: tensorflow-model-optimization trains int8 only; add qat.scheme=aligned")


def _check_smaller(config: Config) -> None:
    asked = [
        f"{name}={value:g}"
        for name, value in (("prune.sparsity", config.prune.sparsity), ("cluster.clusters", config.cluster.clusters))
        if value
    ]
    if len(asked) > 1:
        raise OptionError(f"{asked[1]}: {asked[0]} is there too, whose zeros it would not keep; give one of them")
    if asked and isinstance(config.model, GivenPair):
        raise OptionError(f"{asked[0]}: model=given takes both files as they are; model=keras trains a Keras file on")


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return f"[{','.join(map(_shown, value))}]"
    return str(value).replace("\n", " ")
