"""What the resources of one run share: its sessions, its ledger; and what they leave pending."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from nepi.errors import UsageError
from nepi.execution.ec import ExperimentController
from nepi.execution.ledger import Thing
from nepi.execution.resource import ResourceManager


class Shared:
    """A session that writes down what was done to it."""

    def __init__(self) -> None:
        self.ended = ""

    async def close(self) -> None:
        self.ended = "closed"

    def detach(self) -> None:
        self.ended = "detached"


class User(ResourceManager, rtype="test::SessionUser"):
    """Opens the session, and leaves a task pending."""

    async def deploy(self) -> None:
        async def open_() -> Shared:
            self.ec.ledger.intend([Thing("test", owner=self.guid)])
            return Shared()

        self.shared = await self.ec.session("test", open_)
        self.pending = asyncio.get_running_loop().create_task(asyncio.Event().wait())
        self.set_ready()


def test_a_session_is_shared_and_closed_at_the_end_and_pending_tasks_are_cancelled(tmp_path: Path) -> None:
    with ExperimentController("x", tmp_path) as ec:
        users = [ec.add("test::SessionUser") for _ in range(3)]
        ec.deploy()
        assert ec.wait_deployed(users)
        managers = [ec.resource(user) for user in users]
    assert len({id(one.shared) for one in managers if isinstance(one, User)}) == 1
    for one in managers:
        assert isinstance(one, User)
        assert one.shared.ended == "closed"
        assert one.pending.cancelled()


def test_a_run_that_is_kept_lets_go_of_its_sessions(tmp_path: Path) -> None:
    ec = ExperimentController("x", tmp_path, keep=True)
    user = ec.add("test::SessionUser")
    ec.deploy()
    assert ec.wait_deployed(user)
    ec.shutdown()
    assert user.shared.ended == "detached"


def test_the_ledger_is_one_for_the_run_and_there_from_the_first_deploy(tmp_path: Path) -> None:
    with ExperimentController("x", tmp_path) as ec:
        with pytest.raises(UsageError, match="from its first deploy on"):
            _ = ec.ledger
        user = ec.add("test::SessionUser")
        ec.deploy()
        assert ec.wait_deployed(user)
        assert ec.ledger is ec.ledger
        assert [(row.kind, row.owner) for row in ec.ledger.rows()] == [("test", user.guid)]
