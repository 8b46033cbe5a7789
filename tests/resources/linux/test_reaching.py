"""Reaching hosts: keys, jump hosts, those that are not there; and connections that are lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nepi import ExperimentController, ExperimentError, trace_matches
from nepi.execution.ledger_kinds import collect
from nepi.lab import Lab
from tests.resources.controllers import MakeController
from tests.resources.linux.conftest import SOON, add_host

pytestmark = [pytest.mark.root, pytest.mark.netns]


def failure_of(ec: ExperimentController) -> str:
    with pytest.raises(ExperimentError) as caught:
        ec.run(deadline=SOON)
    return str(caught.value)


def test_a_host_behind_another_is_reached_by_the_users_configuration_and_by_a_gateway(lab: Lab, controller: MakeController) -> None:
    ec = controller()
    jump, hidden = lab.host("h1"), lab.host("h3")
    same: dict[str, Any] = {"identity": str(hidden.identity), "username": "root"}
    # The gateway's key is trusted on first use, the host's own is given.
    given = ec.add("Node", name="given", hostname=hidden.address, gateway=jump.address, gatewayUser="root", hostKeys="trust", **same)
    apps = [ec.add("Application", node, command="hostname") for node in (add_host(ec, lab, "h3"), given)]
    ec.run(deadline=SOON)
    assert [app.trace() for app in apps] == ["h3\n", "h3\n"]
    assert jump.host_key.split()[1] in (Path(ec.run_dir) / "known_hosts").read_text()


def test_an_unknown_host_key_is_refused_with_the_command_that_accepts_it(lab: Lab, controller: MakeController) -> None:
    ec = controller()
    host = lab.host("h1")
    ec.add("Node", name="a", hostname=host.address, username="root", identity=str(host.identity))
    failure = failure_of(ec)
    assert host.address in failure
    assert "ssh-keyscan" in failure or "ssh " in failure


def test_another_host_key_than_the_one_that_was_given_is_refused(lab: Lab, controller: MakeController) -> None:
    ec = controller()
    host, other = lab.host("h1"), lab.host("h2")
    ec.add("Node", name="a", hostname=host.address, username="root", identity=str(host.identity), serverKey=other.host_key)
    assert "key" in failure_of(ec)
    right = controller()
    node = right.add("Node", name="a", hostname=host.address, username="root", identity=str(host.identity), serverKey=host.host_key)
    app = right.add("Application", node, command="true")
    right.run(deadline=SOON)
    assert app.finish_time is not None


def test_who_may_not_log_in_is_told(lab: Lab, controller: MakeController) -> None:
    ec = controller()
    add_host(ec, lab, "h1", username="nobody-at-all")
    assert "nobody-at-all" in failure_of(ec)


def test_a_host_that_is_not_there_fails_within_its_deadline(controller: MakeController) -> None:
    ec = controller()
    ec.add("Node", name="a", hostname="192.0.2.1", username="root", connectDeadline="2s")
    assert "192.0.2.1" in failure_of(ec)


@pytest.fixture
def own_lab() -> Iterator[Lab]:
    with Lab(1) as lab:
        yield lab


def test_a_command_runs_on_while_sshd_is_started_anew_and_the_connection_is_cut(own_lab: Lab, controller: MakeController) -> None:
    ec = controller()
    app = ec.add(
        "Application",
        add_host(ec, own_lab, "h1"),
        command="echo begun; until [ -e /tmp/go ]; do sleep 0.05; done; echo done; echo more > file",
    )
    ec.deploy()
    assert ec.wait_for(trace_matches(app, "begun"), SOON)
    own_lab.stop_sshd("h1", sessions=True)
    own_lab.run("h1", ["touch", "/tmp/go"])
    own_lab.start_sshd("h1")
    assert ec.wait_for(app.finished, "60s")
    assert (app.trace(), app.trace("file")) == ("begun\ndone\n", "more\n")


def test_a_connection_that_is_cut_and_healed_loses_nothing(own_lab: Lab, controller: MakeController) -> None:
    ec = controller()
    node = add_host(ec, own_lab, "h1")
    app = ec.add("Application", node, command="for i in $(seq 30); do echo $i; sleep 0.05; done")
    ec.deploy()
    assert ec.wait_for(trace_matches(app, "^3$"), SOON)
    own_lab.cut("h1")
    later = ec.add("Application", node, command="echo once >> /tmp/times; cat /tmp/times")
    ec.deploy()
    own_lab.heal("h1")
    assert ec.wait_for(app.finished & later.finished, "60s")
    assert app.trace().split() == [str(number) for number in range(1, 31)]
    assert later.trace() == "once\n"


def test_commands_of_other_runs_are_ended_when_that_is_asked_for(own_lab: Lab, controller: MakeController) -> None:
    old = controller("old", keep=True)
    forever = old.add("Server", add_host(old, own_lab, "h1"), command="sleep 4321 & exec sleep 4321")
    old.deploy()
    assert old.wait_for(forever.started, SOON)
    old.shutdown()
    ec = controller()
    node = add_host(ec, own_lab, "h1", cleanProcesses=True)
    mine = ec.add("Application", node, command="ps -eo args | grep -c '[s]leep 4321' || true")
    ec.run(deadline=SOON)
    assert mine.trace() == "0\n"
    assert collect(Path(old.run_dir) / "ledger.sqlite").left == ()
