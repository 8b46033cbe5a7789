"""Carries out what the engine decides: calls the life-cycle methods of resource managers, each kind where it belongs.

Inherited base methods are called at once, `async` methods on lanes of the loop, other methods on worker threads. One resource does one
thing at a time: an action that is ordered while another is still being carried out follows it. A stop or a release overtakes a start that
has announced STARTED and does not come back: in the seed each call had a thread, so that a start may run a command until it is stopped.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import traceback
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Final

from nepi.engine import events as ev
from nepi.engine.lifecycle import ORDERED
from nepi.errors import ResourceError
from nepi.execution.lanes import Lanes
from nepi.execution.resource import ResourceManager, text_of
from nepi.execution.sampler import Sampler
from nepi.execution.sessions import Sessions
from nepi.execution.spec_of import samples_state
from nepi.execution.tracewatch import TraceWatch
from nepi.execution.workers import Workers
from nepi.model.states import ResourceAction, ResourceState

if TYPE_CHECKING:
    from nepi.execution.runner import Runner

VERBS: Final = {
    ResourceAction.DEPLOY: "deploy",
    ResourceAction.START: "start",
    ResourceAction.STOP: "stop",
    ResourceAction.RELEASE: "release",
}
_ANNOUNCE: Final = {
    ResourceAction.DEPLOY: "set_ready",
    ResourceAction.START: "set_started",
    ResourceAction.STOP: "set_stopped",
    ResourceAction.RELEASE: "set_released",
}
_ACTIONS: Final = {verb: action for action, verb in VERBS.items()}
_LAST_VERBS: Final = frozenset({"stop", "release"})
"""What may be called on the threads of reserve: nothing that is stuck in a deployment may hold up giving back."""
STUCK_AFTER_S: Final = 1.0
"""Stops and releases that take longer than this, when all threads are taken, get more threads for those behind them."""
FAIL, ABANDON = "fail", "abandon"

Interference = Callable[[ResourceManager, str], Callable[[], Awaitable[None]] | None]
"""Called with a resource and a verb before it is called; returns what is awaited first (and may raise), or None. For fault injection."""

_BASE, _THREAD, _LOOP = range(3)
_SAMPLED: Final = len(ResourceAction)
"""Where, after the kinds of the four methods, it stands whether the class overrides `state`."""
SETTLES_WITHIN_S: Final = 1.0
"""A start that goes on for so long after it has announced STARTED is one that ends by being stopped."""


class _Doing:
    """One verb of one resource, from being ordered to having come back. Called on a worker thread, or awaited on a lane."""

    __slots__ = (
        "action",
        "cancelled",
        "dispatcher",
        "fault",
        "following",
        "manager",
        "task",
        "unclaimed",
        "verb",
        "workers",
        "written_off",
    )

    def __init__(self, dispatcher: Dispatcher, manager: ResourceManager, verb: str) -> None:
        self.dispatcher = dispatcher
        self.manager = manager
        self.verb = verb
        self.action = _ACTIONS.get(verb)  # None for fail() and abandon()
        self.task: asyncio.Task[None] | None = None
        self.following: list[str] | None = None
        self.fault: Callable[[], Awaitable[None]] | None = None
        self.workers: Workers | None = None  # whose thread it was given to
        self.written_off: Workers | None = None  # who has begun another thread in its place
        self.unclaimed = True
        self.cancelled = False

    def claim(self) -> bool:
        """Return whether the caller is the first to claim the right to begin: a worker, or the loop that cancels before it."""
        try:
            del self.unclaimed  # one step of the interpreter: of two threads, one gets the error
        except AttributeError:
            return False
        return True

    def follow(self, verb: str) -> None:
        """Let another verb follow when this one comes back."""
        if self.following is None:
            self.following = [verb]
        else:
            self.following.append(verb)

    def take_following(self) -> str | None:
        """Take out the verb that follows, if there is one; of two threads, one gets it."""
        try:
            return self.following.pop() if self.following else None
        except IndexError:
            return None

    @property
    def is_moot(self) -> bool:
        """Whether the resource has moved on by itself since the action was ordered."""
        current = self.manager._current
        if self.action is None or self.action == ResourceAction.RELEASE:
            return current == ResourceState.RELEASED
        return current >= ResourceState.FINISHED

    def __call__(self) -> None:
        """Call a plain method, on a worker thread."""
        if not self.claim():
            return
        try:
            if not self.is_moot:
                getattr(self.manager, self.verb)()
                self._fail_surely()
        except BaseException as error:
            self.dispatcher.raised(self, error)
        self.dispatcher.came_back(self)

    def _fail_surely(self) -> None:
        if self.verb == FAIL and self.manager._current < ResourceState.FAILED:
            self.manager.set_failed()  # its own fail() did not

    async def run(self, task: asyncio.Task[None]) -> None:
        """Await an async method, on a lane, and announce the state that it leads to unless it did so itself."""
        if not self.claim():
            return
        self.task = task
        before = self.manager._current
        try:
            if not self.is_moot:
                if self.fault is not None:
                    await self.fault()
                if await self._called():
                    self._announce(before)
                self._fail_surely()
        except asyncio.CancelledError as error:
            if self.cancelled or self.dispatcher.closing:
                raise
            self.dispatcher.raised(self, error)  # something that it waits for was cancelled, not itself
        except BaseException as error:
            self.dispatcher.raised(self, error)
        finally:
            self.task = None
            self.dispatcher.came_back(self)

    async def _called(self) -> bool:
        """Call the method; return whether it is async, so that it need not have announced a state. A plain one comes here after a fault."""
        method = getattr(self.manager, self.verb)
        if self.fault is None or inspect.iscoroutinefunction(method):
            await method()
            return True
        await asyncio.wrap_future(self.dispatcher.in_thread(self.verb, method))
        return False

    def _announce(self, before: ResourceState) -> None:
        current = self.manager._current
        on_its_way = self.action == ResourceAction.DEPLOY and current < ResourceState.READY
        if self.action is not None and (current == before or on_its_way):
            getattr(self.manager, _ANNOUNCE[self.action])()


class Dispatcher:
    """Calls resource managers.

    Args:
        managers: by guid; shared with the controller, which adds to it.
        on_abort: called once, on the loop's thread, with the reason.
    """

    def __init__(self, managers: dict[int, ResourceManager], on_abort: Callable[[str, int | None], None]) -> None:
        self.managers = managers
        self.workers = Workers()
        self.reserve = Workers(name="nepi-worker-reserve", stuck_after_s=STUCK_AFTER_S)
        self.interference: Interference | None = None
        self.change: Callable[[int], None] = lambda _number: None
        self.left_behind: dict[int, str] = {}
        self._on_abort = on_abort
        self._kinds: dict[type, tuple[int, ...]] = {}
        self._doing: dict[int, _Doing] = {}
        self.closing = False

    def bind(self, runner: Runner) -> None:
        """Take the runner that gives the instructions; called once, by it."""
        self._runner = runner
        self._lanes = Lanes(runner.loop)
        self.sessions = Sessions(runner.loop)
        self._sampler = Sampler(runner.loop, self.workers)
        self._traces = TraceWatch(runner, self.managers)

    @property
    def idle(self) -> bool:
        """Whether nothing is being carried out."""
        return self.workers.idle and self.reserve.idle and self._lanes.idle

    def when_back(self, told: Callable[[], None] | None) -> None:
        """Let somebody be told, on the thread, when a call on a thread has come back."""
        self.workers.returned = self.reserve.returned = told

    @property
    def outstanding(self) -> int:
        """How many calls on threads have not come back yet."""
        return self.workers.outstanding + self.reserve.outstanding

    def in_thread(self, verb: str, call: Callable[[], object]) -> Future[None]:
        """Make a call on a worker thread."""
        future: Future[None] = Future()

        def make() -> None:
            try:
                call()
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(None)

        self._workers_for(verb).submit(make)
        return future

    def _workers_for(self, verb: str) -> Workers:
        return self.reserve if verb in _LAST_VERBS and self.workers.is_full else self.workers

    def carries_out(self, guid: int, action: ResourceAction) -> bool:
        """Whether this method of a resource is being called at this moment; from any thread."""
        doing = self._doing.get(guid)
        return doing is not None and doing.action == action

    def sample(self, manager: ResourceManager) -> None:
        """Look at the state of a resource that somebody drives by hand; from any thread."""
        self._runner.post(functools.partial(self._sampler.add, manager))

    def sample_if_needed(self, manager: ResourceManager) -> None:
        """Look at the state of a resource whose class overrides it; on the loop's thread."""
        if samples_state(type(manager)):
            self._sampler.add(manager)

    def carry_out(self, instruction: ev.Instruction) -> None:
        """Do what one instruction says; on the loop's thread."""
        match instruction:
            case ev.Perform(action=action, guids=guids):
                self._perform(action, guids)
            case ev.Cancel(guid=guid):
                self._cancel(guid)
            case ev.Fail(guid=guid, reason=reason):
                self._fail(self.managers[guid], reason)
            case ev.Reset(guid=guid, state=state):
                self._reset(self.managers[guid], state)
            case ev.Renew(guid=guid, exclude=exclude):
                self._renew(self.managers[guid], exclude)
            case ev.Change(change=change):
                self.change(change)
            case ev.LeaveBehind(guid=guid, reason=reason):
                self.left_behind[guid] = reason
                self.managers[guid].set_released()
            case ev.Abort(reason=reason, guid=guid):
                self._on_abort(reason, guid)
            case ev.WatchTrace(guid=guid, trace=trace, pattern=pattern):
                self._traces.watch(guid, trace, pattern)

    async def close(self) -> None:
        """End what is still going on, close what was opened for the run; threads end when their calls return."""
        self.closing = True
        self._sampler.close()
        self._traces.close()
        await self._lanes.close()
        await self.sessions.close()
        self.workers.close()
        self.reserve.close()

    # Performing.

    def _perform(self, action: ResourceAction, guids: ev.Guids) -> None:
        managers, kinds = self.managers, self._kinds
        for guid in guids:
            manager = managers[guid]
            kind = kinds.get(type(manager)) or self._kinds_of(type(manager))
            if kind[action] == _BASE and guid not in self._doing and self.interference is None:
                self._call_base(manager, action)
            else:
                self._order(manager, VERBS[action])

    def _call_base(self, manager: ResourceManager, action: ResourceAction) -> None:
        if (manager._current, action) in ORDERED:  # else it has moved on by itself, and the engine will hear of it
            getattr(manager, _ANNOUNCE[action])()

    def _order(self, manager: ResourceManager, verb: str) -> None:
        busy = self._doing.get(manager.guid)
        if busy is not None and verb != FAIL:
            busy.follow(verb)
            if self._doing.get(manager.guid) is busy:  # it is carried on when `busy` comes back
                if busy.action == ResourceAction.START and manager._current >= ResourceState.STARTED:
                    self._runner.loop.call_later(SETTLES_WITHIN_S, self._overtake, busy)
                return
            if busy.take_following() is None:
                return  # it was carried on just now
        self._begin(manager, verb)

    def _overtake(self, busy: _Doing) -> None:
        """Let what follows a method that does not come back begin beside it."""
        following = busy.take_following() if self._doing.get(busy.manager.guid) is busy else None
        if following is None:
            return
        busy.manager.debug(f"{busy.verb} has not come back; {following} is called all the same")
        busy.cancelled = True  # what it raises now is not heard
        self._begin(busy.manager, following)

    def _begin(self, manager: ResourceManager, verb: str) -> None:
        doing = _Doing(self, manager, verb)
        if verb != FAIL:
            self._doing[manager.guid] = doing
        if self.interference is not None:
            doing.fault = self.interference(manager, verb)
        kinds = self._kinds.get(type(manager)) or self._kinds_of(type(manager))
        on_loop = kinds[doing.action] == _LOOP if doing.action is not None else inspect.iscoroutinefunction(getattr(manager, verb))
        if on_loop or doing.fault is not None:
            self._lanes.submit(doing.run)
        else:
            doing.workers = self._workers_for(verb)
            doing.workers.submit(doing)
        if kinds[_SAMPLED] and doing.action in (ResourceAction.DEPLOY, ResourceAction.START):
            self._sampler.add(manager)

    def raised(self, doing: _Doing, error: BaseException) -> None:
        """A method raised: tell the engine. From any thread."""
        manager = doing.manager
        if doing.cancelled:
            manager.debug(f"{doing.verb} was cancelled and then raised {error!r}")
            return
        if isinstance(error, ResourceError):
            error.resource = error.resource or manager.name
            error.action = error.action or doing.verb
            error.backend = error.backend or (manager.get_backend() or "")
        else:
            manager.debug("".join(traceback.format_exception(error)))
        if doing.verb == ABANDON:
            manager.warning(f"what was made on a failed candidate may be left: {reason_of(error)}")
        elif doing.action is None:
            manager.set_failed()
        else:
            self._runner.post(ev.Failed(manager.guid, doing.action, reason_of(error)))

    def came_back(self, doing: _Doing) -> None:
        """A method returned or raised: what was ordered meanwhile follows. From any thread."""
        guid = doing.manager.guid
        if self._doing.get(guid) is doing:
            del self._doing[guid]
        workers = doing.written_off
        if workers is not None:
            workers.take_back()
        if doing.verb == ABANDON and not doing.cancelled:
            self._runner.post(ev.Renewed(guid))
        following = doing.take_following()
        if following is not None:
            self._runner.post(functools.partial(self._order, doing.manager, following))

    def _cancel(self, guid: int) -> None:
        doing = self._doing.get(guid)
        if doing is None:
            return
        doing.cancelled = True
        doing.following = None
        if doing.claim():
            del self._doing[guid]
        elif doing.task is not None:
            doing.task.cancel()
        elif doing.workers is not None and doing.written_off is None:
            doing.written_off = doing.workers
            doing.workers.write_off()

    def _reset(self, manager: ResourceManager, state: ResourceState) -> None:
        """Put a resource back, so that a failed action can be tried again."""
        if manager._current < ResourceState.FAILED:
            manager._current = state
            manager._failure = ""

    def _renew(self, manager: ResourceManager, exclude: bool) -> None:
        """Put a resource back to its beginning; what was made is abandoned when what is being done has come back."""
        self._reset(manager, ResourceState.NEW)
        if exclude and manager.candidate and manager.candidate not in manager.excluded:
            manager.excluded = (*manager.excluded, manager.candidate)
        self._order(manager, ABANDON)

    def _fail(self, manager: ResourceManager, reason: str) -> None:
        if not manager._failure:
            manager._failure = reason
        if type(manager).fail is ResourceManager.fail:
            manager.set_failed()
        else:
            self._order(manager, FAIL)

    def _kinds_of(self, rclass: type[ResourceManager]) -> tuple[int, ...]:
        kinds: list[int] = []
        for verb in VERBS.values():
            method = getattr(rclass, verb)
            if inspect.iscoroutinefunction(method):
                kinds.append(_LOOP)
            elif method is getattr(ResourceManager, verb) and not samples_state(rclass) and rclass.set_state is ResourceManager.set_state:
                kinds.append(_BASE)
            else:
                kinds.append(_THREAD)
        self._kinds[rclass] = (*kinds, samples_state(rclass))
        return self._kinds[rclass]


def reason_of(error: BaseException) -> str:
    """Return one text for people about an exception."""
    text, kind = text_of(error), type(error).__name__
    return text if text == kind or isinstance(error, ResourceError) else f"{kind}: {text}"
