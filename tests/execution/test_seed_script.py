"""A script of the seed's time, converted mechanically (print, imports of types): it runs as it stands."""

from __future__ import annotations

from pathlib import Path

from nepi.execution.ec import ExperimentController
from nepi.execution.resource import ResourceAction, ResourceState
from nepi.testing import VirtualController
from nepi.testing.pytest_plugin import MakeController


def add_node(ec: ExperimentController, deploy_time: str) -> int:
    node = ec.register_resource("dummy::Node")
    ec.set(node, "deployTime", deploy_time)
    return node


def add_app(ec: ExperimentController, duration: str, nodes: list[int]) -> int:
    app = ec.register_resource("dummy::Application")
    ec.set(app, "duration", duration)
    for node in nodes:
        ec.register_connection(app, node)
    return app


def script(ec: ExperimentController) -> list[object]:
    """The seed's ping example: server, client, a client that starts 10 s later, and a condition to stop."""
    told: list[object] = []
    node1 = add_node(ec, "30s")
    node2 = add_node(ec, "1m")
    server = add_app(ec, "1h", [node1])
    client = add_app(ec, "20s", [node2])
    late = add_app(ec, "5s", [node2])

    ec.register_condition(client, ResourceAction.START, server, ResourceState.STARTED)
    ec.register_condition([late], ResourceAction.START, [client], ResourceState.STARTED, time="10s")
    ec.register_condition(server, ResourceAction.STOP, [client, late], ResourceState.FINISHED, "2s")

    ec.deploy()
    ec.wait_started([server])
    told.append(ec.state(server, hr=True))
    ec.wait_finished([client, late])
    told.append([ec.state(client, hr=True), ec.state(late, hr=True)])
    ec.wait_finished(server)
    told.append(ec.state(server, hr=True))

    another = add_app(ec, "3s", [node1])  # more, while it runs
    ec.deploy([another], wait_all_ready=False)
    ec.wait_finished(another)

    assert (ec.get_stop_time(server) or 0) > (ec.get_start_time(server) or 0)  # type: ignore[operator]  # both are dates
    ec.shutdown()
    told.append([ec.state(guid, hr=True) for guid in ec.resources])
    return told


def test_the_script_runs_and_takes_the_time_that_it_should(new_controller: MakeController) -> None:
    ec: VirtualController = new_controller("ping", backend="")
    assert script(ec) == ["STARTED", ["FINISHED", "FINISHED"], "STOPPED", ["RELEASED"] * 6]
    # a minute to deploy, the client's 20 s, 2 s more until the server is stopped, 3 s of the last application
    assert ec.now == 85.0


def test_the_run_is_kept_where_it_was_asked_for(new_controller: MakeController, tmp_path: Path) -> None:
    ec = new_controller("ping", backend="", local_dir=str(tmp_path))
    script(ec)
    assert Path(ec.run_dir) == tmp_path / "ping" / ec.run_id
    assert (Path(ec.run_dir) / "journal.jsonl").exists()
