"""Whatever stands in a file, it is loaded or refused with its mistakes; nothing else happens."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nepi import ExperimentController
from nepi.errors import DescriptionError
from tests.formats.test_files import WHOLE
from tests.formats.test_original_xml import SAVED


def is_loaded_or_refused(text: str | bytes, name: str) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
        try:
            ec = ExperimentController.load(path)
        except DescriptionError as error:
            return str(path) in str(error)
        return ec.describe().exp_id == ec.exp_id


PIECES = ("experiment: x\n", "backend: netns\n", "nodes:", "links:", "resources:", "applications:", "guids:", "a", ": ", "- ", "  ", "\n")
MORE = (
    "{",
    "}",
    "[",
    "]",
    ",",
    "&a ",
    "*a",
    "<<",
    "'",
    '"',
    "|",
    ">",
    "type",
    "start",
    "set",
    "ends",
    "when",
    "retry",
    "null",
    "1",
    "\t",
    "%",
    "!x ",
)
AFFIXES = st.sampled_from([*PIECES, *MORE])


@given(st.text() | st.binary() | st.lists(AFFIXES, max_size=30).map("".join))
def test_any_text_as_yaml(text: str | bytes) -> None:
    assert is_loaded_or_refused(text, "x.yaml")


@st.composite
def spoiled(draw: st.DrawFn, text: str) -> str:
    """Draw a good text with parts of it cut out, or replaced."""
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = draw(st.integers(start, min(len(text), start + 12)))
        text = text[:start] + draw(st.sampled_from(["", "x", *MORE]) | st.text(max_size=3)) + text[end:]
    return text


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(spoiled(WHOLE))
def test_an_experiment_with_typing_errors(text: str) -> None:
    assert is_loaded_or_refused(text, "x.yaml")


@given(spoiled(SAVED))
def test_a_damaged_file_of_the_original(text: str) -> None:
    assert is_loaded_or_refused(text, "x.xml")


@given(st.text() | spoiled(ExperimentController("x").describe().to_record().__repr__().replace("'", '"')))
def test_a_damaged_json(text: str) -> None:
    assert is_loaded_or_refused(text, "x.json")
