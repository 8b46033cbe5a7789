"""The store of runs on disk: which there are, what has become of each, and which one a user means. It only reads."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Literal

from nepi.errors import RunError, did_you_mean

STATUS: Final = "run.json"
LAST: Final = "last"

Fate = Literal["alive", "ended", "other boot"]
"""What has become of a controller: it runs; it ended; it ran before this machine was started the last time."""


class RunState(StrEnum):
    """What has become of a run. `docs/reference/run-folder.md` says who writes which."""

    RUNNING = "running"
    KEPT = "kept"
    DEAD = "dead"
    LOST = "lost"
    ELSEWHERE = "elsewhere"
    DAMAGED = "damaged"
    LEFT_BEHIND = "left behind"
    FINISHED = "finished"
    ABORTED = "aborted"
    INVALID = "invalid"
    CONTROLLER_FAILED = "controller failed"
    RELEASED = "released"
    COLLECTED = "collected"


LEFT: Final = frozenset({RunState.DEAD, RunState.LOST, RunState.LEFT_BEHIND, RunState.CONTROLLER_FAILED})
"""The states of runs that nobody cares for any more and that may hold something still."""
OPEN: Final = LEFT | {RunState.RUNNING, RunState.KEPT, RunState.ELSEWHERE, RunState.DAMAGED}
"""The states of runs that still concern somebody."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run.

    Attributes:
        name: what finds it again: "exp_id/run_id", or its folder when the home does not know it.
        path: its folder.
        exp_id: the experiment.
        run_id: the run of it.
        state: what has become of it.
        began: local time, ISO 8601; "" when its journal does not say.
        controller_pid: of the process that controls or controlled it; 0 when unknown.
        host: machine that it runs on, when that is another one, else "".
        link: the symbolic link in the home by which it is found, for runs in a folder of their own, else None.
    """

    name: str
    path: Path
    exp_id: str
    run_id: str
    state: RunState
    began: str
    controller_pid: int = 0
    host: str = ""
    link: Path | None = None

    @property
    def began_at(self) -> datetime | None:
        """When it began, or None."""
        try:
            return datetime.fromisoformat(self.began)
        except ValueError:
            return None


class Store:
    """The runs of one user.

    Args:
        home: the folder that has a folder for each experiment.
        fate: says what has become of a controller, given the record of it in `run.json`.
        host: name of this machine.
    """

    def __init__(self, home: Path, fate: Callable[[Mapping[str, Any]], Fate], host: str) -> None:
        self.home = home
        self._fate = fate
        self._host = host

    def runs(self) -> list[Run]:
        """Return every run of the home, the oldest first. A run that is being made this instant may be missing."""
        found = [self.read(path) for path in self._folders() if (path / STATUS).exists()]
        return sorted(found, key=lambda run: (run.began, run.exp_id, run.run_id))

    def dangling(self) -> list[Path]:
        """Return the links to runs whose folder is gone."""
        return [path for path in self._folders(links=True) if path.is_symlink() and not path.exists()]

    def names(self) -> list[str]:
        """Return the exp_id/run_id of every run, without reading any."""
        return [f"{path.parent.name}/{path.name}" for path in self._folders()]

    def find(self, text: str) -> Run:
        """Return the run that a user means.

        Args:
            text: exp_id/run_id, a run_id, an exp_id (its latest run), the unique beginning of one of these, a folder, or "last".

        Raises:
            RunError: there is no such run, or more than one.
        """
        folders = {f"{path.parent.name}/{path.name}": path for path in self._folders()}
        if text == LAST:
            return self._latest(list(folders.values()), "there are no runs yet")
        if text in folders:
            return self.read(folders[text])
        if same := [path for path in folders.values() if path.name == text]:
            return self._only(text, same)
        if of_experiment := [path for path in folders.values() if path.parent.name == text]:
            return self._latest(of_experiment, f"experiment {text!r} has no runs")
        if (path := _as_folder(text)) is not None:
            return self._in_folder(path)
        if text and (begin_so := [path for name, path in folders.items() if path.name.startswith(text) or name.startswith(text)]):
            return self._only(text, begin_so)
        known = {*folders, *(path.name for path in folders.values()), *(path.parent.name for path in folders.values())}
        raise RunError(f"there is no run {text!r}{did_you_mean(text, sorted(known))}; `nepi ps --all` lists the runs in {self.home}")

    def read(self, path: Path) -> Run:
        """Return what is known of the run in a folder; one whose status cannot be read is DAMAGED."""
        link = path if path.is_symlink() else None
        folder = path.resolve() if link is not None else path
        name = f"{path.parent.name}/{path.name}" if path.parent.parent == self.home else str(folder)
        status = _record(folder / STATUS)
        if status is None:
            return Run(name, folder, path.parent.name, path.name, RunState.DAMAGED, _began(folder), link=link)
        controller = status.get("controller") or {}
        state, host = self._state(folder, str(status.get("state")), controller)
        return Run(
            name,
            folder,
            str(status.get("exp_id", path.parent.name)),
            str(status.get("run_id", path.name)),
            state,
            _began(folder) or str(status.get("at", "")),
            int(controller.get("pid") or 0),
            host,
            link,
        )

    def _state(self, folder: Path, recorded: str, controller: Mapping[str, Any]) -> tuple[RunState, str]:
        """Return the state, and the machine when it is another one."""
        if recorded not in (RunState.RUNNING, RunState.KEPT):
            return (RunState(recorded), "") if recorded in set(RunState) else (RunState.DAMAGED, "")
        fate = self._fate(controller)
        if fate == "alive" and recorded == RunState.RUNNING:
            return RunState.RUNNING, ""
        host = str((_record(folder / "environment.json") or {}).get("host", ""))
        if host and host != self._host:
            # A home that several machines share: from here nobody can tell whether it lives, so nobody may touch it.
            return RunState.ELSEWHERE, host
        if fate == "other boot":
            return RunState.LOST, ""
        return (RunState.KEPT if recorded == RunState.KEPT else RunState.DEAD), ""

    def _folders(self, *, links: bool = False) -> Iterator[Path]:
        """Yield the folders that look like runs, in order of their names; with `links`, links to nowhere too."""
        for experiment in _folders_in(self.home):
            yield from _folders_in(experiment, links=links)

    def _latest(self, folders: list[Path], otherwise: str) -> Run:
        runs = [self.read(path) for path in folders if (path / STATUS).exists()]
        if not runs:
            raise RunError(f"{otherwise} in {self.home}")
        return max(runs, key=lambda run: (run.began, run.run_id))

    def _only(self, text: str, folders: list[Path]) -> Run:
        if len(folders) == 1:
            return self.read(folders[0])
        shown = ", ".join(f"{path.parent.name}/{path.name}" for path in folders[:6])
        more = f" and {len(folders) - 6} more" if len(folders) > 6 else ""
        raise RunError(f"{text!r} may be {len(folders)} runs: {shown}{more}; write more of it")

    def _in_folder(self, path: Path) -> Run:
        if (path / STATUS).exists():
            return self.read(path)
        inside = [entry for entry in _folders_in(path) if (entry / STATUS).exists()]
        if not inside:
            raise RunError(f"{path} is not the folder of a run: it has no {STATUS}")
        return self._latest(inside, f"no runs are in {path}")


def _as_folder(text: str) -> Path | None:
    """Return the folder that a text names. A bare word is one only when a run is in it, or any word that is a folder here would be."""
    if not text:
        return None
    path = Path(text).expanduser()
    if not path.is_dir():
        return None
    path = path.absolute()
    return path if os.sep in text or text in (".", "..") or (path / STATUS).exists() else None


def _folders_in(folder: Path, *, links: bool = False) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            found = [
                entry.path for entry in entries if not entry.name.startswith(".") and (entry.is_dir() or (links and entry.is_symlink()))
            ]
    except OSError:
        return []
    return [Path(path) for path in sorted(found)]


def _record(path: Path) -> dict[str, Any] | None:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) else None


def _began(folder: Path) -> str:
    """Return when a run began: the first line of its journal says so."""
    try:
        with (folder / "journal.jsonl").open(encoding="utf-8", errors="replace") as file:
            header = json.loads(file.readline())
    except (OSError, ValueError):
        return ""
    return str(header.get("began", "")) if isinstance(header, dict) else ""
