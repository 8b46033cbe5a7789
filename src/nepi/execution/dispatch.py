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
from collections.abc import Callable
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
_BASE, _THREAD, _LOOP = range(3)
_SAMPLED: Final = len(ResourceAction)
"""Where, after the kinds of the four methods, it stands whether the class overrides `state`."""
SETTLES_WITHIN_S: Final = 1.0
"""A start that goes on for so long after it has announced STARTED is one that ends by being stopped."""


class _Doing:
    """One action of one resource, from being ordered to having come back. Called on a worker thread, or awaited on a lane."""

    __slots__ = ("action", "cancelled", "dispatcher", "following", "manager", "task", "unclaimed")

    def __init__(self, dispatcher: Dispatcher, manager: ResourceManager, action: ResourceAction | None) -> None:
        self.dispatcher = dispatcher
        self.manager = manager
        self.action = action  # None is fail()
        self.task: asyncio.Task[None] | None = None
        self.following: list[ResourceAction] | None = None
        self.unclaimed = True
        self.cancelled = False

    def claim(self) -> bool:
        """Return whether the caller is the first to claim the right to begin: a worker, or the loop that cancels before it."""
        try:
            del self.unclaimed  # one step of the interpreter: of two threads, one gets the error
        except AttributeError:
            return False
        return True

    def follow(self, action: ResourceAction) -> None:
        """Let an action follow when this one comes back."""
        if self.following is None:
            self.following = [action]
        else:
            self.following.append(action)

    def take_following(self) -> ResourceAction | None:
        """Take out the action that follows, if there is one; of two threads, one gets it."""
        try:
            return self.following.pop() if self.following else None
        except IndexError:
            return None

    @property
    def verb(self) -> str:
        """The method's name."""
        return VERBS[self.action] if self.action is not None else "fail"

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
        if self.action is None and self.manager._current < ResourceState.FAILED:
            self.manager.set_failed()  # its own fail() did not

    async def run(self, task: asyncio.Task[None]) -> None:
        """Await an async method, on a lane, and announce the state that it leads to unless it did so itself."""
        if not self.claim():
            return
        self.task = task
        before = self.manager._current
        try:
            if not self.is_moot:
                await getattr(self.manager, self.verb)()
                self._fail_surely()
                self._announce(before)
        except asyncio.CancelledError as error:
            if self.cancelled or self.dispatcher.closing:
                raise
            self.dispatcher.raised(self, error)  # something that it waits for was cancelled, not itself
        except BaseException as error:
            self.dispatcher.raised(self, error)
        finally:
            self.task = None
            self.dispatcher.came_back(self)

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
        return self.workers.idle and self._lanes.idle

    def carries_out(self, guid: int, action: ResourceAction) -> bool:
        """Whether this method of a resource is being called at this moment; from any thread."""
        doing = self._doing.get(guid)
        return doing is not None and doing.action == action

    def sample(self, manager: ResourceManager) -> None:
        """Look at the state of a resource that somebody drives by hand; from any thread."""
        self._runner.post(functools.partial(self._sampler.add, manager))

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
                if self.managers[guid]._current < ResourceState.FAILED:
                    self.managers[guid]._current = state
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

    # Performing.

    def _perform(self, action: ResourceAction, guids: ev.Guids) -> None:
        managers, kinds = self.managers, self._kinds
        for guid in guids:
            manager = managers[guid]
            kind = kinds.get(type(manager)) or self._kinds_of(type(manager))
            if kind[action] == _BASE and guid not in self._doing:
                self._call_base(manager, action)
            else:
                self._order(manager, action)

    def _call_base(self, manager: ResourceManager, action: ResourceAction) -> None:
        if (manager._current, action) in ORDERED:  # else it has moved on by itself, and the engine will hear of it
            getattr(manager, _ANNOUNCE[action])()

    def _order(self, manager: ResourceManager, action: ResourceAction | None) -> None:
        busy = self._doing.get(manager.guid)
        if busy is not None and action is not None:
            busy.follow(action)
            if self._doing.get(manager.guid) is busy:  # it is carried on when `busy` comes back
                if busy.action == ResourceAction.START and manager._current >= ResourceState.STARTED:
                    self._runner.loop.call_later(SETTLES_WITHIN_S, self._overtake, busy)
                return
            if busy.take_following() is None:
                return  # it was carried on just now
        self._begin(manager, action)

    def _overtake(self, busy: _Doing) -> None:
        """Let what follows a method that does not come back begin beside it."""
        following = busy.take_following() if self._doing.get(busy.manager.guid) is busy else None
        if following is None:
            return
        busy.manager.debug(f"{busy.verb} has not come back; {VERBS[following]} is called all the same")
        busy.cancelled = True  # what it raises now is not heard
        self._begin(busy.manager, following)

    def _begin(self, manager: ResourceManager, action: ResourceAction | None) -> None:
        doing = _Doing(self, manager, action)
        kinds = self._kinds.get(type(manager)) or self._kinds_of(type(manager))
        if action is None:
            on_loop = inspect.iscoroutinefunction(manager.fail)
        else:
            self._doing[manager.guid] = doing
            on_loop = kinds[action] == _LOOP
        if on_loop:
            self._lanes.submit(doing.run)
        else:
            self.workers.submit(doing)
        if kinds[_SAMPLED] and action in (ResourceAction.DEPLOY, ResourceAction.START):
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
        if doing.action is None:
            manager.set_failed()
        else:
            self._runner.post(ev.Failed(manager.guid, doing.action, reason_of(error)))

    def came_back(self, doing: _Doing) -> None:
        """A method returned or raised: what was ordered meanwhile follows. From any thread."""
        guid = doing.manager.guid
        if self._doing.get(guid) is doing:
            del self._doing[guid]
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

    def _fail(self, manager: ResourceManager, reason: str) -> None:
        if not manager._failure:
            manager._failure = reason
        if type(manager).fail is ResourceManager.fail:
            manager.set_failed()
        else:
            self._order(manager, None)

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
