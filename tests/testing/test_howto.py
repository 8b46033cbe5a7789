"""The examples of docs/howto/test-your-resource-manager.md run as they stand there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from nepi.testing.pytest_plugin import MakeController, new_controller

__all__ = ["new_controller"]

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "test-your-resource-manager.md"


def test_the_examples_of_the_page_pass(new_controller: MakeController) -> None:
    conftest, *blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert conftest.splitlines()[1] == 'pytest_plugins = ["nepi.testing.pytest_plugin"]'
    names: dict[str, Any] = {"__name__": "howto"}
    for block in blocks:
        exec(block, names)
    tests = [name for name in names if name.startswith("test_")]
    for name in tests:
        names[name](new_controller(name.replace("_", "-")))
    assert tests == ["test_the_beacon_starts_when_its_node_is_ready", "test_a_beacon_on_a_broken_node_is_not_started"]
