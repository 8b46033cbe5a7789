"""A run that follows another clock, as a simulation's: it stands still or leaps, and neither makes anybody wait for ever."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import ClassVar

import pytest

from nepi import ExperimentError, ResourceManager
from nepi.engine.replay import replay
from nepi.execution.journal import batches, read_journal
from nepi.execution.runner import Runner
from nepi.model.states import ResourceAction
from nepi.testing import VirtualController
from nepi.testing.pytest_plugin import MakeController


class Simulated(ResourceManager, rtype="test::Simulated"):
    """What takes the clock of the run when it is deployed, and lets it leap when nothing else is to be done, unless it `stands`.

    Attributes:
        stands: whether its clock stands still, as that of a simulation that computes for ever.
        hangs: the action that never comes back, or "".
        ended: called with the runner when it has been released.
    """

    stands: ClassVar[bool] = False
    hangs: ClassVar[str] = ""
    deadlines: ClassVar = {ResourceAction.START: 10.0, ResourceAction.STOP: 20.0, ResourceAction.RELEASE: 30.0}
    now_s = 0.0
    leaping: asyncio.Task[None] | None = None

    async def deploy(self) -> None:
        self.now_s = self.runner.now
        self.runner.follow(lambda: self.now_s)
        self.leaping = asyncio.get_running_loop().create_task(self._leap())

    async def start(self) -> None:
        await self._hang("start")

    async def stop(self) -> None:
        await self._hang("stop")

    async def release(self) -> None:
        await self._hang("release")
        self._end()

    async def _hang(self, what: str) -> None:
        if self.hangs == what:
            try:
                await asyncio.Event().wait()
            finally:
                self._end()

    def _end(self) -> None:
        if self.leaping is not None:
            self.leaping.cancel()

    def give_back(self) -> None:
        self._end()
        self.runner.follow(None)

    async def _leap(self) -> None:
        while not self.stands:
            await asyncio.sleep(0)
            due = self.runner.next_due
            if self.runner.is_quiet and self.runner.is_awaited and due is not None:
                self.now_s = max(self.now_s, due)
                self.runner.tick()
            elif not self.runner.is_awaited or due is None:
                await asyncio.sleep(1.0)

    @property
    def runner(self) -> Runner:
        return self.ec._running().runner


class Burning(Simulated, rtype="test::Burning"):
    """One that computes for ever, without its time going on."""

    stands = True


class HangingStart(Burning, rtype="test::HangingStart"):
    hangs = "start"


class HangingStop(Simulated, rtype="test::HangingStop"):
    service = True
    hangs = "stop"


class HangingRelease(Burning, rtype="test::HangingRelease"):
    hangs = "release"


def real(ec: VirtualController) -> float:
    return ec.clock.time()


def test_a_start_that_hangs_ends_at_its_deadline_although_the_clock_stands_still(new_controller: MakeController) -> None:
    ec = new_controller()
    ec.add("test::HangingStart", name="frozen")
    with pytest.raises(ExperimentError, match="frozen failed: start was not done within 10 s"):
        ec.run()
    assert real(ec) == 10.0


def test_a_stop_that_hangs_ends_at_its_deadline_and_not_because_time_leaps(new_controller: MakeController) -> None:
    ec = new_controller()
    service = ec.add("test::HangingStop", name="frozen")
    ec.deploy()
    ec.wait_started(service)
    assert ec.wait_for(service.started + "1h")
    with pytest.raises(ExperimentError, match="frozen failed: stop was not done within 20 s"):
        ec.complete()
    assert ec.now == pytest.approx(3600.0)
    assert real(ec) < 25.0


def test_a_release_that_hangs_is_left_behind_although_the_clock_stands_still(new_controller: MakeController) -> None:
    ec = new_controller()
    frozen = ec.add("test::HangingRelease", name="frozen")
    ec.deploy()
    ec.wait_started(frozen)
    ec.shutdown()
    assert list(ec.left_behind.values()) == ["release was not done within 30 s"]


def test_a_run_whose_simulation_never_gets_on_ends_at_its_deadline_in_real_time(new_controller: MakeController) -> None:
    ec = new_controller()
    ec.add("test::Burning", name="burning")
    with pytest.raises(ExperimentError, match=r"its deadline of 5 s has passed in real time \(0s of the run's own\), and burning"):
        ec.run(deadline="5s")
    assert real(ec) == pytest.approx(5.0)


def test_a_run_whose_simulation_gets_on_ends_at_its_deadline_in_simulated_time(new_controller: MakeController) -> None:
    ec = new_controller()
    ec.add("test::Simulated", name="endless")
    with pytest.raises(ExperimentError, match="its deadline of 3600 s has passed, and endless"):
        ec.run(deadline="1h")
    assert real(ec) < 5.0


def test_time_goes_on_from_where_it_stands_when_the_clock_is_given_back(new_controller: MakeController) -> None:
    ec = new_controller()
    one = ec.add("test::Simulated", name="one")
    ec.deploy()
    ec.wait_started(one)
    assert ec.wait_for(one.started + "1h")
    simulated = ec.resource(one)
    assert isinstance(simulated, Simulated)
    simulated.runner.post(simulated.give_back)
    began = real(ec)
    assert ec.wait_for(one.started + "1h 10s")
    assert ec.now == pytest.approx(3610.0)
    assert real(ec) == pytest.approx(began + 10.0)


def test_what_is_scheduled_is_due_by_the_clock_of_the_run(new_controller: MakeController) -> None:
    ec = new_controller()
    one = ec.add("test::Simulated", name="one")
    called: list[float] = []
    ec.deploy()
    ec.wait_started(one)
    ec.schedule("1h", lambda: called.append(ec.now))
    ec.schedule("30m", one.stop)
    assert ec.wait_for(one.stopped + "1h")
    assert called == [pytest.approx(3600.0)]
    assert ec.now == pytest.approx(5400.0)
    assert real(ec) < 5.0


def test_the_journal_of_such_a_run_gives_the_same_decisions_again(new_controller: MakeController) -> None:
    ec = new_controller()
    ec.add("test::HangingStop", name="frozen")
    ec.add("test::Simulated", name="endless")
    with pytest.raises(ExperimentError, match="endless"):
        ec.run(deadline="1h")
    path = Path(ec.run_dir) / "journal.jsonl"
    assert any("r" in line for line in read_journal(path))
    assert replay(batches(path)).differences == []
    assert json.loads((Path(ec.run_dir) / "summary.json").read_text())["outcome"] == "aborted"
