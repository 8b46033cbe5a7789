"""Purity, seen from a fresh interpreter: what import-linter cannot see is what the standard library drags in."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"

IMPORT_WHOLE_PACKAGE = """
import importlib, pkgutil, sys
before = set(sys.modules)
package = importlib.import_module(sys.argv[1])
for found in pkgutil.walk_packages(getattr(package, "__path__", []), package.__name__ + "."):
    importlib.import_module(found.name)
print("\\n".join(set(sys.modules) - before))
"""


def pure_contract() -> tuple[list[str], set[str]]:
    """Return (pure modules, modules forbidden to them) as the import-linter contract has them."""
    contracts = tomllib.loads(PYPROJECT.read_text())["tool"]["importlinter"]["contracts"]
    [contract] = [contract for contract in contracts if contract["id"] == "pure"]
    return contract["source_modules"], set(contract["forbidden_modules"])


PURE, FORBIDDEN = pure_contract()


def loaded_by(module: str) -> set[str]:
    """Return the modules that importing all of `module` adds to a bare interpreter."""
    fresh = subprocess.run([sys.executable, "-I", "-c", IMPORT_WHOLE_PACKAGE, module], capture_output=True, text=True, check=False)
    assert fresh.returncode == 0, fresh.stderr
    return set(fresh.stdout.split())


@pytest.mark.parametrize("module", PURE)
def test_pure_package_loads_nothing_that_acts(module: str) -> None:
    loaded = loaded_by(module)
    assert module in loaded
    assert {name for name in loaded if name.split(".")[0] in FORBIDDEN} == set()


@pytest.mark.parametrize("module", PURE)
def test_pure_package_loads_no_package_above_it(module: str) -> None:
    allowed = ("nepi", *PURE)
    assert {
        name
        for name in loaded_by(module)
        if name.split(".")[0] == "nepi" and name not in allowed and not name.startswith(tuple(f"{pure}." for pure in PURE))
    } == set()


def test_util_loads_no_part_of_experiments() -> None:
    loaded = {name for name in loaded_by("nepi.util") if name.startswith("nepi.")}
    assert {name.split(".")[1] for name in loaded} == {"errors", "units", "util"}
