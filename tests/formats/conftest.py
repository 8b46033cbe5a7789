from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from nepi import ExperimentController
from nepi.errors import PlanError

Mistakes = Callable[..., list[str]]
Load = Callable[..., ExperimentController]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Return a function that loads a text as if it stood in a file."""

    def load_text(text: str | bytes, name: str = "x.yaml") -> ExperimentController:
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else textwrap.dedent(text).encode())
        return ExperimentController.load(path)

    return load_text


@pytest.fixture
def mistakes(load: Load, tmp_path: Path) -> Mistakes:
    """Return a function that says what is wrong with a text; of the file's path only its name."""

    def mistakes_of(text: str | bytes, name: str = "x.yaml") -> list[str]:
        with pytest.raises(PlanError) as caught:
            load(text, name)
        return [one.replace(f"{tmp_path}/", "") for one in caught.value.mistakes]

    return mistakes_of
