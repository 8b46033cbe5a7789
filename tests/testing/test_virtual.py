"""Whole experiments in virtual time: scripts that are written for namespaces run unchanged, with stand-ins."""

from __future__ import annotations

import textwrap
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from nepi.errors import ExperimentError, PlanError
from nepi.execution.ec import ExperimentController
from nepi.execution.factory import ResourceFactory
from nepi.testing import Act, virtual_run, virtual_time

EXAMPLES = Path(__file__).parents[2] / "examples"


def script(folder: Path, text: str) -> Path:
    path = folder / "experiment.py"
    path.write_text(textwrap.dedent(text))
    return path


TWO_HOURS = """
    from nepi import ExperimentController

    with ExperimentController("long", backend="netns") as ec:
        a, b = ec.add("Node", name="a"), ec.add("Node", name="b")
        link = ec.add("Link", a, b, name="link", rate="10Mbit")
        server = ec.add("Iperf3Server", b, name="server")
        client = ec.add("Iperf3Client", a, target=b, name="client", duration="2h")
        client.start_when(server.started + "1m")
        link.set_when(client.started + "1h", rate="5Mbit")
        ec.run()
        print(client.result.throughput_bps)
"""


def test_a_scenario_of_two_hours_runs_unchanged(tmp_path: Path) -> None:
    result = SimpleNamespace(throughput_bps=7.5e6)
    run = virtual_run(script(tmp_path, TWO_HOURS), script={"server": Act(start_time="30s"), "Iperf3Client": Act(result=result)})
    assert run.output == "7500000.0\n"
    assert (run.entered("server", "STARTED"), run.entered("client", "STARTED"), run.entered("client", "FINISHED")) == (30.0, 90.0, 7290.0)
    assert run.applied("link") == [(3690.0, {"rate": "5Mbit"})]


def test_a_script_whose_server_fails_raises_as_it_would(tmp_path: Path) -> None:
    with pytest.raises(ExperimentError, match="server failed: start failed: address in use"):
        virtual_run(script(tmp_path, TWO_HOURS), script={"server": Act(fail_on="start", reason="address in use")})


def test_a_script_is_planned_as_on_namespaces(tmp_path: Path) -> None:
    wrong = TWO_HOURS.replace('ec.add("Link", a, b', 'ec.add("Link", a')
    with pytest.raises(PlanError, match="link"):
        virtual_run(script(tmp_path, wrong))


def test_a_script_gets_its_arguments_and_its_exit_status_is_told(tmp_path: Path) -> None:
    run = virtual_run(script(tmp_path, "import sys; print(sys.argv[1:]); sys.exit(3)"), "--nodes", "5")
    assert (run.output, run.status, run.controllers) == ("['--nodes', '5']\n", 3, [])


def test_types_without_a_backend_are_dummies_when_that_is_asked_for(tmp_path: Path) -> None:
    text = """
        from nepi import ExperimentController
        with ExperimentController("x") as ec:
            ec.add("Application", ec.add("Node"), name="app", duration="1h")
            ec.run()
    """
    run = virtual_run(script(tmp_path, text), backend="dummy")
    assert run.entered("app", "FINISHED") == 3600.0


@pytest.mark.parametrize("name", ["first.py", "demo.py", "interactive.py"])
def test_examples_for_namespaces_run_without_them(name: str) -> None:
    figures = SimpleNamespace(throughput_bps=9e6, received=3, transmitted=3, loss=0.0, rtt_avg_s=0.02, rtt_mean_s=0.02)
    pinged = Act(replies={"ping": "1 packets transmitted\nrtt min/avg/max\n"})
    run = virtual_run(EXAMPLES / name, script={"Iperf3Client": Act(result=figures), "Ping": Act(result=figures), "a": pinged})
    assert run.now > 0


def test_what_is_not_scripted_says_what_to_script() -> None:
    with virtual_time():
        ec = ExperimentController("x", backend="netns")
        ping = ec.add("Ping", ec.add("Node", name="a"), target="192.0.2.1", name="ping", count=3, interval=1)
        ec.deploy()
        assert ec.wait_for(ping.finished)
        with pytest.raises(AttributeError, match=r"script=\{'ping': Act\(result=...\)\}"):
            _ = ping.result
        with pytest.raises(AttributeError, match=r"script=\{'ping': Act\(values=\{'argv': ...\}\)\}"):
            ping.argv()


def test_commands_on_nodes_get_scripted_replies_and_applications_write_their_output() -> None:
    acts = {"a": Act(replies={"uname": "Linux\n"}), "Server": Act(output="booting\nlistening on 80\n")}
    with virtual_time(acts) as run:
        from nepi import trace_matches

        ec = ExperimentController("x", backend="netns")
        node = ec.add("Node", name="a")
        server = ec.add("Server", node, command="serve", name="server")
        client = ec.add("Application", node, command="ask").start_when(trace_matches(server, "listening"))
        ec.deploy()
        assert ec.wait_for(client.finished)
        assert ec.exec(node, ["uname", "-s"]).stdout == b"Linux\n"
        assert server.trace() == "booting\nlistening on 80\n"
        assert run.ec is ec


@pytest.mark.parametrize(("status", "ended"), [(0, "finished"), (3, "finished"), (4, "failed")])
def test_expected_statuses_are_those_of_the_real_type(status: int, ended: str) -> None:
    with virtual_time({"app": Act(status=status, duration=5)}):
        ec = ExperimentController("x", backend="netns")
        app = ec.add("Application", ec.add("Node"), name="app", command="x", expectedStatus="0,3", critical=False)
        ec.deploy()
        assert ec.wait_for(getattr(app, ended))


def test_the_real_types_are_as_they_were_afterwards() -> None:
    before = ResourceFactory.find("netns::Link")
    with virtual_time():
        ec = ExperimentController("x", backend="netns")
        a, b = ec.add("Node"), ec.add("Node")
        link: Any = ec.add("Link", a, b)
        assert type(link.manager) is not before
    assert ResourceFactory.find("netns::Link") is before
    assert ResourceFactory.spec(before).backend == "netns"
