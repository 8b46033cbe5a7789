"""The pages of the documentation do what they say: their programs and commands are run, word for word."""

from __future__ import annotations

import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.docs.loosely import differences
from tests.docs.pages import Block, blocks_of
from tests.docs.runs import ROOT, Page, commands_in, within

ELSEWHERE = ("docs/design/",)
"""Design pages show ideas; what they show of code is no program."""


def pages() -> list[str]:
    found = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    names = [page.relative_to(ROOT).as_posix() for page in found]
    return [name for name in names if not name.startswith(ELSEWHERE) and any(is_run(one) for one in blocks_of(ROOT / name, name))]


def in_a_lab(name: str) -> bool:
    """Whether a page makes machines, for which root is needed."""
    return any("nepi lab up" in one.text for one in blocks_of(ROOT / name, name) if is_run(one))


def is_run(block: Block) -> bool:
    return block.language in ("python", "console", "pycon") and block.comment[0] != "not run"


@pytest.fixture
def page() -> Generator[Page]:
    with tempfile.TemporaryDirectory(prefix="nepi-") as folder:
        yield Page(Path(folder))


@pytest.mark.netns
@pytest.mark.parametrize("name", [name for name in pages() if not in_a_lab(name)])
def test_what_a_page_says_happens(name: str, page: Page) -> None:
    problems = page.run(blocks_of(ROOT / name, name))
    assert not problems, "\n".join(problems)


@pytest.mark.root
@pytest.mark.parametrize("name", [name for name in pages() if in_a_lab(name)])
def test_what_a_page_with_machines_says_happens(name: str, page: Page) -> None:
    try:
        problems = page.run(blocks_of(ROOT / name, name))
        assert not problems, "\n".join(problems)
    finally:  # where the page stopped before its end, what it made is given back all the same
        page.run([Block(name, 0, "console", "$ nepi lab down\n...\n")])


@pytest.mark.parametrize(("language", "name"), [("python", "first.py"), ("yaml", "first.yaml")])
def test_the_example_of_the_readme_is_the_first_example(language: str, name: str) -> None:
    shown = [block.text for block in blocks_of(ROOT / "README.md", "README.md") if block.language == language]
    example = (ROOT / "examples" / name).read_text(encoding="utf-8")
    assert shown[0] == "".join(line for line in example.splitlines(keepends=True) if not line.startswith("#"))


def test_numbers_and_the_grouping_of_progress_do_not_matter() -> None:
    shown = "run x/1 in /r\n    0.050 s  READY      a, b\n    1.2 s  FINISHED   a\n\nping  54us of 5\n"
    printed = "run x/22 in /r\n    0.150 s  READY      a\n    0.151 s  READY      b\n    3.0 s  FINISHED   a\nping  1.2ms of 5\n"
    assert differences(shown, printed) == []
    assert differences(shown, printed.replace("FINISHED", "FAILED")) == ["progress 'FINISHED' of 'a' is shown, not printed"]
    assert differences(shown, printed + "more\n") == ["printed, not shown: more"]
    assert differences(shown + "...\n", printed + "more\n") == []
    assert differences("one\ntwo\n", "two\none\n") == ["shown, not printed (in this order): two"]


def test_a_console_block_has_commands_and_what_they_print() -> None:
    found = commands_in("$ one \\\n>   more\nout\n$ two\n$ echo $?\n1\n")
    assert [(one.text, one.shown, one.may_fail) for one in found] == [
        ("one more", "out\n", False),
        ("two", "", True),
        ("echo $?", "1\n", False),
    ]


def test_a_part_of_a_program_stands_where_its_frame_says() -> None:
    program = within("pair", "first()\nif x:\n    second()\n")
    assert "    first()\n    if x:\n        second()\n" in program
    compile(program, "pair", "exec")
