"""NEPI_SEARCH_PATH: folders with resource managers of one's own, good and bad ones."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

GOOD = """
    from nepi.execution.resource import ResourceManager, clsinit_copy

    @clsinit_copy
    class {name}(ResourceManager):
        _rtype = "{rtype}"
"""


def write(folder: Path, file: str, text: str, **values: str) -> Path:
    path = folder / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text).format(**values) if values else textwrap.dedent(text))
    return folder


def found(search_path: str, code: str = "") -> tuple[list[str], str]:
    """Return the types named "mine::..." that a fresh interpreter finds, and what it says on standard error."""
    program = (
        code or "from nepi.execution.resource import ResourceFactory as F; print(*sorted(n for n in F.resource_types() if 'mine' in n))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env=os.environ | {"NEPI_SEARCH_PATH": search_path}, capture_output=True, text=True, check=True
    )
    return done.stdout.split(), done.stderr


@pytest.mark.parametrize("separator", [" ", ":", " : "])
def test_several_folders(separator: str, tmp_path: Path) -> None:
    one = write(tmp_path / "one", "first.py", GOOD, name="First", rtype="mine::First")
    other = write(tmp_path / "other", "second.py", GOOD, name="Second", rtype="mine::Second")
    assert found(f"{one}{separator}{other}{separator}/does/not/exist") == (["mine::First", "mine::Second"], "")


def test_two_folders_with_a_module_of_the_same_name(tmp_path: Path) -> None:
    one = write(tmp_path / "one", "managers.py", GOOD, name="First", rtype="mine::First")
    other = write(tmp_path / "other", "managers.py", GOOD, name="Second", rtype="mine::Second")
    assert found(f"{one} {other}") == (["mine::First", "mine::Second"], "")


def test_a_module_named_as_a_shipped_backend(tmp_path: Path) -> None:
    folder = write(tmp_path, "dummy.py", GOOD, name="Mine", rtype="mine::Dummy")
    assert found(str(folder)) == (["mine::Dummy"], "")


def test_packages_and_folders_below(tmp_path: Path) -> None:
    write(tmp_path, "package/__init__.py", "")
    write(tmp_path, "package/base.py", GOOD, name="Base", rtype="mine::Base")
    write(
        tmp_path, "package/derived.py", "from nepi.resources.package.base import Base\nclass Derived(Base):\n    _rtype = 'mine::Derived'\n"
    )
    write(tmp_path, "folder/below/deep.py", GOOD, name="Deep", rtype="mine::Deep")
    assert found(str(tmp_path)) == (["mine::Base", "mine::Deep", "mine::Derived"], "")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("def f(:\n", "SyntaxError"),
        ("import no_such_module_at_all\n", "ModuleNotFoundError"),
        ("import sys\nsys.exit(3)\n", "SystemExit: 3"),
        ("raise RuntimeError('broken on purpose')\n", "RuntimeError: broken on purpose"),
    ],
)
def test_a_broken_module_is_left_out_and_said_and_the_others_are_found(text: str, complaint: str, tmp_path: Path) -> None:
    write(tmp_path, "broken.py", text)
    write(tmp_path, "good.py", GOOD, name="Good", rtype="mine::Good")
    types, said = found(str(tmp_path))
    assert types == ["mine::Good"]
    assert said.count("\n") == 1
    assert f"{tmp_path / 'broken.py'} are left out: {complaint}" in said


def test_a_class_that_cannot_be_a_type_is_left_out_and_said(tmp_path: Path) -> None:
    write(tmp_path, "bad.py", GOOD + "\n        def deploy(self, where):\n            pass\n", name="Bad", rtype="mine::Bad")
    write(tmp_path, "good.py", GOOD, name="Good", rtype="mine::Good")
    types, said = found(str(tmp_path))
    assert types == ["mine::Good"]
    assert "nepi.resources.bad.Bad are left out" in said
    assert "deploy() must take no arguments besides self, it takes where" in said


def test_a_module_that_asks_for_types_while_it_is_looked_at(tmp_path: Path) -> None:
    text = "from nepi.execution.resource import populate_factory, ResourceFactory\npopulate_factory()\nResourceFactory.resource_types()\n"
    write(tmp_path, "asking.py", text)
    write(tmp_path, "good.py", GOOD, name="Good", rtype="mine::Good")
    assert found(str(tmp_path)) == (["mine::Good"], "")


def test_two_threads_that_look_at_once_both_find(tmp_path: Path) -> None:
    write(tmp_path, "slow.py", "import time\ntime.sleep(0.2)\n" + textwrap.dedent(GOOD).format(name="Slow", rtype="mine::Slow"))
    code = """if True:
        import sys, threading
        from nepi.execution.resource import ResourceFactory
        def look(): sys.stdout.write(ResourceFactory.find("mine::Slow").rtype() + "\\n")
        threads = [threading.Thread(target=look) for _ in range(2)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
    """
    assert found(str(tmp_path), code) == (["mine::Slow", "mine::Slow"], "")


def test_find_types_returns_classes_and_populate_factory_may_be_called_again(tmp_path: Path) -> None:
    write(tmp_path, "good.py", GOOD, name="Good", rtype="mine::Good")
    code = """if True:
        from nepi.execution.resource import find_types, populate_factory, ResourceFactory, ResourceManager
        types = find_types()
        assert all(issubclass(one, ResourceManager) and one is not ResourceManager for one in types)
        populate_factory()
        populate_factory()
        print(*[one.rtype() for one in types if one.rtype() == "mine::Good"], ResourceFactory.get_resource_type("mine::Good").__name__)
    """
    assert found(str(tmp_path), code) == (["mine::Good", "Good"], "")
