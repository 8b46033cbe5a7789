"""Showing the progress of `nepi run` on standard error: a live display on a terminal, lines elsewhere."""

from __future__ import annotations

import os
import queue
import sys
import threading
from typing import TYPE_CHECKING, Final, Protocol

from nepi.cli.progress import SHOWN, Progress, entered, shortened
from nepi.engine import events as ev
from nepi.model.states import ResourceState

if TYPE_CHECKING:
    from rich.console import RenderableType

    from nepi.execution.ec import ExperimentController

GATHER_S: Final = 0.1
"""What happens within this time is told in one line for each state."""


class Display(Protocol):
    """Something that shows how runs go on."""

    def made(self, ec: ExperimentController) -> None:
        """A controller was made; its observers may be added to."""

    def began(self, ec: ExperimentController) -> None:
        """Its run begins."""

    def tell(self, text: str) -> None:
        """Show a line; called by a signal handler, so it may neither wait nor print."""

    def close(self) -> None:
        """Show no more."""


def display_for(*, quiet: bool) -> Display:
    """Return the display that suits standard error."""
    if quiet:
        return Silent()
    return Live() if sys.stderr.isatty() else Lines()


class Silent:
    """Shows nothing."""

    def made(self, ec: ExperimentController) -> None:
        """Nothing."""

    def began(self, ec: ExperimentController) -> None:
        """Nothing."""

    def tell(self, text: str) -> None:
        """Write it all the same."""
        os.write(2, f"{text}\n".encode())

    def close(self) -> None:
        """Nothing."""


class Live:
    """A few lines at the bottom of the terminal, drawn anew a few times a second; gone at the end."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.live import Live as RichLive

        self._progress: dict[int, Progress] = {}
        self._shown: Progress | None = None
        self._told = ""
        self._live = RichLive(
            console=Console(stderr=True),
            get_renderable=self._draw,
            refresh_per_second=8,
            transient=True,
            redirect_stdout=sys.stdout.isatty(),
            redirect_stderr=True,
        )
        self._live.start()

    def made(self, ec: ExperimentController) -> None:
        """Follow it."""
        self._progress[id(ec)] = progress = Progress(ec)
        ec.observers.append(progress)

    def began(self, ec: ExperimentController) -> None:
        """Show this one from now on."""
        from time import monotonic

        self._shown = self._progress[id(ec)]
        self._shown.began = monotonic()

    def tell(self, text: str) -> None:
        """Show it as the last line from now on."""
        self._told = text

    def close(self) -> None:
        """Take the lines away."""
        self._live.stop()

    def _draw(self) -> RenderableType:
        from rich.text import Text

        shown = Text.from_markup(live_text(self._shown)) if self._shown is not None else Text("")
        return shown.append(f"\n{self._told}", style="bold") if self._told else shown


def live_text(progress: Progress) -> str:
    """Return what the live display shows of a run, in rich's markup."""
    from rich.markup import escape

    now = progress.snapshot()
    ec = progress.ec
    counts = "  ".join(f"{state.name} {count}" for state, count in now.counts.items())
    lines = [f"[bold]{escape(ec.exp_id)}[/]/{escape(ec.run_id)}  {now.elapsed_s:.1f} s  {now.total} resources  {counts}"]
    lines += [f"[cyan]{word}[/] {escape(shortened(names, count))}" for word, names, count in now.doing]
    if now.running:
        names = [f"{name} {seconds:.0f} s" for name, seconds in now.running]
        lines.append(f"[green]running[/] {escape(shortened(names, now.running_count))}")
    if now.last:
        lines.append(f"[dim]{escape(now.last)}[/]")
    lines += [f"[red]failed[/] {escape(name)}: {escape(reason.splitlines()[0] if reason else '')}" for name, reason in now.failures[-3:]]
    if now.aborted:
        lines.append(f"[red]aborted[/] {escape(now.aborted)}")
    return "\n".join(lines)


