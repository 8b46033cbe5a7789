"""`why`: one sentence that says what a resource waits for, or why it does not."""

from __future__ import annotations

from nepi.engine.explain import Explanation
from nepi.model.conditions import quorum
from tests.engine.drive import (
    DEPLOY,
    DISCOVERED,
    FAILED,
    FINISHED,
    READY,
    RELEASED,
    START,
    STARTED,
    STOP,
    TOLERANT,
    Drive,
    Profile,
    Retry,
    at_least,
    ended,
    exited,
    strict,
    trace_line,
)


def drive_of(*guids: int) -> Drive:
    drive = Drive()
    drive.join(*guids, profile=TOLERANT)
    return drive


def why(drive: Drive, guid: int = 1) -> tuple[str, tuple[int, ...]]:
    explanation: Explanation = drive.engine.why(guid)
    return str(explanation), explanation.waits_for


def test_nobody_asked() -> None:
    assert why(drive_of(1)) == ("#1 is NEW; nobody has asked to deploy it.", ())


def test_being_carried_out() -> None:
    drive = drive_of(1)
    drive.deploy(1)
    assert why(drive) == ("#1 is NEW; its deploy is being carried out.", ())


def test_waiting_for_a_need() -> None:
    drive = drive_of(1, 2, 3)
    drive.need(1, 2)
    drive.need(1, 3, STARTED)
    drive.deploy(1, 2, 3)
    assert why(drive) == ("#1 is NEW; it waits to deploy until #2 is READY and #3 is STARTED.", (2, 3))
    drive.enter(STARTED, 2)
    assert why(drive) == ("#1 is NEW; it waits to deploy until #3 is STARTED.", (3,))


def test_waiting_for_a_condition() -> None:
    drive = drive_of(1, 2, 3)
    drive.when(1, START, strict(2, STARTED) + "2s")
    drive.when(1, START, at_least(FINISHED, 2, 3))
    drive.deploy(1)
    drive.enter(READY, 1)
    assert why(drive) == ("#1 is READY; it waits to start until 2 s after #2 is STARTED and #2, #3 is FINISHED or beyond.", (2, 3))
    drive.enter(FAILED, 3)
    assert why(drive)[1] == (2,)


def test_waiting_for_composed_conditions() -> None:
    drive = drive_of(1, 2, 3)
    drive.when(1, DEPLOY, (strict(2, READY) & ended(3)) | exited(2, 1))
    drive.when(1, DEPLOY, trace_line(3, "up").within("5s"))
    drive.deploy(1)
    sentence = (
        "#1 is NEW; it waits to deploy until ((#2 is READY and #3 has ended) or #2 has exited with status 1)"
        " and trace 'stdout' of #3 matches 'up' (within 5 s)."
    )
    assert why(drive) == (sentence, (2, 3))


def test_waiting_for_a_quorum_names_a_few() -> None:
    members = tuple(range(2, 12))
    drive = drive_of(1, *members)
    drive.when(1, DEPLOY, quorum(8, members, "READY"))
    drive.deploy(1)
    drive.enter(READY, 2, 3)
    sentence, waits_for = why(drive)
    assert sentence == "#1 is NEW; it waits to deploy until 8 of #4, #5, #6, #7, #8 and 3 more is READY."
    assert waits_for == members[2:]


def test_waiting_at_the_barrier() -> None:
    drive = drive_of(1, 2)
    drive.deploy(1, 2)
    drive.enter(READY, 1)
    assert why(drive) == ("#1 is READY; it starts when all of its deployment group are READY: #2 is not yet.", (2,))


def test_waiting_to_be_stopped() -> None:
    drive = drive_of(1, 2)
    drive.when(1, STOP, strict(2, FINISHED))
    drive.started(1)
    assert why(drive) == ("#1 is STARTED; it waits to stop until #2 is FINISHED.", (2,))


def test_waiting_for_nothing() -> None:
    drive = drive_of(1)
    drive.started(1)
    assert why(drive) == ("#1 is STARTED and waits for nothing.", ())


def test_put_off_by_itself() -> None:
    drive = drive_of(1, 2)
    drive.deploy(1)
    drive.waiting(1, DEPLOY, 2)
    assert why(drive) == ("#1 is NEW; its deploy is repeated when a connected resource changes state.", ())


def test_waiting_for_its_next_attempt() -> None:
    drive = Drive()
    drive.join(1, profile=Profile(retry=Retry(3, 2.0)))
    drive.deploy(1)
    drive.fail(1, DEPLOY, "no such host")
    assert why(drive) == ("#1 is NEW; it waits 2 s before its 2nd of 3 attempts, because its deploy failed: no such host.", ())


def test_failed_says_why() -> None:
    drive = drive_of(1)
    drive.deploy(1)
    drive.fail(1, DEPLOY, "no such host")
    drive.enter(FAILED, 1)
    assert why(drive) == ("#1 is FAILED: no such host.", ())


def test_ended() -> None:
    drive = drive_of(1)
    drive.enter(FINISHED, 1)
    assert why(drive) == ("#1 is FINISHED.", ())


def test_aborted() -> None:
    drive = drive_of(1, 2)
    drive.need(1, 2)
    drive.deploy(1, 2)
    drive.abort("Ctrl-C")
    assert why(drive) == ("#1 stays NEW because the run was aborted: Ctrl-C.", ())


def test_waiting_to_be_released() -> None:
    drive = drive_of(1, 2, 3)
    drive.need(2, 1)
    drive.need(3, 1)
    drive.release(1)
    drive.enter(RELEASED, 2)
    assert why(drive) == ("#1 is released when #3 have been released.", (3,))


def test_names_are_used_where_there_are_names() -> None:
    from nepi.engine.core import Engine
    from nepi.engine.events import DeployAsked, Joined, Needed

    engine = Engine(label=lambda guid: {1: "client", 2: "server"}[guid])
    for event in (Joined(TOLERANT, (1, 2)), Needed((1,), (2,), (READY,)), DeployAsked(1, (1, 2), True)):
        engine.handle(event, now=0.0)
    assert str(engine.why(1)) == "client is NEW; it waits to deploy until server is READY."


def test_irregular_moves_do_not_confuse_it() -> None:
    drive = drive_of(1)
    drive.started(1)
    drive.enter(DISCOVERED, 1)
    assert why(drive) == ("#1 is DISCOVERED and waits for nothing.", ())
