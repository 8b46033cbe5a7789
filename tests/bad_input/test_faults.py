"""What goes wrong while an experiment runs: it is said once and clearly, everything is given back, and nobody waits for ever."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nepi import ExperimentController
from nepi.engine import events as ev
from nepi.engine.core import Engine
from nepi.errors import ExperimentError, UsageError
from nepi.execution.attribute import Attribute, Flags
from nepi.execution.journal import read_journal
from nepi.execution.resource import ResourceAction, ResourceManager, ResourceState, failtrap
from nepi.execution.scheduler import TaskStatus
from nepi.execution.workers import Workers
from nepi.model.conditions import Condition, Reached, trace_matches
from nepi.testing import VirtualController
from nepi.testing.pytest_plugin import MakeController

SECRET = "correct horse 'battery'"


class Faulty(ResourceManager, rtype="fault::Faulty"):
    """Does in each verb what a test tells it."""

    password = Attribute.string(help="A secret.", flags=Flags.Credential)

    def __init__(self, ec: ExperimentController, guid: int) -> None:
        super().__init__(ec, guid)
        self.act: Callable[[Any], Any] = lambda rm: None

    def start(self) -> None:
        self.act(self)
        self.set_started()


class Trapped(Faulty, rtype="fault::Trapped"):
    """The same, with the seed's decorator."""

    @failtrap
    def start(self) -> None:
        super().start()


class OnLoop(ResourceManager, rtype="fault::OnLoop"):
    """The same, on the loop."""

    act: Callable[[Any], Any]

    async def start(self) -> None:
        result = self.act(self)
        if asyncio.iscoroutine(result):
            await result


class UnspeakableError(Exception):
    """Cannot even be shown."""

    def __str__(self) -> str:
        raise RuntimeError("no words")


def failing(ec: VirtualController, error: BaseException, rtype: str = "fault::Faulty", **values: Any) -> Faulty:
    manager = ec.add(rtype, name="x", **values).manager
    assert isinstance(manager, Faulty)

    def act(rm: Any) -> None:
        raise error

    manager.act = act
    return manager


def texts_in(record: Any) -> list[str]:
    """Return every text in a JSON record."""
    if isinstance(record, str):
        return [record]
    inner = record.values() if isinstance(record, dict) else record if isinstance(record, list) else []
    return [text for one in inner for text in texts_in(one)]


@pytest.mark.parametrize("rtype", ["fault::Faulty", "fault::Trapped"])
@pytest.mark.parametrize(
    ("error", "said"),
    [
        (RuntimeError("first line\n  second line\ttab"), "first line\n  second line\ttab"),
        (RuntimeError("ünïcödé 网络 🎉 \x00 \x1b[31m"), "ünïcödé 网络 🎉 \x00 \x1b[31m"),
        (RuntimeError("not text: \udc80 \ud800"), "not text: \udc80 \ud800"),
        (RuntimeError(), "RuntimeError"),
        (UnspeakableError(), "UnspeakableError"),
        (KeyError("missing"), "'missing'"),
        (SystemExit(3), "3"),
        (MemoryError(), "MemoryError"),
    ],
    ids=["lines", "unicode", "half characters", "nothing", "unspeakable", "key", "exit", "memory"],
)
def test_whatever_an_exception_says_reaches_the_user_and_the_journal(
    error: BaseException, said: str, rtype: str, ec: VirtualController
) -> None:
    manager = failing(ec, error, rtype)
    ec.deploy()
    result = ec.wait_finished(manager.guid)
    assert not result
    assert said in result.reason
    ec.shutdown()
    assert said in manager.failure
    lines = list(read_journal(Path(ec.run_dir) / "journal.jsonl"))
    assert any(said in text for text in texts_in(lines))
    summary = json.loads((Path(ec.run_dir) / "summary.json").read_text())
    assert summary["outcome"] == "aborted"
    assert said in summary["failed"]["x"]


