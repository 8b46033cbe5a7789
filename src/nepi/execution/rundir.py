"""The folder of a run: who controls it, what is in it. Its layout is DESIGN §5; formats in docs/reference/run-folder.md."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from nepi.errors import BadValueError, RunError

FORMAT: Final = 1
STATUS: Final = "run.json"
RESERVE_BYTES: Final = 1 << 20
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:@+-]{0,127}")


def runs_home() -> Path:
    """Return where runs are kept: $NEPI_HOME/runs, or ~/.nepi/runs."""
    home = os.environ.get("NEPI_HOME")
    return (Path(home) if home else Path.home() / ".nepi") / "runs"


def checked_name(kind: str, name: str) -> str:
    """Return a name that can be a folder.

    Raises:
        BadValueError: it cannot.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name) or ".." in name:
        raise BadValueError(f"{kind} {name!r}: use up to 128 letters, digits and _ . : @ + -, beginning with a letter, a digit or _")
    return name


@dataclass(frozen=True, slots=True)
class RunDir:
    """One run's folder, and the files in it."""

    path: Path

    @classmethod
    def create(cls, base: Path, exp_id: str, run_id: str) -> RunDir:
        """Make the folder of a new run.

        Raises:
            RunError: it exists, or cannot be made.
        """
        path = base / exp_id / run_id
        try:
            path.mkdir(parents=True, mode=0o755)
        except FileExistsError:
            raise RunError(f"run {run_id} of experiment {exp_id} exists already in {base}; every run needs a run_id of its own") from None
        except OSError as error:
            raise RunError(
                f"cannot make the run's folder {path}: {error.strerror}; choose another place with local_dir= or NEPI_HOME"
            ) from error
        if base != runs_home():
            _link_from_home(path)
        return cls(path)

    @property
    def journal(self) -> Path:
        """The journal."""
        return self.path / "journal.jsonl"

    @property
    def ledger(self) -> Path:
        """The ledger; it exists once something outside was recorded."""
        return self.path / "ledger.sqlite"

    @property
    def description(self) -> Path:
        """The experiment's description."""
        return self.path / "experiment.json"

    @property
    def plan(self) -> Path:
        """What planning made of it."""
        return self.path / "plan.json"

    @property
    def environment(self) -> Path:
        """Versions and facts of the machine."""
        return self.path / "environment.json"

    @property
    def verification(self) -> Path:
        """What was measured of links; it exists once one was verified."""
        return self.path / "verification.jsonl"

    @property
    def summary(self) -> Path:
        """How the run ended."""
        return self.path / "summary.json"

    @property
    def reserve(self) -> Path:
        """Room on the disk that is given up when it is full, so that the end of the run can still be written down."""
        return self.path / ".reserve"

    def set_room_aside(self) -> None:
        """Make the reserve; where the file system cannot, there is none.

        Raises:
            OSError: the disk is full already.
        """
        fd = os.open(self.reserve, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(fd, 0, RESERVE_BYTES)
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
                raise
        finally:
            os.close(fd)

    def make_room(self) -> bool:
        """Give the reserve up, because the disk is full; return whether there was one."""
        try:
            self.reserve.unlink()
        except OSError:
            return False
        return True

    def discard(self) -> None:
        """Remove the folder of a run that could not begin."""
        shutil.rmtree(self.path, ignore_errors=True)
        with contextlib.suppress(OSError):
            self.path.parent.rmdir()
        for link in _links_from_home(self.path):
            with contextlib.suppress(OSError):
                link.unlink()
                link.parent.rmdir()

    def trace(self, resource: str, trace: str) -> Path:
        """Return the file of a trace; names that are no file names are refused."""
        return self.path / "traces" / checked_name("resource name", resource) / checked_name("trace name", trace)

    def write_json(self, path: Path, record: Any, *, indent: int | None = None) -> None:
        """Write a file of the run so that a reader sees the old or the new one, never a part."""
        self.write_text(path, [json.dumps(record, indent=indent, separators=None if indent else (",", ":"), ensure_ascii=False), "\n"])

    def write_text(self, path: Path, pieces: Iterable[str]) -> None:
        """Write a file of the run from pieces, likewise."""
        temporary = path.with_name(f".{path.name}.new")
        try:
            with temporary.open("w", encoding="utf-8", errors="backslashreplace") as file:  # which JSON reads back as it was
                file.writelines(pieces)
            temporary.replace(path)
        except OSError:
            temporary.unlink(missing_ok=True)  # a part of it would only take room
            raise

    def write_status(self, **facts: Any) -> None:
        """Say who controls the run and what has become of it."""
        self.write_json(self.path / STATUS, {"format": FORMAT, **facts}, indent=1)

    def read_status(self) -> dict[str, Any]:
        """Return what `write_status` wrote last.

        Raises:
            RunError: this is no run's folder.
        """
        try:
            status: dict[str, Any] = json.loads((self.path / STATUS).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise RunError(f"{self.path} is not the folder of a run: {error}") from None
        return status


def _links_from_home(path: Path) -> list[Path]:
    folder = runs_home() / path.parent.name
    try:
        return [link for link in folder.iterdir() if link.is_symlink() and link.readlink() == path.absolute()]
    except OSError:
        return []


def _link_from_home(path: Path) -> None:
    """Let `nepi ps` and `nepi gc` find a run that lies somewhere else: a symbolic link where it would be by default."""
    place = runs_home() / path.parent.name / path.name
    for link in (place, place.with_name(f"{place.name}~{secrets.token_hex(3)}")):
        try:
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(path.absolute())
        except FileExistsError:  # another run of this name, in yet another place
            continue
        except OSError:  # a home that cannot be written to; the run is found by its path
            pass
        return
