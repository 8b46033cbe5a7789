"""Owns the event loop, the clock and the journal of one run: events go into the engine, instructions come out and are carried out.

announcements, requests ──▶ inbox ──▶ Engine ──▶ journal ──▶ dispatcher ──▶ resource managers
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections import deque
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from itertools import count
from typing import Any, Final, Protocol, TypeVar

from nepi.engine import events as ev
from nepi.engine.core import Engine
from nepi.errors import UsageError
from nepi.execution.dispatch import Dispatcher
from nepi.execution.due_calls import DueCalls
from nepi.execution.journal import Journal
from nepi.execution.quiet import collection_paused
from nepi.execution.waits import WaitResult
from nepi.model.conditions import Condition, Within
from nepi.model.states import ResourceAction, ResourceState
from nepi.util.logger import Logger

T = TypeVar("T")
BATCH: Final = 20_000
"""Announcements that are handled in one turn of the loop; other tasks get theirs in between."""

STUBBORN_S: Final = 5.0
"""How long tasks that were cancelled at the end of the run may take to end."""

LOOK_EVERY_S: Final = 5.0
"""How often somebody who is blocked looks whether the loop's thread is there at all."""
OVER: Final = "the experiment has been shut down"

Announcement = tuple[int, ResourceState]
Item = Announcement | ev.Event | Callable[[], None]


class Observer(Protocol):
    """Somebody who follows a run: a progress display, a failure manager."""

    def batch(self, now: float, events: list[ev.Event], decisions: list[ev.Instruction]) -> None:
        """See one batch; called on the loop's thread after it was journalled and before it is carried out. Must not block."""


