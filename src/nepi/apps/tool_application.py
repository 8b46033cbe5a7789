"""Applications that are one well-known tool: attributes made from the tool's options, its output read as a typed result."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Generic, TypeVar

from nepi.apps.command_application import CommandApplication, check_command
from nepi.apps.command_line import PLAIN_OUTPUT_ENV
from nepi.apps.option_attribute import option_attributes
from nepi.apps.options import CommandOptions, option_rows
from nepi.errors import BadValueError, TraceError
from nepi.model.attributes import Reference
from nepi.model.experiment import ResourceDescription
from nepi.model.states import ENDED
from nepi.model.typespec import Check

R = TypeVar("R")

_SOME_ADDRESS = "192.0.2.1"  # stands for a resource's, which is not known yet; RFC 5737


class ToolApplication(CommandApplication, Generic[R]):
    """A tool on a host. A subclass names the tool's `options`, and reads its output, an R, in `read_result`."""

    options: ClassVar[type[CommandOptions]] = CommandOptions
    option_defaults: ClassVar[Mapping[str, Any]] = {}
    """By attribute, where another default than the tool's is wanted."""

    _kept: R | None = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        if "options" in vars(cls):
            made = option_attributes(cls.options, cls.option_defaults)
            cls._attributes = {**cls._attributes, **made}
            if "tools" not in vars(cls):
                cls.tools = (cls.options.tool,)
                cls.packages = {cls.options.tool: cls.options.package or cls.options.tool}
            own = cls.check if "check" in vars(cls) else None
            cls.check = staticmethod(_check_of(cls.options, cls.option_defaults, own))
        super().__init_subclass__(**kwargs)

    @property
    def result(self) -> R | None:
        """What was measured so far; None before the start."""
        return self._result()

    def argv(self) -> list[str]:
        """Return the tool's command line."""
        argv: list[str] = self.chosen().argv()
        return argv

    def chosen(self) -> Any:
        """Return the options that the attributes ask for, addresses of other resources filled in."""
        names = [row.attribute for row in option_rows(self.options).values()]
        return self.options.from_attributes({name: self.resolved(name) for name in names})

    def variables(self) -> dict[str, str]:
        """Return the variables of the command: English, decimal points."""
        return {**PLAIN_OUTPUT_ENV, **super().variables()}

    def read_result(self, stdout: bytes) -> R:
        """Return what the tool's output says.

        Raises:
            TraceError: it is no output of the tool's.
        """
        raise NotImplementedError

    def _result(self) -> R | None:
        """Return the result of what was written so far; None before the start, or when it cannot be read."""
        if self._kept is not None or self.start_time is None:
            return self._kept
        over = self.state in ENDED
        try:
            result = self.read_result(self.trace_path("stdout").read_bytes()[self.output_offset :])
        except (OSError, TraceError) as error:
            self.error(f"no result: {error}")
            return None
        if over:
            self._kept = result
        return result

    async def start(self) -> None:
        """Start the tool; an earlier result is forgotten."""
        self._kept = None
        await super().start()


def _check_of(options: type[CommandOptions], defaults: Mapping[str, Any], own: Check | None) -> Check:
    def check(one: ResourceDescription, peers: Sequence[ResourceDescription], facts: Mapping[str, Any]) -> Iterable[str]:
        yield from check_command(one, peers, facts)
        values = {name: _SOME_ADDRESS if isinstance(value, Reference) else value for name, value in one.attributes.items()}
        try:
            options.from_attributes({**defaults, **values})
        except BadValueError as error:
            yield str(error)
        if own is not None:
            yield from own(one, peers, facts)

    return check