class Lines:
    """One line for what happened in each tenth of a second, state by state."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[Seen | str | None] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._print_all, name="nepi-progress", daemon=True)
        self._thread.start()

    def made(self, ec: ExperimentController) -> None:
        """Follow it."""
        ec.observers.append(_Follower(ec, self._queue))

    def began(self, ec: ExperimentController) -> None:
        """Say which run it is, and where its folder lies."""
        self._queue.put(f"run {ec.exp_id}/{ec.run_id} in {ec.run_dir}")

    def tell(self, text: str) -> None:
        """Print it among the others."""
        self._queue.put(text)

    def close(self) -> None:
        """Print what has not been printed yet."""
        self._stop.set()
        self._queue.put(None)
        self._thread.join()

    def _print_all(self) -> None:
        while True:
            gathered = [self._queue.get()]
            self._stop.wait(GATHER_S)
            while not self._queue.empty():
                gathered.append(self._queue.get())
            for line in told([one for one in gathered if one is not None]):
                print(line, file=sys.stderr, flush=True)
            if None in gathered:
                return


class Seen:
    """Something to tell: a state that resources entered, or a line that stands for itself."""

    __slots__ = ("at", "count", "names", "text", "word")

    def __init__(self, at: float, word: str, names: list[str], count: int, text: str = "") -> None:
        self.at, self.word, self.names, self.count, self.text = at, word, names, count, text


class _Follower:
    """Hands on what is worth a line."""

    def __init__(self, ec: ExperimentController, out: queue.SimpleQueue[Seen | str | None]) -> None:
        self._ec = ec
        self._out = out
        self._reasons: dict[int, str] = {}

    def batch(self, now: float, events: list[ev.Event], decisions: list[ev.Instruction]) -> None:
        """See one batch."""
        for event in events:
            for state, guids in entered(event):
                self._entered(now, state, guids)
            if isinstance(event, ev.Failed | ev.Explained):
                self._reasons[event.guid] = event.reason
        for decision in decisions:
            match decision:
                case ev.Fail(guid=guid, reason=reason):
                    self._reasons[guid] = reason
                case ev.Reset(guid=guid):
                    self._out.put(Seen(now, "RETRY", [], 1, f"{self._name(guid)}: {self._reasons.get(guid, '')}"))
                case ev.LeaveBehind(guid=guid, reason=reason):
                    self._out.put(Seen(now, "LEFT", [], 1, f"{self._name(guid)}: {reason}"))
                case ev.Abort(reason=reason):
                    self._out.put(Seen(now, "ABORT", [], 1, reason))

    def _entered(self, now: float, state: ResourceState, guids: ev.Guids) -> None:
        if state != ResourceState.FAILED:
            self._out.put(Seen(now, state.name, [self._name(guid) for guid in guids[:SHOWN]], len(guids)))
            return
        for guid in guids:
            self._out.put(Seen(now, state.name, [], 1, f"{self._name(guid)}: {self._reasons.get(guid, 'it says no reason')}"))

    def _name(self, guid: int) -> str:
        return self._ec.registry.name_of(guid)


def told(seen: list[Seen | str]) -> list[str]:
    """Return lines for what was seen: neighbours and near neighbours of one state together."""
    lines: list[str | Seen] = []
    open_: dict[str, Seen] = {}
    for one in seen:
        if isinstance(one, str):
            lines.append(one)
            open_.clear()
        elif one.text:
            lines.append(one)
        elif (known := open_.get(one.word)) is not None:
            known.at, known.count = one.at, known.count + one.count
            known.names = (known.names + one.names)[:SHOWN]
        else:
            open_[one.word] = one
            lines.append(one)
    return [line if isinstance(line, str) else _line(line) for line in lines]


def _line(one: Seen) -> str:
    what = one.text.replace("\n", "\n" + " " * 23) if one.text else shortened(one.names, one.count)
    return f"{one.at:9.3f} s  {one.word:<9}  {what}"
