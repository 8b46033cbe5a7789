from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import nepi, nepi_process

Write = Callable[[str], Path]


def test_a_run_that_is_fine_says_so_and_where_its_folder_is(small: Path, home: Path) -> None:
    said = nepi("run", small)
    assert (said.status, said.out) == (0, "")
    lines = said.err.splitlines()
    assert lines[0] == f"run small/r1 in {home}/small/r1"
    assert lines[-2:] == ["small/r1: finished, 7 resources", f"Run's folder: {home}/small/r1"]
    assert {line.split()[2] for line in lines[1:-3]} == {"READY", "STARTED", "STOPPED", "FINISHED", "RELEASED"}


def test_quiet_says_nothing_when_all_is_well(small: Path) -> None:
    said = nepi("run", "--quiet", small)
    assert (said.status, said.out, said.err) == (0, "", "")


def test_standard_output_is_the_scripts(script: Write) -> None:
    path = script("import sys\nprint(sys.argv[1:], __name__)\nec = ExperimentController(backend='dummy')\nec.add('Node')\nec.run()")
    assert nepi("run", path, "--", "--rate", "5").out == "['--rate', '5'] __main__\n"


def test_a_module_beside_the_script_can_be_imported(script: Write, tmp_path: Path) -> None:
    (tmp_path / "beside_the_script.py").write_text("BACKEND = 'dummy'")
    path = script("from beside_the_script import BACKEND\nec = ExperimentController(backend=BACKEND)\nec.add('Node')\nec.run()")
    assert nepi_process("run", path).status == 0


def test_json_is_all_that_is_on_standard_output(script: Write, home: Path) -> None:
    path = script("print('hello')\nec = ExperimentController('e', run_id='r', backend='dummy')\nec.add('Node', name='n')\nec.run()")
    said = nepi("run", "--json", path)
    assert "hello" in said.err
    assert json.loads(said.out) == {
        "format": 1,
        "status": 0,
        "runs": [
            {
                **json.loads((home / "e" / "r" / "summary.json").read_text()),
                "run_dir": f"{home}/e/r",
                "kept": False,
                "traces_bytes": 0,
            }
        ],
    }


def test_backend_is_used_where_the_script_names_none(script: Write) -> None:
    path = script("ec = ExperimentController()\nec.add('Node')\nec.run()")
    assert nepi("run", path, "--backend", "dummy").status == 0
    assert nepi("run", path).status == 2


def test_what_a_script_of_the_seeds_kind_leaves_running_is_released(script: Write, home: Path) -> None:
    path = script(
        """
        ec = ExperimentController("seed", run_id="r")
        node, app = ec.register_resource("dummy::Node"), ec.register_resource("dummy::Application")
        ec.register_connection(node, app)
        ec.deploy()
        ec.wait_finished([app])
        """
    )
    assert nepi("run", path).status == 0
    summary = json.loads((home / "seed" / "r" / "summary.json").read_text())
    assert (summary["outcome"], summary["not_released"]) == ("finished", [])


def test_several_experiments_of_one_script_are_all_told(script: Write) -> None:
    path = script(
        """
        for number in (1, 2):
            with ExperimentController("e", run_id=f"r{number}", backend="dummy") as ec:
                ec.add("Node")
                ec.run()
        """
    )
    said = nepi("run", path)
    assert [line for line in said.err.splitlines() if "finished" in line] == [f"e/r{number}: finished, 1 resource" for number in (1, 2)]


# What goes wrong.


def test_an_unknown_type_is_one_message_with_the_scripts_line(script: Write) -> None:
    path = script("ec = ExperimentController(backend='dummy')\nec.add('Application', duration='5 parsecs')")
    said = nepi("run", path)
    assert said.status == 2
    assert said.err.startswith("nepi: ")
    assert f"  at {path}, line 3: ec.add('Application', duration='5 parsecs')\n" in said.err
    assert "Traceback" not in said.err


def test_all_mistakes_of_a_plan_are_told_at_once(script: Write, home: Path) -> None:
    path = script("ec = ExperimentController(backend='dummy')\nec.add('Interface', name='i')\nec.add('Interface', name='j')\nec.run()")
    said = nepi("run", path)
    assert said.status == 2
    assert said.err == (
        "nepi: 2 mistakes in the experiment's description:\n"
        "  - dummy::Interface 'i' needs a Node: connect it to one, e.g. ec.add('Interface', node)\n"
        "  - dummy::Interface 'j' needs a Node: connect it to one, e.g. ec.add('Interface', node)\n"
        f"  at {path}, line 5: ec.run()\n"
    )
    assert not home.exists()


