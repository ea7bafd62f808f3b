"""Every route. To add one: write its file, and name it here."""

from __future__ import annotations

from qcompare.routes.aligned import Aligned
from qcompare.routes.free_length import FreeLength
from qcompare.routes.post_training import PostTraining
from qcompare.routes.route import Route
from qcompare.routes.tfmot import Tfmot
from qcompare.routes.unconverted import Unconverted

ROUTES: tuple[Route, ...] = (Unconverted(), PostTraining(), FreeLength(), Aligned(), Tfmot())
