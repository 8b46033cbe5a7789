"""The part of the controller that speaks with commands while they run."""

from __future__ import annotations

from nepi.errors import UsageError
from nepi.execution.part import Part
from nepi.execution.registry import Guid


class Speaking(Part):
    """What `ExperimentController` can say to commands. Not for use by itself."""

    def send_stdin(self, application: Guid, data: bytes | str, *, eof: bool = False) -> None:
        """Write to the standard input of an application that runs and was added with `openStdin=True`.

        Args:
            application: which one.
            data: text is sent as UTF-8; nothing is added, no end of line either.
            eof: nothing comes after it.

        Raises:
            UsageError: the resource is no application.
            ResourceError: it does not run, does not read any more, or its standard input was not left open.
        """
        manager = self.resource(application)
        write_stdin = getattr(manager, "write_stdin", None)
        if write_stdin is None:
            raise UsageError(f"send_stdin: {manager.name} ({manager.rtype()}) is no application")
        self._running().runner.call(write_stdin(data.encode() if isinstance(data, str) else data, eof=eof))