class Runner(Logger):
    """Runs one experiment on a thread of its own.

    Args:
        engine: decides.
        dispatcher: carries out.
        journal: where everything is written before it is acted upon.
        loop_factory: makes the event loop; tests give one whose clock jumps.
        elapsed_s: how long ago the run began, when it is taken up again.
        first_watch: a number that no watch of the run has had.
    """

    def __init__(
        self,
        engine: Engine,
        dispatcher: Dispatcher,
        journal: Journal,
        loop_factory: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop,
        *,
        elapsed_s: float = 0.0,
        first_watch: int = 1,
    ) -> None:
        super().__init__("runner")
        self.engine = engine
        self.observers: list[Observer] = []
        self.broken: BaseException | None = None
        self.journal_lost = ""
        self._blocked_on: set[Future[Any]] = set()
        self._dispatcher = dispatcher
        self.journal = journal
        self._inbox: deque[Item] = deque()
        self._signalled = False
        self._draining = False
        self._held = False
        self._timer: asyncio.TimerHandle | None = None
        self._clock: Callable[[], float] | None = None
        self._ahead = 0.0
        self._calls = DueCalls()
        self._numbers = count(first_watch)
        self._watches: dict[int, Callable[[WaitResult], None]] = {}
        self._stopped = threading.Event()
        self._pid = os.getpid()
        self.loop = loop_factory()
        self._began = self.loop.time() - elapsed_s
        self._thread = threading.Thread(target=self._main, name="nepi-runner", daemon=True)
        dispatcher.bind(self)
        self._thread.start()

    # From any thread.

    @property
    def now(self) -> float:
        """Monotonic seconds since the run began; of another clock, if the run follows one."""
        return self.real + self._ahead if self._clock is None else self._clock()

    @property
    def real(self) -> float:
        """Seconds since the run began by the clock that never stands still, whatever clock the run follows."""
        return self.loop.time() - self._began

    def follow(self, clock: Callable[[], float] | None, look: Callable[[], None] | None = None) -> None:
        """Take the time from another clock, or with None from the real one again, from where it stands; on the loop's thread.

        A clock of a simulation goes on when nothing else is to be done: whoever owns it looks at `is_quiet` and at `next_due`, and calls
        `tick` when it has moved the clock there. What has to be over in real time (`next_limit`) is seen to here.

        Args:
            clock: returns seconds since the run began; never less than before, nor than `now` is.
            look: called on the loop's thread when a thread has come back, so that it may be quiet.
        """
        now = self.now
        self._clock = clock
        self._dispatcher.when_back(None if look is None else lambda: self.post(look))
        if clock is None:
            self._ahead = now - self.real
        self._set_timer()

    @property
    def is_quiet(self) -> bool:
        """Whether everything has been taken in and carried out, so that only time, or somebody outside, can make anything happen."""
        return not (self._inbox or self._signalled or self._draining or self._held) and self._dispatcher.idle

    @property
    def is_awaited(self) -> bool:
        """Whether somebody waits for something: as long as nobody does, more may be asked at this instant."""
        return bool(self._watches)

    @property
    def next_due(self) -> float | None:
        """The instant of the run's clock at which something is to be done, or None."""
        return min((due for due in (self.engine.next_deadline, self._calls.next_due) if due is not None), default=None)

    @property
    def next_delay(self) -> float | None:
        """As `next_due`, without the instants at which only somebody's patience is over."""
        return min((due for due in (self.engine.next_delay, self._calls.next_due) if due is not None), default=None)

    def call_after(self, delay_s: float, call: Callable[[], None]) -> None:
        """Make a call on the loop's thread when so much time has passed by the run's clock; from any thread."""
        self.post(lambda: self._add_call(delay_s, call))

    def _add_call(self, delay_s: float, call: Callable[[], None]) -> None:
        self._calls.add(self.now + delay_s, call)
        self._set_timer()

    def tick(self) -> None:
        """Let the engine look at the time."""
        self._tick()

    @property
    def on_loop(self) -> bool:
        """Whether the caller is on the loop's thread, where nothing may block."""
        return threading.get_ident() == self._thread.ident

    @property
    def is_elsewhere(self) -> bool:
        """Whether this process is a fork of the one in which the loop runs."""
        return os.getpid() != self._pid

    @property
    def is_over(self) -> bool:
        """Whether the loop has been stopped."""
        return self._stopped.is_set()

    @property
    def blocked_waits(self) -> int:
        """How many waits of the user's threads have no result yet; what a virtual clock goes by."""
        return sum(not future.done() for future in list(self._blocked_on))

    def post(self, item: Item) -> None:
        """Hand in an announcement, an event, or something to call on the loop's thread; kept in order."""
        self._inbox.append(item)
        if not self._signalled:
            try:
                self._signalled = True
                self.loop.call_soon_threadsafe(self._drain)
            except RuntimeError:
                self._signalled = False  # the loop is closed: the run is over, and nobody listens any more
            except BaseException:  # Ctrl-C just here: the next one who posts signals for this item, too
                self._signalled = False
                raise

    def watch(
        self,
        condition: Condition,
        done: Callable[[WaitResult], None],
        *,
        survives_abort: bool = False,
        number: int | None = None,
    ) -> int:
        """Call `done` on the loop's thread when the condition is met or can no longer be. Returns a number to drop it by.

        Args:
            condition: what is waited for.
            done: called once.
            survives_abort: whether an abort leaves it waiting.
            number: from `new_watch`; by default a new one.
        """
        if number is None:
            number = self.new_watch()
        self._watches[number] = done
        self.post(ev.WatchAsked(number, condition, survives_abort))
        return number

    def new_watch(self) -> int:
        """Return a number that no watch of the run has."""
        return next(self._numbers)

    def rewatch(self, number: int, done: Callable[[WaitResult], None]) -> None:
        """Call `done` for a watch that the engine knows from an earlier controller; before the loop takes anything in."""
        self._watches[number] = done

    def note(self, **facts: Any) -> None:
        """Write a note into the journal, in order with what is posted; from any thread."""
        self.post(lambda: self.note_now(**facts))

    def note_now(self, **facts: Any) -> None:
        """Write a note into the journal before going on; on the loop's thread."""
        if self.journal_lost:
            return
        try:
            self.journal.note(self.now, facts)
        except OSError as error:
            self._lose_journal(error)
            self.post(ev.AbortAsked(self.journal_lost))

    def hold(self) -> None:
        """Take nothing in until `resume`: somebody is taking the run up. Called before anything is posted."""
        self._held = True

    def resume(self, event: ev.Resumed) -> None:
        """Take everything in that came meanwhile, after this; on the loop's thread."""
        self._held = False
        self._inbox.appendleft(event)
        self._drain()

    def unwatch(self, number: int) -> None:
        """Forget a watch."""
        if self._watches.pop(number, None) is not None:
            self.post(ev.WatchDropped(number))

    def wait(self, condition: Condition, *, deadline_s: float | None = None, survives_abort: bool = False) -> WaitResult:
        """Block until the condition is met or can no longer be.

        Raises:
            UsageError: called on the loop's thread, which would wait for itself.
        """
        self.refuse_on_loop("wait")
        future: Future[WaitResult] = Future()
        bounded = condition if deadline_s is None else Within(condition, deadline_s)
        number = self.watch(bounded, future.set_result, survives_abort=survives_abort)
        try:
            if self._stopped.is_set():  # just now; whoever ended the loop may have seen this watch or not
                self._tell_watches(OVER)
            return self.block_on(future)
        finally:
            self.unwatch(number)

    def call(self, coroutine: Awaitable[T]) -> T:
        """Run a coroutine on the loop and return its result, blocking.

        Raises:
            UsageError: called on the loop's thread.
        """
        self.refuse_on_loop("call")

        async def run() -> T:
            return await coroutine

        running = run()
        try:
            future = asyncio.run_coroutine_threadsafe(running, self.loop)
        except RuntimeError:  # the loop was closed just now
            running.close()
            raise UsageError("call(): this experiment has been shut down") from None
        return self.block_on(future)

    def block_on(self, future: Future[T]) -> T:
        """Block until a future that the loop settles is settled, and return its result; Ctrl-C gets through."""
        self._blocked_on.add(future)
        try:
            while True:
                try:
                    # A bounded wait, again and again, because on some platforms only that one lets Ctrl-C through.
                    return future.result(timeout=LOOK_EVERY_S)
                except TimeoutError:
                    if future.done():
                        raise
                    if not self._thread.is_alive():
                        raise UsageError("this experiment has been shut down meanwhile") from None
        finally:
            self._blocked_on.discard(future)

    def refuse_on_loop(self, what: str) -> None:
        """Raise when the caller is on the loop's thread.

        Raises:
            UsageError: it is.
        """
        if self.on_loop:
            raise UsageError(f"{what}() would block the loop that it waits for; in an async method, await the awaitable variant instead")
        if self._stopped.is_set():
            raise UsageError(f"{what}(): this experiment has been shut down")
        if self.is_elsewhere:
            raise UsageError(f"{what}(): this process was forked from the one that controls the experiment; only that one can")

    def close(self) -> None:
        """End the loop and its thread; harmless when they have ended."""
        if self._stopped.is_set():
            return
        self.refuse_on_loop("shutdown")
        self.call(self._dispatcher.close())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.journal.close()

    # On the loop's thread.

    def _main(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_forever()
        finally:
            self._stopped.set()
            self._tell_watches(OVER)
            self._end_tasks(asyncio.all_tasks(self.loop))
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
            self.loop.close()

    def _end_tasks(self, left: set[asyncio.Task[Any]]) -> None:
        """Cancel the tasks of resource managers that still wait for something; those that will not end are not waited for long."""
        if not left:
            return
        for task in left:
            task.cancel()
        _, stubborn = self.loop.run_until_complete(asyncio.wait(left, timeout=STUBBORN_S))
        for task in stubborn:
            self.error(f"task {task.get_name()} does not end when it is cancelled: {task.get_coro()!r}")

    def _drain(self) -> None:
        """Take what has come in, until nothing is left or others must have their turn."""
        self._signalled = False
        if self._draining or self._held:
            return
        self._draining = True
        try:
            with collection_paused():
                handled = 0
                while self._inbox and handled < BATCH and self.broken is None:
                    handled += self._batch()
        except BaseException as error:
            self._break(error)
        finally:
            self._draining = False
        if self.broken is not None:
            self._let_nobody_wait()
        elif self._inbox and not self._signalled:
            self._signalled = True
            self.loop.call_soon(self._drain)
        self._set_timer()

    def _batch(self) -> int:
        events, calls, size = gather(self._inbox, BATCH)
        if events:
            real = self.real
            now = real + self._ahead if self._clock is None else self._clock()
            decisions = self.engine.handle_all(events, now=now, real=real)
            if not self.journal_lost:
                try:
                    self.journal.write(now, events, decisions, real=real)
                except OSError as error:
                    decisions = self._go_on_without_journal(error, decisions, now, real)
            self._show(now, events, decisions)
            for decision in decisions:
                self._carry_out(decision)
        for call in calls:
            call()
        return size

    def _go_on_without_journal(self, error: OSError, decisions: list[ev.Instruction], now: float, real: float) -> list[ev.Instruction]:
        """Abort the run, because nothing may begin that is not written down; what is up is still given back, from memory."""
        self._lose_journal(error)
        kept = [
            one for one in decisions if not (isinstance(one, ev.Perform) and one.action in (ResourceAction.DEPLOY, ResourceAction.START))
        ]
        return kept + self.engine.handle_all([ev.AbortAsked(self.journal_lost)], now=now, real=real)

    def _lose_journal(self, error: OSError) -> None:
        self.journal_lost = f"the journal {self.journal.path} cannot be written: {error.strerror}"
        self.error(self.journal_lost)

    def _show(self, now: float, events: list[ev.Event], decisions: list[ev.Instruction]) -> None:
        for observer in list(self.observers):
            try:
                observer.batch(now, events, decisions)
            except Exception as error:  # whoever watches must not be able to stop the run
                self.observers.remove(observer)
                self.error(f"an observer failed and sees no more: {type(error).__name__}: {error}")

    def _carry_out(self, decision: ev.Instruction) -> None:
        match decision:
            case ev.Met(watch=watch):
                self._tell(self._watches.pop(watch, None), WaitResult(True))
            case ev.Missed(watch=watch, reason=reason):
                self._tell(self._watches.pop(watch, None), WaitResult(False, reason))
            case _:
                self._dispatcher.carry_out(decision)

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self.broken is not None:
            return
        dues = [] if self._clock is not None else [self._real_of(self.next_due)]
        due = min((one for one in (*dues, self.engine.next_limit) if one is not None), default=None)
        if due is not None:
            self._timer = self.loop.call_at(self._began + due, self._tick)

    def _real_of(self, due: float | None) -> float | None:
        return None if due is None else due - self._ahead

    def _tick(self) -> None:
        self._timer = None
        self._calls.make(self.now)
        due, limit = self.engine.next_deadline, self.engine.next_limit
        if (due is not None and due <= self.now) or (limit is not None and limit <= self.real):
            self.post(ev.Ticked())
        else:
            self._set_timer()

    def _break(self, error: BaseException) -> None:
        """The engine is wrong: act on nothing more. What the sessions hold is given back when they are closed."""
        self.broken = error
        self.error(f"the run cannot go on: {type(error).__name__}: {error}")

    def _let_nobody_wait(self) -> None:
        self._inbox.clear()
        self._tell_watches(f"the run cannot go on: {self.broken}")

    def _tell_watches(self, reason: str) -> None:
        while self._watches:
            try:
                _, done = self._watches.popitem()  # one step of the interpreter: each is told once
            except KeyError:
                return
            self._tell(done, WaitResult(False, reason))

    def _tell(self, done: Callable[[WaitResult], None] | None, result: WaitResult) -> None:
        if done is None:
            return
        try:
            done(result)
        except Exception as error:  # the loop of whoever awaited this may be closed by now; the run goes on
            self.error(f"nobody takes the result of a wait any more: {type(error).__name__}: {error}")


def gather(inbox: deque[Item], limit: int) -> tuple[list[ev.Event], list[Callable[[], None]], int]:
    """Take items from the inbox in order; neighbouring announcements become few events.

    Returns:
        The events; the calls that came after all of them (a call ends the batch, so that order is kept); how many items these were.
    """
    events: list[ev.Event] = []
    guids: list[int] = []
    states: list[ResourceState] = []
    size = 0
    take = inbox.popleft
    while size < limit:
        try:
            item = take()
        except IndexError:
            break
        size += 1
        if type(item) is tuple:
            guids.append(item[0])
            states.append(item[1])
            continue
        if guids:
            events.extend(_announcements(guids, states))
            guids, states = [], []
        if callable(item):
            return events, [item], size
        events.append(item)  # type: ignore[arg-type]  # neither a tuple nor callable: an event
    if guids:
        events.extend(_announcements(guids, states))
    return events, [], size


def _announcements(guids: list[int], states: list[ResourceState]) -> list[ev.Event]:
    """Return announcements as few events: one for each run of the same state, or one for all when the runs are short."""
    ends = [i for i in range(1, len(states)) if states[i] is not states[i - 1]]
    if len(ends) > 8 and 4 * len(ends) > len(states):
        return [ev.Announced(tuple(guids), tuple(states))]
    return [ev.Entered(states[begin], tuple(guids[begin:end])) for begin, end in zip([0, *ends], [*ends, len(states)], strict=True)]
