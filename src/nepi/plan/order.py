"""The order of deployment, and the loops that make one impossible.

What is ordered are events: `guid` stands for "can be deployed", `-guid` for "can be started" of a resource whose start has
conditions. Only waits that cannot be avoided count: of alternatives (`|`, part of a quorum) none does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from nepi.model.conditions import After, AllOf, AnyOf, Condition, Exited, Reached, TraceMatched, Within
from nepi.model.experiment import ResourceDescription
from nepi.model.states import ResourceAction, ResourceState
from nepi.plan.graph import Graph
from nepi.plan.result import Needs

_FIRST_OWN_STATE_TOO_LATE = {
    ResourceAction.DEPLOY: ResourceState.DISCOVERED,
    ResourceAction.START: ResourceState.STARTED,
    ResourceAction.STOP: ResourceState.STOPPED,
    ResourceAction.RELEASE: ResourceState.RELEASED,
}


def deployment_order(graph: Graph, needs: Mapping[int, Needs]) -> list[int]:
    """Return the new guids, providers first, otherwise in the order of registration; loops are mistakes."""
    waits = _Waits(graph, needs)
    walk = _Walk(waits, graph)
    done = walk.done
    done.update(graph.earlier.needs)
    for guid, providers in needs.items():
        if guid in done:
            continue
        if guid not in waits.deploy:
            for provider, state in providers:
                if provider not in done or (state > ResourceState.READY and provider in waits.start):
                    break
            else:
                done.add(guid)
                walk.order.append(guid)
                continue
        walk.visit(guid)
    for guid in waits.start:
        walk.visit(-guid)
    return walk.order


def certain_members(condition: Condition) -> Iterator[tuple[int, ResourceState]]:
    """Yield the (guid, state) without which the condition cannot become true."""
    match condition:
        case Reached(guids=guids, state=state, mode=mode, count=count):
            if count is None or count >= len(guids):
                yield from ((guid, ResourceState.FAILED if mode == "ended" else ResourceState(state)) for guid in guids)
        case Exited(guid=guid):
            yield guid, ResourceState.FINISHED
        case TraceMatched(guid=guid):
            yield guid, ResourceState.PROVISIONED
        case AllOf(parts=parts):
            for part in parts:
                yield from certain_members(part)
        case AnyOf(parts=(part,)) | After(part=part) | Within(part=part):
            yield from certain_members(part)


class _Waits:
    """Which event waits for which.

    Attributes:
        deploy: by guid, what its deployment waits for by conditions.
        start: by guid, what its start waits for by conditions, besides its deployment.
    """

    def __init__(self, graph: Graph, needs: Mapping[int, Needs]) -> None:
        self._needs = needs
        self.deploy: dict[int, list[int]] = {}
        self.start: dict[int, list[int]] = {}
        conditioned = [one for one in graph.resources.values() if one.conditions]
        for one in conditioned:
            if any(action == ResourceAction.START for action, _ in one.conditions):
                self.start[one.guid] = []
        for one in conditioned:
            self._take(graph, one)

    def _take(self, graph: Graph, one: ResourceDescription) -> None:
        for action, condition in one.conditions:
            for guid, state in certain_members(condition):
                if guid == one.guid:
                    if state >= _FIRST_OWN_STATE_TOO_LATE[action]:
                        graph.mistake(
                            guid, f"has a condition on its own state {state.name}, which it cannot reach before {action.name}: take it away"
                        )
                elif guid in graph.resources and ResourceState.NEW < state < ResourceState.RELEASED:
                    self._add(one.guid, action, self.event(guid, state))

    def _add(self, guid: int, action: ResourceAction, event: int) -> None:
        if action == ResourceAction.DEPLOY:
            self.deploy.setdefault(guid, []).append(event)
        elif action == ResourceAction.START:
            self.start[guid].append(event)

    def event(self, guid: int, state: ResourceState) -> int:
        """Return the event without which the resource does not reach the state. Whatever is deployed can fail."""
        started = ResourceState.STARTED <= state <= ResourceState.FINISHED
        return -guid if started and guid in self.start else guid

    def of(self, event: int) -> Iterable[int]:
        """Return what an event waits for."""
        if event < 0:
            return (-event, *self.start[-event])
        return (*(self.event(guid, state) for guid, state in self._needs.get(event, ())), *self.deploy.get(event, ()))


class _Walk:
    """Depth first over the events, with the way that led to the present one."""

    def __init__(self, waits: _Waits, graph: Graph) -> None:
        self.done: set[int] = set()
        self.order: list[int] = []
        self._waits = waits
        self._graph = graph
        self._shown: set[int] = set()

    def visit(self, first: int) -> None:
        """Put an event, and before it all that it waits for, in order."""
        if first in self.done:
            return
        way: dict[int, Iterator[int]] = {first: iter(self._waits.of(first))}
        while way:
            event = next(reversed(way))
            for wanted in way[event]:
                if wanted in way:
                    self._show_loop([*way], wanted)
                elif wanted not in self.done:
                    way[wanted] = iter(self._waits.of(wanted))
                    break
            else:
                del way[event]
                self.done.add(event)
                if event > 0:
                    self.order.append(event)

    def _show_loop(self, way: list[int], back_to: int) -> None:
        loop = [abs(event) for event in way[way.index(back_to) :]]
        if self._shown.intersection(loop):
            return
        self._shown.update(loop)
        guids = [guid for position, guid in enumerate(loop) if position == 0 or guid != loop[position - 1]]
        if len(guids) > 1 and guids[0] == guids[-1]:
            guids.pop()
        names = " -> ".join(self._graph.resources[guid].name for guid in (*guids, guids[0]))
        self._graph.mistakes.append(f"these wait for each other for ever: {names}; take away one of their conditions or connections")
