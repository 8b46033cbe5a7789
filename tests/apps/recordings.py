"""The recorded outputs of real tools; `record.py` says how they came about."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent / "recorded"


def recorded(name: str) -> bytes:
    return (FOLDER / f"{name}.txt").read_bytes()


def names(folder: str) -> list[str]:
    found = sorted(f"{folder}/{path.stem}" for path in (FOLDER / folder).glob("*.txt"))
    assert found, f"no recordings in {FOLDER / folder}"
    return found
