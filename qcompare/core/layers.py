"""How layers are named in roles and weights."""

from __future__ import annotations

HEAD_ACTIVATION = "relu"
"""Of the dense layers between the recurrent ones and the output."""


def recurrent_name(index: int) -> str:
    """The scope of a recurrent layer's weights and roles."""
    return f"recurrent_{index}"


DIRECTIONS = ("forward", "backward")
"""The scopes of the two within a layer that reads both ways."""


def dense_name(index: int) -> str:
    """The scope of a dense layer's weights and roles."""
    return f"dense_{index}"
