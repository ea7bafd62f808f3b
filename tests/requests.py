"""Requests as the command line makes them."""

from qcompare.cli.compare import checked
from qcompare.config.compose import compose, configuration_name
from qcompare.pipeline.request import Request


def request(*overrides):
    """The request of these overrides."""
    config = checked(compose(overrides))
    return Request(config=config, configuration=configuration_name(config))
