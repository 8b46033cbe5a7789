"""The page on compatibility names what is there, where it is."""

from __future__ import annotations

import re
from importlib import import_module

import pytest

from tests.docs.runs import ROOT

PAGE = (ROOT / "docs" / "design" / "compatibility.md").read_text(encoding="utf-8")
_ROW = re.compile(r"^\| (?:`(nepi\.[\w.]+)`)? ?\| (`\w+`(?:, `\w+`)*) \| `(nepi\.[\w.]+)`.* \|$", re.MULTILINE)


def rows() -> list[tuple[str, str, str]]:
    found, module = [], ""
    for path, names, home in _ROW.findall(PAGE):
        module = path or module
        found += [(module, name, home) for name in re.findall(r"\w+", names)]
    return found


def test_the_page_has_all_of_the_names() -> None:
    assert len(rows()) == 33


@pytest.mark.parametrize(("module", "name", "home"), rows())
def test_a_name_is_importable_and_lives_where_the_page_says(module: str, name: str, home: str) -> None:
    assert getattr(import_module(module), name) is getattr(import_module(home), name)
