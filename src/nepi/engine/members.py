"""What the engine knows of one resource."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from nepi.engine.events import Guids, Profile
from nepi.model.conditions import Condition
from nepi.model.states import ResourceAction

if TYPE_CHECKING:
    from nepi.engine.gates import Gate


_PRUNED_FROM: Final = 64


@dataclass(frozen=True, slots=True)
class Pause:
    """A failed attempt and the wait after it.

    Attributes:
        action: what is tried again.
        what: what failed: "deploy", "start" or "run".
        attempt: number of the next attempt, from 2.
        attempts: how many there may be in all.
        wait_s: how long it waits, in seconds.
        failure: why the attempt failed.
    """

    action: ResourceAction
    what: str
    attempt: int
    attempts: int
    wait_s: float
    failure: str


@dataclass(frozen=True, slots=True)
class PendingChange:
    """Attributes that are set when a condition is met.

    Attributes:
        names: the attributes.
        condition: what is waited for.
        gate: what waits for it.
    """

    names: tuple[str, ...]
    condition: Condition
    gate: Gate


class Member:
    """One resource of a run. Slots and lazy containers: there may be hundreds of thousands.

    Attributes:
        guid: its number.
        profile: what it has in common with others.
        state: its present state.
        entered: for each state, when it was entered last; None if never. Kept for good.
        doing: the action that was ordered and has not led to its state yet, or None.
        ordered_at: when that was, in real time.
        given_up: it was ordered to be marked FAILED or left behind, and has not answered yet.
        group: its deployment group, or 0.
        attempts: failed attempts of the action in `doing`.
        failed_runs: how often it failed while it ran.
        replaced: how many other candidates were tried.
        pause: the failed attempt after which it waits for the next one, or None.
        renewing: why it is going back to NEW, which it has not answered yet; or "".
        stop_wanted: it is to be stopped as soon as it is STARTED.
        changes: what is to be set on it when a condition is met, by number.
        needs: (provider, state) pairs.
        providers: guids that it depends on; they are released after it.
        dependents_left: how many resources that depend on it have not been released yet.
        release_wanted: whether it is being given back.
        deploy_wanted: whether it was put into a deployment group.
        conditions: by action, what the action waits for besides needs.
        gates: by action, the gate that is being waited for.
        waiters: by key (see gates), the gates that wait for this resource.
        repeaters: resources whose seed-style action is repeated when this one changes state.
        repeat: the action that is waiting to be repeated, or None.
        exit_status: of its process, if it ended by itself.
        reason: why it failed, or "".
        inherited: it failed because of a failure that was not critical.
        changed: the engine's turn in which it changed state last.
        performed: the engine's turn in which an action of it was ordered last.
    """

    __slots__ = (
        "attempts",
        "changed",
        "changes",
        "conditions",
        "dependents",
        "dependents_left",
        "deploy_wanted",
        "doing",
        "entered",
        "exit_status",
        "exit_waiters",
        "failed_runs",
        "gates",
        "given_up",
        "group",
        "guid",
        "inherited",
        "needs",
        "ordered_at",
        "pause",
        "performed",
        "profile",
        "providers",
        "reason",
        "release_wanted",
        "renewing",
        "repeat",
        "repeaters",
        "replaced",
        "state",
        "stop_wanted",
        "waiters",
    )

    def __init__(self, guid: int, profile: Profile, now: float) -> None:
        self.guid = guid
        self.profile = profile
        self.state = 0
        self.entered: list[float | None] = [now, None, None, None, None, None, None, None, None]
        self.doing: int | None = None
        self.ordered_at = 0.0
        self.given_up = False
        self.group = 0
        self.attempts = 0
        self.failed_runs = 0
        self.replaced = 0
        self.pause: Pause | None = None
        self.renewing = ""
        self.stop_wanted = False
        self.changes: dict[int, PendingChange] | None = None
        self.needs: tuple[tuple[int, int], ...] = ()
        self.providers: Guids = ()
        self.dependents: list[int] | None = None
        self.dependents_left = 0
        self.release_wanted = False
        self.deploy_wanted = False
        self.conditions: dict[int, list[Condition]] | None = None
        self.gates: dict[int, Gate] | None = None
        self.waiters: dict[int, list[Gate]] | None = None
        self.repeaters: dict[int, None] | None = None
        self.repeat: int | None = None
        self.exit_status: int | None = None
        self.exit_waiters: list[tuple[int, Gate]] | None = None
        self.reason = ""
        self.inherited = False
        self.changed = 0
        self.performed = 0

    @property
    def may_run_again(self) -> bool:
        """Whether it is started again when it fails while it runs."""
        retry = self.profile.retry
        return retry is not None and retry.runs and self.failed_runs + 1 < retry.attempts

    def wait(self, key: int, gate: Gate) -> None:
        """Hang a gate on this member until the state that `key` stands for."""
        if self.waiters is None:
            self.waiters = {key: [gate]}
        elif key in self.waiters:
            append_living(self.waiters[key], gate)
        else:
            self.waiters[key] = [gate]

    def stop_waiting(self, key: int) -> list[Gate]:
        """Take the gates off that hang under `key`."""
        if not self.waiters:
            return []
        return self.waiters.pop(key, [])

    def waited_for(self) -> list[int]:
        """Return the keys under which gates hang, lowest first."""
        return sorted(self.waiters) if self.waiters else []


def append_living(gates: list[Gate], gate: Gate) -> None:
    """Append a gate, and drop the dead ones when there are twice as many as before: who waits again and again leaves one each time."""
    count = len(gates)
    if count >= _PRUNED_FROM and count & (count - 1) == 0:
        gates[:] = [one for one in gates if not one.is_dead]
    gates.append(gate)
