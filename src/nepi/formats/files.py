"""Experiments' files on the disk: what may be read, and how it is written so that nobody ever finds a part."""

from __future__ import annotations

import codecs
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from nepi.errors import BadValueError, DescriptionError, PlanError, UsageError
from nepi.formats.places import Mistakes, Place
from nepi.model.experiment import ExperimentDescription
from nepi.units import format_size

MOST_BYTES: Final = 32 * 2**20
YAML: Final = (".yaml", ".yml")
JSON: Final = ".json"
XML: Final = ".xml"
SUFFIXES: Final = (*YAML, JSON, XML)
_WIDE: Final = {codecs.BOM_UTF16_LE: "UTF-16", codecs.BOM_UTF16_BE: "UTF-16", b"{\0": "UTF-16", b"e\0": "UTF-16"}


def is_experiment(path: Path) -> bool:
    """Whether a file is an experiment by its name, and no script."""
    return path.suffix.lower() in SUFFIXES


def read_text(path: Path) -> str:
    """Return what stands in a file.

    Raises:
        DescriptionError: it cannot be read.
        PlanError: it is too large, or no UTF-8.
    """
    mistakes = Mistakes(str(path))
    try:
        with path.open("rb") as file:
            found = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise DescriptionError(f"cannot read {path}: {error.strerror}") from None
    if len(found) > MOST_BYTES:
        mistakes.give_up(Place(), f"the file is larger than {format_size(MOST_BYTES)}; describe so large an experiment by a script")
    wide = next((name for start, name in _WIDE.items() if found.startswith(start)), "")
    if wide:
        mistakes.give_up(Place(), f"the file is written in {wide}; save it as UTF-8")
    try:
        return found.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = found[: error.start]
        place = Place(before.count(b"\n") + 1, error.start - before.rfind(b"\n"))
        mistakes.give_up(place, f"the byte 0x{found[error.start]:02x} is no UTF-8; save the file as UTF-8")


def read_json(path: Path, text: str) -> ExperimentDescription:
    """Return the description that a JSON file holds.

    Raises:
        PlanError: it is no JSON, or no description.
    """
    mistakes = Mistakes(str(path))
    try:
        record = json.loads(text, object_pairs_hook=_once)
    except json.JSONDecodeError as error:
        mistakes.give_up(Place(error.lineno, error.colno), f"this is not JSON: {error.msg}")
    except (BadValueError, RecursionError) as error:
        mistakes.give_up(Place(), str(error) if isinstance(error, BadValueError) else "too many lists and objects within each other")
    if not isinstance(record, dict) or "format" not in record or "resources" not in record:
        mistakes.give_up(Place(), "this is no experiment's JSON: it needs the keys format, experiment, backend and resources")
    try:
        return ExperimentDescription.from_record(record)
    except BadValueError as error:
        raise PlanError([mistakes.located(Place(), str(error))]) from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise BadValueError(f"the key {twice!r} is there twice in one object")
    return found


def write_text(path: Path, pieces: Iterable[str]) -> None:
    """Write a file so that a reader sees the old or the new one, never a part.

    Raises:
        UsageError: it cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        try:
            with temporary.open("w", encoding="utf-8", errors="backslashreplace") as file:
                file.writelines(pieces)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from None