@pytest.mark.parametrize("rtype", ["fault::Faulty", "fault::Trapped"])
@pytest.mark.parametrize("password", [SECRET, "hunter2hunter2", "pw1"])
def test_an_exception_that_quotes_a_credential_shows_it_nowhere(
    rtype: str, password: str, ec: VirtualController, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", "nepi")
    manager = failing(ec, RuntimeError(f"login as me:{password} failed, {password!r} is wrong"), rtype, password=password)
    ec.deploy()
    result = ec.wait_finished(manager.guid)
    ec.shutdown()
    assert "login as me:*** failed" in result.reason
    assert password not in result.reason
    assert password not in caplog.text
    assert password not in manager.failure
    for path in Path(ec.run_dir).rglob("*"):
        if path.is_file():
            assert password not in path.read_text()


def test_a_program_that_raises_with_a_credential_in_its_message(new_controller: MakeController) -> None:
    ec = new_controller("leaky")
    with pytest.raises(RuntimeError, match="hunter3hunter3"), ec:  # noqa: PT012
        ec.add("fault::Faulty", password="hunter3hunter3")
        ec.deploy()
        raise RuntimeError("cannot log in with hunter3hunter3")
    assert "hunter3" not in "".join(path.read_text() for path in Path(ec.run_dir).rglob("*") if path.is_file())


def test_a_result_that_no_file_can_hold_does_not_hide_how_the_run_ended(ec: VirtualController, caplog: pytest.LogCaptureFixture) -> None:
    @dataclasses.dataclass
    class Odd:
        seen: set[str]

    manager = ec.add("fault::Faulty", name="x").manager
    manager.result = Odd({"a"})  # type: ignore[attr-defined]  # as a resource manager with typed results has
    ec.deploy()
    ec.wait_started("x")
    ec.shutdown()
    assert json.loads((Path(ec.run_dir) / "run.json").read_text())["state"] == "finished"
    assert "summary.json could not be written: Object of type set is not JSON serializable" in caplog.text


def test_a_folder_that_is_gone_does_not_stop_the_shutdown(ec: VirtualController, caplog: pytest.LogCaptureFixture) -> None:
    ec.add("Node")
    ec.deploy()
    ec.wait_started(1)
    shutil.rmtree(ec.run_dir)
    ec.shutdown()
    assert ec.state(1, hr=True) == "RELEASED"
    assert "how the run ended could not be written" in caplog.text


def test_a_callback_that_ends_the_program_ends_itself_only(ec: VirtualController) -> None:
    ec.add("Node")
    ec.deploy()
    tid = ec.schedule("1s", sys.exit, track=True)
    ec.sleep(2)
    task = ec.get_task(tid)
    assert task is not None
    assert task.status == TaskStatus.ERROR
    assert "SystemExit" in task.result


def test_a_body_that_raises_keeps_its_exception_when_giving_back_fails_too(new_controller: MakeController) -> None:
    ec = new_controller()
    with pytest.raises(ValueError, match="the original") as caught, ec:  # noqa: PT012
        ec.add("Node")
        ec.deploy()
        ec._running().runner.post(ev.Entered(ResourceState.READY, (99,)))  # breaks the run
        ec.wait_started(1)
        raise ValueError("the original")
    assert any("the controller failed" in note for note in caught.value.__notes__)


def test_a_broken_run_says_so_and_lets_everybody_go(new_controller: MakeController) -> None:
    ec = new_controller()
    ec.add("Node")
    ec.deploy()
    ec._running().runner.post(ev.Entered(ResourceState.READY, (99,)))
    result = ec.wait_finished(1)
    assert not result
    assert "the run cannot go on" in result.reason
    with pytest.raises(ExperimentError, match="the controller failed"):
        ec.shutdown()
    ec.shutdown()


@pytest.mark.parametrize("what", ["release", "run", "shutdown", "wait_finished", "exec", "why"])
def test_what_would_block_the_loop_says_so_and_does_nothing(what: str, ec: VirtualController) -> None:
    told: list[str] = []
    node, other = ec.add("Node"), ec.add("Node", name="other")
    arguments: dict[str, list[Any]] = {"release": [[other]], "wait_finished": [[node]], "exec": [node, ["true"]], "why": [node]}
    manager = ec.add("fault::OnLoop").manager

    def act(rm: Any) -> None:
        try:
            getattr(ec, what)(*arguments.get(what, []))
        except UsageError as error:
            told.append(str(error))

    manager.act = act  # type: ignore[attr-defined]  # of a class of this module
    ec.deploy()
    assert ec.wait_started(ec.resources)
    ec.settle()
    assert ec.state(other, hr=True) == "STARTED"
    assert len(told) == (what != "why")
    assert all("would block the loop" in text or "is not a node" in text for text in told)


def test_a_manager_that_speaks_up_after_it_was_removed(ec: VirtualController) -> None:
    node, gone = ec.add("Node"), ec.add("Node")
    manager = gone.manager
    ec.deploy([node])
    ec.remove_resource(gone)
    manager.explain_failure("late")
    manager.set_ready()
    assert ec.wait_started(node)
    assert ec.ecstate.name == "RUNNING"


def test_a_wait_for_a_peer_that_has_not_joined_yet() -> None:
    """Another thread has just registered and connected a resource while this one puts itself off."""
    engine = Engine()
    engine.handle(ev.Joined(ev.Profile(), (1,)), now=0)
    engine.handle(ev.DeployAsked(1, (1,), True), now=0)
    assert engine.handle(ev.Waiting(1, ResourceAction.DEPLOY, (2,), 1.0), now=0.5) == []
    assert engine.handle(ev.Ticked(), now=1.5) == [ev.Perform(ResourceAction.DEPLOY, (1,))]


def test_waits_that_nothing_can_settle_end_with_the_run(ec: VirtualController) -> None:
    node = ec.add("Node")
    ec.deploy()
    ec.wait_started(node)
    results: list[Any] = []
    threads = [
        threading.Thread(target=lambda: results.append(ec.wait_for(trace_matches(node, "never")))),
        threading.Thread(target=lambda: results.append(ec.wait_for(Reached((node.guid,), ResourceState.FAILED)))),
        threading.Thread(target=lambda: results.append(ec.wait_released(node))),
    ]
    for thread in threads:
        thread.start()
    while ec._running().runner.blocked_waits < 3:
        threading.Event().wait(0.001)
    ec.shutdown()
    for thread in threads:
        thread.join(10)
    assert sorted(bool(result) for result in results) == [False, False, True]


def test_a_watch_that_comes_when_the_loop_has_just_ended(ec: VirtualController) -> None:
    ec.add("Node")
    ec.deploy()
    runner = ec._running().runner
    ec.shutdown()
    told: list[Any] = []
    runner.watch(Reached((1,), ResourceState.FAILED), told.append)
    runner._tell_watches("over")
    assert [result.reason for result in told] == ["over"]


def test_two_threads_that_shut_down_at_once(new_controller: MakeController) -> None:
    for _ in range(20):
        ec = new_controller(f"twice-{_}")
        ec.add("Node", releaseTime="1s")
        ec.deploy()
        ec.wait_started(1)
        failed: list[BaseException] = []

        def end(ec: VirtualController = ec, failed: list[BaseException] = failed) -> None:
            try:
                ec.shutdown()
                assert ec.state(1, hr=True) == "RELEASED"
            except BaseException as error:
                failed.append(error)

        threads = [threading.Thread(target=end) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        assert failed == []


def test_threads_that_describe_and_deploy_at_once(ec: VirtualController) -> None:
    failed: list[BaseException] = []
    hub = ec.add("Node", name="hub")

    def work(number: int) -> None:
        try:
            for index in range(20):
                app = ec.add("Application", hub, name=f"app-{number}-{index}", duration="1s")
                ec.set(app, "failReason", "x")
                ec.register_condition(app, ResourceAction.START, hub, ResourceState.STARTED)
                ec.deploy([hub, app])
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert failed == []
    assert ec.wait_finished([guid for guid in ec.resources if guid != hub.guid])
    assert len(ec.resources) == 81


def test_three_controllers_at_once(new_controller: MakeController) -> None:
    controllers = [new_controller(f"side-by-side-{number}") for number in range(3)]

    def use(ec: VirtualController) -> None:
        node = ec.add("Node")
        app = ec.add("Application", node, duration="1h")
        ec.run()
        assert app.state == ResourceState.RELEASED

    threads = [threading.Thread(target=use, args=(ec,)) for ec in controllers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert [ec.ecstate.name for ec in controllers] == ["TERMINATED"] * 3
    assert len({ec.run_dir for ec in controllers}) == 3


def test_an_until_whose_loop_is_gone_harms_nobody(ec: VirtualController) -> None:
    node = ec.add("Node")
    ec.deploy()
    ec.wait_started(node)

    def gone(result: Any) -> None:
        raise RuntimeError("Event loop is closed")

    ec._running().runner.watch(Reached((node.guid,), ResourceState.RELEASED), gone, survives_abort=True)
    assert ec.release()
    ec.shutdown()
    assert ec.ecstate.name == "TERMINATED"


@pytest.mark.parametrize("deadline_s", [0.5, None])
@pytest.mark.parametrize("shape", ["one", "many", "composed", "trace"])
def test_who_waits_again_and_again_leaves_nothing_behind(shape: str, deadline_s: float | None) -> None:
    """As an interactive session does, that looks whether something has happened once a second, for a week."""
    engine = Engine()
    engine.handle(ev.Joined(ev.Profile(), (1, 2)), now=0)
    conditions: dict[str, Condition] = {
        "one": Reached((1,), ResourceState.STARTED),
        "many": Reached((1, 2), ResourceState.STARTED, "at_least"),
        "composed": (Reached((1,), ResourceState.STARTED) + "1s")
        | (Reached((2,), ResourceState.FAILED) & Reached((1,), ResourceState.READY)),
        "trace": trace_matches(1, "never"),
    }
    condition = conditions[shape] if deadline_s is None else conditions[shape].within(deadline_s)
    for turn in range(2000):
        engine.handle(ev.WatchAsked(turn, condition), now=turn)
        engine.handle(ev.WatchDropped(turn), now=turn + 0.4) if deadline_s is None else engine.handle(ev.Ticked(), now=turn + 0.6)
    hanging = [gates for member in engine.members.values() for gates in (member.waiters or {}).values()]
    hanging += list(engine.gates._trace_leaves.values())
    assert hanging
    assert max(len(gates) for gates in hanging) <= 64


def test_calls_are_made_also_when_no_thread_can_be_started() -> None:
    class Threadless(Workers):
        def _start(self, target: Callable[[], None], name: str) -> None:
            return None

    workers, done = Threadless(), []
    workers.submit(lambda: done.append(1))
    workers.submit(lambda: done.append(2))
    assert (done, workers.idle) == ([1, 2], True)
    workers.close()


# Whole programs.

HEAD = """
    import os, signal, sys, threading
    from nepi import ExperimentController
    from nepi.execution.resource import ResourceManager

    class Noisy(ResourceManager, rtype="fault::Noisy"):
        def release(self):
            print("released", self.name, flush=True)
            self.set_released()

    ec = ExperimentController("program", local_dir=sys.argv[1])
    guid = ec.register_resource("fault::Noisy")
    ec.deploy()
    ec.wait_started(guid)
"""


def program(tmp_path: Path, body: str, *, interrupt_after: str = "") -> tuple[int, str, str, list[str]]:
    """Run a program; return its status, what it wrote, and how its runs ended."""
    text = textwrap.dedent(HEAD) + textwrap.dedent(body)
    process = subprocess.Popen(
        [sys.executable, "-c", text, str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=_hear_interrupts
    )
    assert process.stdout is not None
    said = ""
    if interrupt_after:
        while interrupt_after not in said:
            line = process.stdout.readline()
            assert line, said
            said += line
        process.send_signal(signal.SIGINT)
    try:
        out, err = process.communicate(timeout=30)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    ends = [json.loads(path.read_text())["state"] for path in sorted(tmp_path.glob("program/*/run.json"))]
    return process.returncode, said + out, err, ends


def _hear_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def test_forgetting_the_shutdown_releases_at_the_end(tmp_path: Path) -> None:
    assert program(tmp_path, "print('bye')") == (0, "bye\nreleased noisy-1\n", "", ["finished"])


@pytest.mark.parametrize(("body", "status"), [("sys.exit(3)", 3), ("sys.exit()", 0), ("raise SystemExit('no more')", 1)])
def test_ending_the_program_releases(body: str, status: int, tmp_path: Path) -> None:
    done = program(tmp_path, body)
    assert (done[0], done[1], done[3]) == (status, "released noisy-1\n", ["finished"])


def test_a_program_that_raises_without_a_with_releases(tmp_path: Path) -> None:
    status, out, err, ends = program(tmp_path, "raise RuntimeError('mine')")
    assert (status, out, ends) == (1, "released noisy-1\n", ["finished"])
    assert err.rstrip().endswith("RuntimeError: mine")


def test_an_interrupt_during_a_wait_releases_and_goes_on(tmp_path: Path) -> None:
    status, out, err, ends = program(tmp_path, "print('waiting', flush=True)\nec.wait_finished(guid)", interrupt_after="waiting")
    assert (status, out, ends) == (-signal.SIGINT, "waiting\nreleased noisy-1\n", ["finished"])
    assert err.rstrip().endswith("KeyboardInterrupt")


def test_an_interrupt_inside_a_with_is_kept_in_the_record(tmp_path: Path) -> None:
    body = "with ec:\n    print('waiting', flush=True)\n    ec.wait_finished(guid)"
    status, out, err, ends = program(tmp_path, body, interrupt_after="waiting")
    assert (status, out, ends) == (-signal.SIGINT, "waiting\nreleased noisy-1\n", ["aborted"])
    assert err.rstrip().endswith("KeyboardInterrupt")


def test_an_interrupt_may_be_caught_and_the_run_goes_on(tmp_path: Path) -> None:
    body = """
    try:
        print('waiting', flush=True)
        ec.wait_finished(guid)
    except KeyboardInterrupt:
        ec.stop(guid)
    print(ec.wait_finished(guid).ok, ec.state(guid, hr=True))
    """
    assert program(tmp_path, body, interrupt_after="waiting") == (0, "waiting\nTrue STOPPED\nreleased noisy-1\n", "", ["finished"])


@pytest.mark.parametrize("how", ["sys.exit(0)", "raise RuntimeError('in the child')", "ec.shutdown(); sys.exit(0)"])
def test_a_fork_does_not_give_back_what_is_its_parents(how: str, tmp_path: Path) -> None:
    body = f"""
    child = os.fork()
    if child == 0:
        {how}
    os.waitpid(child, 0)
    print("child gone", ec.state(guid, hr=True), flush=True)
    """
    status, out, _, ends = program(tmp_path, body)
    assert (status, out, ends) == (0, "child gone STARTED\nreleased noisy-1\n", ["finished"])


def test_a_fork_that_waits_is_told(tmp_path: Path) -> None:
    body = """
    child = os.fork()
    if child == 0:
        try:
            ec.wait_finished(guid)
        except Exception as error:
            print(type(error).__name__, error, flush=True)
        os._exit(0)
    os.waitpid(child, 0)
    """
    status, out, _, _ = program(tmp_path, body)
    assert status == 0
    assert out.startswith("UsageError wait(): this process was forked from the one that controls the experiment")


def test_a_controller_in_a_fork_is_its_own(tmp_path: Path) -> None:
    body = """
    child = os.fork()
    if child == 0:
        mine = ExperimentController("program", local_dir=sys.argv[1])
        mine.register_resource("fault::Noisy", guid=7)
        mine.deploy()
        mine.wait_started(7)
        mine.shutdown()
        os._exit(0)
    print(os.waitpid(child, 0)[1])
    """
    status, out, _, ends = program(tmp_path, body)
    assert (status, out, ends) == (0, "released noisy-7\n0\nreleased noisy-1\n", ["finished", "finished"])


def test_the_end_of_the_program_with_a_blocked_resource(tmp_path: Path) -> None:
    body = """
    class Blocked(ResourceManager, rtype="fault::Blocked"):
        deadlines = {3: "0.5s"}
        def deploy(self):
            print("blocked", flush=True)
            threading.Event().wait()

    blocked = ec.register_resource("fault::Blocked")
    ec.deploy([blocked])
    while ec.wait_deployed(blocked, deadline="0.1s"):
        pass
    """
    status, out, err, ends = program(tmp_path, body)
    assert (status, out, ends) == (0, "blocked\nreleased noisy-1\n", ["left behind"])
