"""Every route. To add one: write its file, and name it here."""

from __future__ import annotations

from qcompare.config.options import Config
from qcompare.routes.aligned import Aligned
from qcompare.routes.free_length import FreeLength
from qcompare.routes.given import Given, GivenFloat
from qcompare.routes.keras_tfmot import KerasTfmot
from qcompare.routes.post_training import PostTraining
from qcompare.routes.route import Route
from qcompare.routes.tfmot import Tfmot
from qcompare.routes.unconverted import Unconverted

ROUTES: tuple[Route, ...] = (
    *(Unconverted(), GivenFloat(), Given()),
    *(PostTraining(), FreeLength(), Aligned(), Tfmot(), KerasTfmot()),
)


def trains(config: Config) -> bool:
    """Whether anything is trained for a configuration's model: by a route, or to make it smaller."""
    made_smaller = config.prune.sparsity > 0 or config.cluster.clusters > 0
    return made_smaller or any(route.converted and route.twin is not None and route.applies(config) for route in ROUTES)
