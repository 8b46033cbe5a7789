"""The reference says what is there: every command and option, every state, every record of the journal."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import pytest
import typer

from nepi.cli.main import app
from nepi.engine import events as ev
from nepi.results.store import RunState

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
EVERYWHERE = {"-h", "--help"}


def commands(group: Any, path: str = "nepi") -> dict[str, Any]:
    """Return the commands of a group by what is typed for them."""
    found: dict[str, Any] = {}
    for name, command in group.commands.items():
        found |= commands(command, f"{path} {name}") if hasattr(command, "commands") else {f"{path} {name}": command}
    return found


COMMANDS = commands(typer.main.get_command(app))


@pytest.mark.parametrize("typed", COMMANDS)
def test_command_and_its_options_are_in_the_reference(typed: str) -> None:
    text = (REFERENCE / "cli.md").read_text()
    *_, name = typed.split()
    assert typed in text or f"`{name}`" in text
    options = {option for parameter in COMMANDS[typed].params for option in parameter.opts if option.startswith("--")} - EVERYWHERE
    assert {option for option in options if option not in text} == set()


def test_every_state_of_a_run_is_in_the_reference() -> None:
    text = (REFERENCE / "cli.md").read_text()
    assert [state for state in RunState if f"`{state}`" not in text] == []


def test_every_record_of_the_journal_is_in_the_reference() -> None:
    text = (REFERENCE / "journal.md").read_text()
    names = [re.sub(r"(?<!^)([A-Z])", r"_\1", one.__name__).lower() for one in (*get_args(ev.Event), *get_args(ev.Instruction))]
    assert [name for name in names if f'["{name}"' not in text] == []