def test_an_error_of_the_script_keeps_its_own_traceback_only(script: Write, home: Path) -> None:
    path = script(
        """
        def broken():
            return 1 / 0

        with ExperimentController("e", run_id="r", backend="dummy") as ec:
            ec.add("Node")
            ec.deploy()
            broken()
        """
    )
    said = nepi("run", "--quiet", path)
    assert said.status == 1
    frames = [line for line in said.err.splitlines() if line.startswith("  File")]
    assert frames == [f'  File "{path}", line 9, in <module>', f'  File "{path}", line 4, in broken']
    assert said.err.endswith("ZeroDivisionError: division by zero\n")
    assert json.loads((home / "e" / "r" / "summary.json").read_text())["not_released"] == []


def test_a_script_that_does_not_compile_is_shown_as_python_does(script: Write) -> None:
    path = script("x = (")
    said = nepi("run", path)
    assert said.status == 1
    assert said.err == f"  File \"{path}\", line 2\n    x = (\n        ^\nSyntaxError: '(' was never closed\n"


@pytest.mark.parametrize(("code", "status"), [("3", 3), ("'no licence'", 1)])
def test_the_scripts_own_exit_status_passes_through(script: Write, code: str, status: int) -> None:
    said = nepi("run", script(f"import sys\nsys.exit({code})"))
    assert said.status == status
    assert said.err == ("nepi: no licence\n" if status == 1 else "")


def test_a_critical_failure_is_told_with_its_reason(script: Write) -> None:
    path = script(
        """
        with ExperimentController("e", run_id="r", backend="dummy") as ec:
            ec.add("Node", name="node")
            ec.add("Application", "node", name="app", failOn="run", failReason="it broke")
            ec.run()
        """
    )
    said = nepi("run", path)
    assert said.status == 1
    assert "\nFailed\n  app  run failed: it broke\n" in said.err
    assert "e/r: aborted, 2 resources: app failed: run failed: it broke\n" in said.err
    assert "nepi: " not in said.err  # the table has said it


def test_an_aborted_run_that_the_script_takes_in_its_stride_still_fails(script: Write) -> None:
    path = script(
        """
        ec = ExperimentController("e", run_id="r", backend="dummy")
        app = ec.register_resource("dummy::Application", failOn="start", failReason="it broke")
        ec.deploy()
        ec.wait_finished([app])
        ec.shutdown()
        """
    )
    assert nepi("run", "-q", path).status == 1


def test_what_was_left_behind_is_told_and_how_to_give_it_back(script: Write) -> None:
    path = script(
        """
        with ExperimentController("e", run_id="r", backend="dummy") as ec:
            ec.add("Node", name="node", failOn="release", failReason="no way")
            ec.run()
        """
    )
    said = nepi("run", path)
    assert said.status == 1
    assert "\nLeft behind\n  node  release failed: no way\nTry again to give it back with: nepi gc e/r\n" in said.err


def test_a_script_that_deploys_nothing_is_wrong_usage(script: Write) -> None:
    path = script("ExperimentController(backend='dummy').add('Node')")
    said = nepi("run", path)
    assert (said.status, said.err) == (2, f"nepi: {path} deployed nothing: call run() or deploy() of an ExperimentController\n")


def test_a_missing_file_is_wrong_usage(tmp_path: Path) -> None:
    assert nepi("run", tmp_path / "none.py").status == 2
    assert nepi("run", tmp_path / "none.yaml").status == 2


def test_large_traces_are_warned_of(script: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = script(
        """
        with ExperimentController("e", run_id="r", backend="dummy") as ec:
            node = ec.add("Node", name="node")
            ec.deploy()
            path = ec.trace_path(node.guid, "stdout")
            path.parent.mkdir(parents=True)
            path.write_bytes(bytes(100_000))
        """
    )
    monkeypatch.setenv("NEPI_LARGE_TRACES", "10kB")
    said = nepi("run", path)
    assert "more than 10kB (NEPI_LARGE_TRACES); make room with: nepi runs rm e/r" in said.err
    monkeypatch.setenv("NEPI_LARGE_TRACES", "much")
    assert nepi("run", path).status == 2


def test_keep_leaves_the_run_up_and_says_how_to_end_it(small: Path) -> None:
    said = nepi("run", "--keep", small)
    assert said.status == 0
    assert "Give it back with:      nepi release small/r1\n" in said.err
    assert nepi("ps").out.splitlines()[1].split()[:2] == ["small/r1", "kept"]
    assert nepi("release", "small").out == "small/r1: nothing was left\n"
    assert "released" in nepi("ps", "--all").out
