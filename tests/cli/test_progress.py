"""What the displays make of events, without a run."""

from __future__ import annotations

import pytest

from nepi import ExperimentController
from nepi.cli.display import Seen, live_text, told
from nepi.cli.journal_text import JournalText
from nepi.cli.progress import Progress, entered, shortened
from nepi.engine import events as ev
from nepi.model.states import ResourceAction, ResourceState

READY, STARTED, FINISHED, FAILED = ResourceState.READY, ResourceState.STARTED, ResourceState.FINISHED, ResourceState.FAILED


@pytest.fixture
def progress() -> Progress:
    """Return the progress of an experiment of a node and two applications, which has just been joined."""
    ec = ExperimentController("e", run_id="r", backend="dummy")
    for name, kind in (("node", "Node"), ("app", "Application"), ("other", "Application")):
        guid = ec.register_resource(kind)
        ec.resource(guid)._name = name
    progress = Progress(ec)
    progress.batch(0.0, [ev.Joined(ev.Profile(), (1, 2, 3))], [ev.Perform(ResourceAction.DEPLOY, (1, 2, 3))])
    return progress


def test_what_is_being_done_is_told_until_it_is_done(progress: Progress) -> None:
    now = progress.snapshot()
    assert (now.total, now.counts, now.doing) == (3, {ResourceState.NEW: 3}, [("deploying", ["node", "app", "other"], 3)])
    progress.batch(1.0, [ev.Announced((1, 2, 2), (READY, READY, STARTED))], [])
    now = progress.snapshot()
    assert (now.counts, now.doing) == ({ResourceState.NEW: 1, READY: 1, STARTED: 1}, [("deploying", ["other"], 1)])
    assert now.last == "1.00 s  STARTED  app"


def test_only_what_ends_by_itself_counts_as_running(progress: Progress) -> None:
    progress.batch(1.0, [ev.Entered(STARTED, (1, 2, 3))], [])
    now = progress.snapshot()
    assert ([name for name, _ in now.running], now.running_count) == (["app", "other"], 2)
    progress.batch(2.0, [ev.Entered(FINISHED, (2,))], [])
    assert [name for name, _ in progress.snapshot().running] == ["other"]


def test_failures_come_with_their_reason_and_reasons_are_no_markup(progress: Progress) -> None:
    reason = ev.Explained(2, "exited with [red] status 1:\nmore of it")
    progress.batch(1.0, [reason, ev.Entered(FAILED, (2,))], [ev.Abort("app failed", 2)])
    now = progress.snapshot()
    assert (now.failures, now.aborted) == ([("app", "exited with [red] status 1:\nmore of it")], "app failed")
    text = live_text(progress)
    assert "failed[/] app: exited with \\[red] status 1:\n" in text
    assert text.endswith("aborted[/] app failed")


def test_announcements_of_several_states_are_taken_apart_in_order() -> None:
    assert entered(ev.Announced((1, 2, 1, 3), (READY, READY, STARTED, READY))) == [(READY, (1, 2)), (STARTED, (1,)), (READY, (3,))]
    assert entered(ev.Ticked()) == []


def test_many_announcements_are_one_row_for_each_state() -> None:
    guids = tuple(guid for guid in range(1, 11) for _ in range(2))
    assert entered(ev.Announced(guids, (STARTED, FINISHED) * 10)) == [(STARTED, tuple(range(1, 11))), (FINISHED, tuple(range(1, 11)))]


def test_names_are_shortened() -> None:
    assert shortened(["a", "b"], 2) == "a, b"
    assert shortened(["a", "b"], 100) == "a, b and 98 more"


def test_what_happens_at_about_the_same_time_is_one_line_for_each_state() -> None:
    seen: list[Seen | str] = [
        "run e/r in /somewhere",
        Seen(0.1, "READY", ["a", "b"], 2),
        Seen(0.11, "STARTED", ["a"], 1),
        Seen(0.12, "READY", ["c"], 1),
        Seen(0.13, "FAILED", [], 1, "c: two\nlines"),
    ]
    assert told(seen) == [
        "run e/r in /somewhere",
        "    0.120 s  READY      a, b, c",
        "    0.110 s  STARTED    a",
        "    0.130 s  FAILED     c: two\n                       lines",
    ]


def test_every_kind_of_journal_line_can_be_read_by_people() -> None:
    text = JournalText({1: "a", 2: "b"}.__getitem__, everything=True)
    assert text.lines({"journal": 1, "exp_id": "e", "run_id": "r", "began": "nonsense"}) == ["run e/r"]
    events = [
        ["announced", [1, 2, 1], "334"],
        ["failed", 1, "START", "no"],
        ["explained", 1, "because"],
        ["exited", 2, 3],
        ["trace_seen", 1, "stdout", "x", False],
        ["waiting", 1, "DEPLOY", [2], 0.5],
        ["watch_asked", 4, ["reached", {"ranges": [[1, 2]]}, 5, "ended", None], False],
        ["abort_asked", "enough"],
        ["set_asked", 1, 2, ["reached", [1], 4, "strict", None], {"rate": 5}],
        ["set_failed", 1, 2, "no such queue"],
        ["renewed", 1],
        ["ticked"],
    ]
    decisions = [
        ["perform", "STOP", [1, 2]],
        ["cancel", 1],
        ["fail", 1, "no"],
        ["go_on", 1, "it is not critical"],
        ["reset", 1, "READY", "start failed (no); attempt 2 of 3 in 1 s"],
        ["renew", 1, True, "deploy failed (no); replacement 1 of 1"],
        ["renew", 2, False, "a is replaced: deploy failed (no)"],
        ["change", 1, 2],
        ["leave_behind", 2, "stuck"],
        ["abort", "a failed", 1],
        ["met", 4],
    ]
    lines = [line.removeprefix("    1.500 s  ") for line in text.lines({"n": 1, "t": 1.5, "ev": events, "do": decisions})]
    assert lines == [
        "READY      a, b",
        "STARTED    a",
        "error      start of a failed: no",
        "error      a: because",
        "exited     b with status 3",
        "trace      stdout of a will not match 'x' any more",
        "waiting    a wants deploy again within 0.5 s",
        "watch      4: all of 2 (a, b) ended",
        "asked      abort: enough",
        "asked      change 1: set rate=5 of b when a.started",
        "error      change 1 of b: no such queue",
        "renewed    a",
        "-> stop    a, b",
        "-> cancel  a",
        "-> fail    a: no",
        "-> go on   without a: it is not critical",
        "-> retry   a from READY: start failed (no); attempt 2 of 3 in 1 s",
        "-> replace a: deploy failed (no); replacement 1 of 1",
        "-> renew   b: a is replaced: deploy failed (no)",
        "-> set     change 1 of b",
        "-> leave   b behind: stuck",
        "-> abort   a failed",
        "-> met     watch 4",
    ]
    assert text.lines({"t": 2.0, "note": {"irregular": "READY after FAILED"}}) == ["    2.000 s  note       irregular: READY after FAILED"]
