"""Collector: the traces of the resources that it is connected to, together in one folder of the run; for resources of any backend."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar

from nepi.errors import TraceError
from nepi.execution.attribute import Attribute, Flags
from nepi.execution.resource import ResourceManager
from nepi.model.conditions import Reached
from nepi.model.experiment import ResourceDescription
from nepi.model.states import ResourceAction, ResourceState
from nepi.model.typespec import Check


def check_collector(one: ResourceDescription, peers: Sequence[ResourceDescription], _facts: Mapping[str, Any]) -> Iterable[str]:
    """Find a collector that would collect nothing, or write elsewhere."""
    if not one.attributes.get("traceName"):
        yield "attribute 'traceName' is not set: which trace is to be collected?"
    if not peers:
        yield "it is connected to nothing: connect it to the resources whose traces it is to collect"
    for name in ("traceName", "subDir", "rename"):
        path = PurePosixPath(one.attributes.get(name) or "")
        if path.is_absolute() or ".." in path.parts or (name != "subDir" and len(path.parts) > 1):
            yield f"attribute {name!r}: {path} leads out of the run's folder"


class Collector(ResourceManager, rtype="Collector"):
    """Copies a trace of every resource that it is connected to into one folder of the run, as `<guid>.<name>`.

    It does so when it is released: after them, when they are released with it, so that what they have written is whole.
    """

    service = True
    check: ClassVar[Check | None] = staticmethod(check_collector)
    deadlines: ClassVar = {ResourceAction.STOP: 60.0, ResourceAction.RELEASE: 600.0}

    traceName = Attribute.string(help="The trace, such as stdout.", flags=Flags.Design)
    subDir = Attribute.string(help="Folder in the run's folder.", flags=Flags.Design)
    rename = Attribute.string(help="What the files are called after the guid; else as the trace.", flags=Flags.Design)

    @property
    def folder(self) -> Path:
        """Where the files are."""
        return Path(self.ec.run_dir) / (self.get("subDir") or "")

    async def release(self) -> None:
        """Collect."""
        if self.ready_time is not None and self.state != ResourceState.RELEASED:
            going = tuple(guid for guid in sorted(self.connections) if self.ec.release_wanted(guid))
            if going:
                await self.ec.until(Reached(going, int(ResourceState.RELEASED), "at_least"), survives_abort=True)
            for peer in self.get_connected():
                await asyncio.to_thread(self._copy, peer)
        self.set_released()

    def _copy(self, peer: ResourceManager) -> None:
        name = str(self.get("traceName"))
        source, target = peer.trace_path(name), self.folder / f"{peer.guid}.{self.get('rename') or name}"
        try:
            if not source.exists():
                self.warning(f"{peer.name} has no trace {name!r} to collect")
                return
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
        except OSError as error:
            raise TraceError(f"{source} cannot be collected as {target}: {error.strerror}") from error
