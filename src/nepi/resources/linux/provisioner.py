"""Provisioning on a host that has files and packages of its own: uploads, downloads that the host does itself, installations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from nepi.apps.building import Provisioner, source_of
from nepi.apps.provisioning import Depend, Fetch, Put
from nepi.errors import CommandError, ResourceError
from nepi.resources.linux.machine import Machine
from nepi.resources.linux.packages import install_argv, lacking, query_argv, refresh_argv, unknown_packages

SUDO: Final = ("sudo", "-n", "--")
_FETCH: Final = """mkdir -p -- "${2%/*}" || exit
if command -v curl >/dev/null; then curl -fsSL --retry 2 -o "$2.part" -- "$1"
elif command -v wget >/dev/null; then wget -nv -O "$2.part" -- "$1"
elif command -v python3 >/dev/null
then python3 -c 'import sys, urllib.request; urllib.request.urlretrieve(sys.argv[1], sys.argv[2])' "$1" "$2.part"
else echo "curl, wget or python3 is needed to download there" >&2; exit 127; fi && mv -f -- "$2.part" "$2"
"""


@dataclass
class HostProvisioner(Provisioner):
    """Does the steps there.

    Attributes:
        machine: the host, shared by the nodes that are on it.
    """

    machine: Machine = field(kw_only=True)

    async def put(self, step: Put) -> None:
        """Bring a local file or folder there, unless it is there already."""
        if step.source is None:
            await self.host.write_file(step.target, step.text.encode(), mode=step.mode)
        else:
            await self.machine.bring(source_of(step), step.target, step.mode)

    async def fetch(self, step: Fetch) -> None:
        """Let the host download a file, by curl, wget or python3."""
        await self.machine.once((step.url, str(step.target)), lambda: self._download(step.attribute, step.url, step.target))

    async def _download(self, attribute: str, url: str, target: Path) -> None:
        await self.run(attribute, ["/bin/sh", "-c", _FETCH, "sh", url, str(target)])

    async def depend(self, step: Depend) -> None:
        """Install what is missing, as root or by sudo.

        Raises:
            ResourceError: nobody knows how to install packages there.
            CommandError: it cannot be installed; a package that does not exist is named.
        """
        await self.install(step.attribute, step.packages)

    async def install(self, attribute: str, packages: Sequence[str]) -> None:
        """Install those of `packages` that are missing."""
        machine = self.machine
        wanted = [one for one in packages if one not in machine.installed]
        if not wanted:
            return
        distribution = machine.facts.distribution
        manager = distribution.manager
        if manager is None:
            raise ResourceError(
                f"attribute {attribute!r}: {machine.name} runs {distribution.name}, and only apt and dnf are known here: "
                f"install {', '.join(wanted)} there yourself and leave the attribute out"
            )
        async with machine.installing:
            asked = await self.host.run(query_argv(manager, wanted))
            missing = lacking(manager, wanted, (asked.stdout + asked.stderr).decode(errors="replace"))
            if missing:
                await self._install_missing(attribute, missing)
            machine.installed.update(wanted)

    async def _install_missing(self, attribute: str, missing: Sequence[str]) -> None:
        manager = self.machine.facts.distribution.manager
        assert manager is not None
        argv = install_argv(manager, missing)
        try:
            await self.run(attribute, self._as_root(argv))
        except CommandError as error:
            if not unknown_packages(manager, error.stderr):
                raise
            await self.run(attribute, self._as_root(refresh_argv(manager)))
            try:
                await self.run(attribute, self._as_root(argv))
            except CommandError as again:
                raise self._explained(again) from None

    def _explained(self, error: CommandError) -> Exception:
        machine = self.machine
        manager = machine.facts.distribution.manager
        unknown = unknown_packages(manager, error.stderr) if manager else []
        if unknown:
            what = f"{machine.name} ({machine.facts.distribution.name}) has no package {', '.join(unknown)}"
            return _with(error, f"{what}: correct the attribute {error.action!r}\n{error.stderr}")
        return error

    def _as_root(self, argv: Sequence[str]) -> list[str]:
        return [*argv] if self.machine.facts.is_root else [*SUDO, *argv]


def _with(error: CommandError, words: str) -> CommandError:
    return CommandError(error.argv, error.status, words, action=error.action)
