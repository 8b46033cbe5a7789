"""A real Debian package, and a repository around it from which apt installs without a network."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nepi.lab.processes import command

REPOSITORY: Final = "/srv/nepi-lab/apt"
"""Where it is in each host."""
SOURCES: Final = f"deb [trusted=yes] file:{REPOSITORY} ./\n"
PACKAGE: Final = "nepi-lab-hello"
PROGRAM: Final = "nepi-lab-hello"
VERSION: Final = "1.0"
RELEASED: Final = "Thu, 01 Jan 2026 00:00:00 UTC"

_CONTROL: Final = f"""Package: {PACKAGE}
Version: {VERSION}
Architecture: all
Maintainer: The NEPI authors <nepi@localhost>
Section: misc
Priority: optional
Description: says hello
 A program to install on the hosts of a lab.
"""
_SCRIPT: Final = f'#!/bin/sh\necho "hello from $(hostname), version {VERSION}"\n'


@dataclass(frozen=True, slots=True)
class Repository:
    """Files of a repository, by name."""

    files: dict[str, bytes]


def build(workspace: Path) -> Repository:
    """Build the package and the index.

    Args:
        workspace: a folder of its own, which is used and left.

    Raises:
        CommandError: dpkg-deb is missing or failed.
    """
    tree = workspace / "tree"
    program = tree / "usr" / "bin" / PROGRAM
    program.parent.mkdir(parents=True)
    program.write_text(_SCRIPT)
    program.chmod(0o755)
    (tree / "DEBIAN").mkdir()
    (tree / "DEBIAN" / "control").write_text(_CONTROL)
    for folder in (tree, tree / "DEBIAN", tree / "usr", tree / "usr" / "bin"):
        folder.chmod(0o755)
    name = f"{PACKAGE}_{VERSION}_all.deb"
    command(["dpkg-deb", "--root-owner-group", "-Znone", "--build", str(tree), str(workspace / name)])
    data = (workspace / name).read_bytes()
    more = f"Filename: ./{name}\nSize: {len(data)}\nSHA256: {hashlib.sha256(data).hexdigest()}\n"
    head, description, rest = _CONTROL.partition("Description:")
    packages = f"{head}{more}{description}{rest}\n".encode()
    release = f"Suite: nepi-lab\nDate: {RELEASED}\nSHA256:\n {hashlib.sha256(packages).hexdigest()} {len(packages)} Packages\n".encode()
    return Repository({name: data, "Packages": packages, "Release": release})
