"""What is ordered again when another controller takes a run up.

The one before died between an order and its answer: nobody knows how far it came. So each order is given once more, and the verbs of
resource managers find what is there already (`adopt`). Deadlines of these orders count from now.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from nepi.engine.lifecycle import ORDERED
from nepi.model.states import ENDED, ResourceAction, ResourceState

if TYPE_CHECKING:
    from nepi.engine.core import Engine
    from nepi.engine.events import Resumed
    from nepi.engine.members import Member


def order_again(engine: Engine, event: Resumed) -> None:
    """Give every order once more that was not answered; what is lost has failed, and its policy decides what that means."""
    lost = dict(zip(event.lost, event.reasons, strict=True))
    gone = {guid: member for guid, member in engine.members.items() if _is_lost(member, lost)}
    for member in list(engine.members.values()):
        if member.guid not in gone and member.state != ResourceState.RELEASED:
            _order_again(engine, member)
    for member in gone.values():  # after all orders are in flight again, so that what failures mean for others is as ever
        if _is_lost(member, lost):
            _lose(engine, member, lost[member.guid])
    for key in engine.gates.watched_traces:
        engine.out.watch_trace(*key)


def _is_lost(member: Member, lost: Mapping[int, str]) -> bool:
    """Whether a failure of a member is news; one whose failed candidate is being abandoned has nothing to lose."""
    return member.guid in lost and not (member.release_wanted or member.renewing or member.state in ENDED)


def _lose(engine: Engine, member: Member, reason: str) -> None:
    if member.doing is None and member.state == ResourceState.NEW:
        return  # nothing of it was there
    if member.doing is None and member.state < ResourceState.READY:
        engine.failing.give_up(member, reason)  # somebody did it by hand; whether it may be deployed is for its conditions, not for a retry
    else:
        engine.failing.failed(member, ResourceAction.DEPLOY, reason)


def _order_again(engine: Engine, member: Member) -> None:
    if member.renewing:
        if engine.aborted is None:
            engine.out.renew(member.guid, False, member.renewing)
    elif member.given_up and member.release_wanted:
        engine.out.leave_behind(member.guid, "it could not be given back, and the controller that tried is gone")
    elif member.given_up and member.state != ResourceState.FAILED:
        engine.out.fail(member.guid, member.reason)
    elif member.doing is not None and engine.aborted is not None and member.doing in (ResourceAction.DEPLOY, ResourceAction.START):
        member.doing = None  # nothing begins after an abort; what is there of it is given back
    elif member.doing == ResourceAction.RELEASE and member.dependents_left:
        member.doing = None  # others came to need it since; their release orders this one
    elif member.doing is not None:
        member.repeat = None
        engine._perform(member, ResourceAction(member.doing))
    elif member.repeat is not None and (member.state, member.repeat) in ORDERED:
        engine._perform(member, ResourceAction(member.repeat))
