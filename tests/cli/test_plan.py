from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from tests.cli.conftest import nepi

Write = Callable[[str], Path]


def test_a_plan_is_shown_and_nothing_is_made(small: Path, home: Path) -> None:
    said = nepi("plan", small)
    assert (said.status, said.err) == (0, "")
    assert said.out == (
        "Experiment small: 7 resources\n"
        "\n"
        "Order\n"
        "     resource  type                deployed after    conditions\n"
        "  1  a         dummy::Node\n"
        "  2  b         dummy::Node\n"
        "  3  l         dummy::Link\n"
        "  4  ia        dummy::Interface    a READY, l READY\n"
        "  5  ib        dummy::Interface    b READY, l READY\n"
        "  6  server    dummy::Application  b READY\n"
        "  7  client    dummy::Application  a READY           start: server.started\n"
    )
    assert not home.exists()


def test_json_has_description_plan_and_facts(small: Path) -> None:
    record = json.loads(nepi("plan", "--json", small).out)
    assert list(record) == ["format", "mistakes", "description", "plan", "facts"]
    assert (record["mistakes"], record["plan"]["order"]) == ([], [1, 2, 3, 4, 5, 6, 7])


def test_mistakes_come_all_at_once(script: Write) -> None:
    path = script("ec = ExperimentController(backend='dummy')\nec.add('Interface', name='i')\nec.add('Interface', name='j')\nec.run()")
    said = nepi("plan", "--json", path)
    mistakes = [f"dummy::Interface '{name}' needs a Node: connect it to one, e.g. ec.add('Interface', node)" for name in "ij"]
    assert said.status == 2
    assert json.loads(said.out) == {"format": 1, "mistakes": mistakes}
    assert said.err.startswith("nepi: 2 mistakes in the experiment's description:\n")


def test_a_condition_on_an_attribute_leaves_no_folder(script: Write, home: Path) -> None:
    path = script(
        """
        with ExperimentController("e", backend="dummy") as ec:
            node = ec.add("Node", name="node")
            app = ec.add("Application", node, name="app")
            node.set_when(app.started, releaseTime="1s")
            ec.run()
        """
    )
    assert nepi("plan", path).status == 0
    assert not list(home.glob("*/*"))


def test_a_script_that_ends_before_it_deploys_is_wrong_usage(script: Write) -> None:
    path = script("pass")
    assert nepi("plan", path).err == f"nepi: {path} deploys nothing: call run() or deploy() of an ExperimentController\n"
    path = script("raise SystemExit")
    said = nepi("plan", path)
    assert (said.status, said.err) == (2, f"nepi: {path} ended by sys.exit() before it deployed anything\n")


def test_except_exception_does_not_catch_the_end_of_a_plan(script: Write) -> None:
    path = script(
        """
        ec = ExperimentController("e", backend="dummy")
        ec.add("Node", name="node")
        try:
            ec.run()
        except Exception:
            print("caught")
        """
    )
    said = nepi("plan", path)
    assert said.status == 0
    assert "caught" not in said.out
