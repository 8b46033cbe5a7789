"""`lab.json`: what a lab has made, written before it is made, so that anybody can give it back later."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from nepi.errors import RunError, UsageError
from nepi.execution.process_identity import ProcessIdentity, boot_id
from nepi.lab.plan import LabPlan

FORMAT: Final = 1
NAME: Final = "lab.json"
HOLDER: Final = "the disks"
FILES: Final = ("identity", "identity.pub", "known_hosts", "ssh_config")
State = Literal["making", "up"]


@dataclass(slots=True)
class Record:
    """What is in the file.

    Attributes:
        state: "making" until the lab is whole.
        boot_id: the boot in which it was made; in another one only the files are left.
        netns: the network namespace that the bridges are in.
        folder_made: whether the lab made its folder.
        processes: supervisors, by the name of the host, and the one that holds the disks.
        sshd: options of the SSH servers.
        made_at: seconds since the epoch.
    """

    path: Path
    plan: LabPlan
    netns: str
    folder_made: bool
    state: State = "making"
    boot_id: str = field(default_factory=boot_id)
    processes: dict[str, ProcessIdentity] = field(default_factory=dict)
    sshd: dict[str, str | int] = field(default_factory=dict)
    made_at: float = field(default_factory=time.time)

    @property
    def folder(self) -> Path:
        """Where the lab's files are."""
        return self.path.parent

    def is_of_this_boot(self) -> bool:
        """Whether its processes and interfaces can exist still."""
        return self.boot_id == boot_id()

    def claim(self) -> None:
        """Write the file for the first time.

        Raises:
            UsageError: there is a lab in this folder already.
        """
        new = self._write_aside()
        try:
            os.link(new, self.path)  # fails where a rename would overwrite
        except FileExistsError:
            raise UsageError(describe_existing(self.path)) from None
        finally:
            new.unlink()

    def save(self) -> None:
        """Write the file."""
        self._write_aside().replace(self.path)

    def _write_aside(self) -> Path:
        value: dict[str, Any] = {"format": FORMAT, "state": self.state, "boot_id": self.boot_id, "made_at": self.made_at}
        value |= {"netns": self.netns, "folder_made": self.folder_made, "sshd": self.sshd}
        value |= {"processes": {name: one.to_json() for name, one in self.processes.items()}, "plan": asdict(self.plan)}
        new = self.path.with_name(f"{NAME}.{os.getpid()}")
        new.write_text(json.dumps(value, indent=1) + "\n")
        return new

    def remove(self) -> None:
        """Remove every file of the lab, this one last, and its folder when the lab made it and nobody has put anything else there."""
        for name in FILES:
            (self.folder / name).unlink(missing_ok=True)
        for left in self.folder.glob(f"{NAME}.*"):  # of one who died while writing
            left.unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)
        if self.folder_made:
            with contextlib.suppress(OSError):
                self.folder.rmdir()


def load(folder: Path) -> Record | None:
    """Return the record of the lab in a folder; None when there is no lab.

    Raises:
        RunError: it cannot be read.
    """
    path = folder / NAME
    try:
        value = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise RunError(f"{path} cannot be read: {error}") from error
    if value.get("format") != FORMAT:
        raise RunError(f"{path}: format {value.get('format')!r} is not this program's ({FORMAT}); use the version that made the lab")
    return Record(
        path,
        LabPlan.from_json(value["plan"]),
        value["netns"],
        value["folder_made"],
        value["state"],
        value["boot_id"],
        _processes(value["processes"]),
        value["sshd"],
        value["made_at"],
    )


def _processes(value: Mapping[str, Any]) -> dict[str, ProcessIdentity]:
    found = {name: ProcessIdentity.from_json(one) for name, one in value.items()}
    return {name: one for name, one in found.items() if one is not None}


def describe_existing(path: Path) -> str:
    """Return what is to be said to somebody who wants a lab where one is."""
    there = load(path.parent)
    if there is None:  # just gone
        return f"{path.parent} has just had a lab; try again"
    what = f"a lab of {len(there.plan.hosts)} hosts"
    if not there.is_of_this_boot():
        what = "what is left of a lab from before this machine was restarted"
    elif there.state == "making":
        what = "a lab that is being made, or whose making was broken off"
    return f"{path.parent} has {what}; take it down first: nepi lab down --dir {path.parent}"
