import signal
import sys

import pytest

import qcompare  # noqa: F401  (settles the environment before any test imports TensorFlow)
from tests.runs import Runs, shared_root

# A shell starts its background jobs with interrupts ignored, which processes hand on.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--one-op-models",
        type=int,
        default=6,
        help="random one-operator models for each operator, dtype and kernel set",
    )
    parser.addoption(
        "--exact-networks",
        type=int,
        default=3,
        help="random fused LSTM networks for each kernel set",
    )

    parser.addoption(
        "--exact-seeds", type=int, default=1, help="trainings in a kernel set's integers for each network and length"
    )
    parser.addoption("--exact-steps", default="3", help="lengths of their sequences, such as 8,28,64")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of what the real command line left train and run every interpreter, whichever of them asks first."""
    for item in items:
        if "runs" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.slow)
            item.add_marker(pytest.mark.runtime)


@pytest.fixture
def exact_seeds(request: pytest.FixtureRequest) -> int:
    return int(request.config.getoption("--exact-seeds"))


@pytest.fixture
def exact_steps(request: pytest.FixtureRequest) -> list[int]:
    return [int(steps) for steps in str(request.config.getoption("--exact-steps")).split(",")]


@pytest.fixture
def exact_networks(request: pytest.FixtureRequest) -> int:
    return int(request.config.getoption("--exact-networks"))


def pytest_collection_finish() -> None:
    """TensorFlow's threads are settled before any test runs an operator, after which they cannot be changed."""
    if "tensorflow" in sys.modules:
        from qcompare.training import runtime

        runtime.prepare()


@pytest.fixture
def logging_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hydra sets logging up anew, which closes all handlers that there are: absl's, which TensorFlow leaves behind in
    the process of the tests, would close the stream that pytest captures."""
    monkeypatch.setattr("logging._handlerList", [])


@pytest.fixture
def one_op_models(request: pytest.FixtureRequest) -> int:
    return int(request.config.getoption("--one-op-models"))


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    return Runs(shared_root(tmp_path_factory))
