"""What is scheduled for later: `ec.schedule`, in the seed's words."""

from __future__ import annotations

import asyncio
import functools
import traceback
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from nepi.engine import events as ev
from nepi.execution.dispatch import VERBS, reason_of
from nepi.execution.resource import ResourceManager, reschedule_delay
from nepi.execution.scheduler import Task, TaskStatus
from nepi.units import duration_s
from nepi.util.guid import GuidGenerator
from nepi.util.logger import Logger
from nepi.util.timefuncs import stabsformat, tnow

if TYPE_CHECKING:
    from nepi.execution.run import Run

LIFE_CYCLE: Final = {verb: action for action, verb in VERBS.items()}


class Tasks(Logger):
    """The scheduled tasks of one experiment; callbacks are called on worker threads."""

    def __init__(self) -> None:
        super().__init__("tasks")
        self._tracked: dict[int, Task] = {}
        self._ids = GuidGenerator()

    def schedule(self, run: Run, date: str, callback: Callable[[], Any], track: bool) -> int:
        """See `ExperimentController.schedule`."""
        delay_s = due_in_s(date)
        number: int = self._ids.next()
        waiting = None if track else as_waiting(callback, delay_s)
        if waiting is not None and run.dispatcher.carries_out(waiting.guid, waiting.action):
            run.runner.post(waiting)
            return number
        task = Task(tnow() if delay_s <= 0 else stabsformat(date), callback)
        task.id = number
        if track:
            self._tracked[number] = task
        if delay_s <= 0:
            self._submit(run, task)
        else:
            self._note(run, task, delay_s)
            self.call_later(run, task, delay_s)
        return number

    def call_later(self, run: Run, task: Task, delay_s: float) -> None:
        """Call a task that was noted down, after a delay; from any thread."""

        def call() -> None:
            run.runner.note_now(called=task.id)
            self._submit(run, task)

        run.runner.call_after(delay_s, call)

    def take_up(self, run: Run, number: int, callback: Callable[[], Any], due: float) -> None:
        """Call again what an earlier controller was to call at the instant `due` of the run."""
        delay_s = max(due - run.runner.now, 0.0)
        task = Task(tnow() + timedelta(seconds=delay_s), callback)
        task.id = self._ids.next(number)
        self.call_later(run, task, delay_s)

    @staticmethod
    def _note(run: Run, task: Task, delay_s: float) -> None:
        manager, action = own_method(task.callback)
        if manager is not None and action is not None:
            run.runner.note(scheduled=task.id, at=run.runner.now + delay_s, call=VERBS[action], guid=manager.guid)
        else:
            run.runner.note(scheduled=task.id, at=run.runner.now + delay_s, call=_name_of(task.callback))

    def get(self, tid: int) -> Task | None:
        """Return a task that was scheduled with track=True, or None."""
        return self._tracked.get(tid)

    def _submit(self, run: Run, task: Task) -> None:
        run.dispatcher.workers.submit(functools.partial(self._call, run, task))

    def _call(self, run: Run, task: Task) -> None:
        try:
            result = task.callback()
            if asyncio.iscoroutine(result):
                result = asyncio.run_coroutine_threadsafe(result, run.runner.loop).result()
            task.result = result
            task.status = TaskStatus.DONE
        except BaseException as error:  # sys.exit() in a callback, too, ends that callback only
            task.result = traceback.format_exc()
            task.status = TaskStatus.ERROR
            manager, action = own_method(task.callback)
            if manager is not None and action is not None:
                run.runner.post(ev.Failed(manager.guid, action, reason_of(error)))
            else:
                self.error(f"task {task.id} failed: {task.result}")


def _name_of(callback: Callable[[], Any]) -> str:
    """Return what a callback is called, without its arguments, which may hold a password."""
    function = callback.func if isinstance(callback, functools.partial) else callback
    module, name = getattr(function, "__module__", None), getattr(function, "__qualname__", type(function).__name__)
    return f"{module}.{name}" if module else str(name)


def due_in_s(date: str) -> float:
    """Return the seconds until a date, relative or absolute.

    Raises:
        BadValueError: it is neither.
    """
    return _relative_s(date) if _is_relative(date) else (stabsformat(date) - tnow()).total_seconds()


def own_method(callback: Callable[[], Any]) -> tuple[ResourceManager | None, Any]:
    """Return the resource manager and the action when a callback is one of its life-cycle methods, else (None, None)."""
    method = callback.func if isinstance(callback, functools.partial) else callback
    manager = getattr(method, "__self__", None)
    action = LIFE_CYCLE.get(getattr(method, "__name__", ""))
    return (manager, action) if isinstance(manager, ResourceManager) and action is not None else (None, None)


def as_waiting(callback: Callable[[], Any], delay_s: float) -> ev.Waiting | None:
    """Return the event when scheduling this means "I wait for my peers", else None.

    That is so for a resource's own life-cycle method, scheduled after the `reschedule_delay` of its class or of the seed, while that very
    method is being carried out (which is for the caller to see): a start that schedules its stop wants it then, whatever its peers do.
    """
    if isinstance(callback, functools.partial) and (callback.args or callback.keywords):
        return None
    manager, action = own_method(callback)
    if manager is None or delay_s <= 0 or delay_s not in (_relative_s(manager.reschedule_delay), _relative_s(reschedule_delay)):
        return None
    return ev.Waiting(manager.guid, action, tuple(manager.connections), delay_s)


@functools.lru_cache(maxsize=256)
def _relative_s(text: str) -> float:
    return duration_s(text)


def _is_relative(date: str) -> bool:
    return isinstance(date, str) and len(date) != 20
