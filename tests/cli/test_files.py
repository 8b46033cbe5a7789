"""Experiments in files at the command line: run, plan, init, schema, convert."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from nepi.cli.complete import complete_runs
from tests.cli.conftest import nepi, nepi_process, without_times

SMALL = """\
experiment: small
backend: dummy
nodes: [a, b]
applications:
  server: {type: Application, on: b}
  client: {type: Application, on: a, start: server.started}
"""


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(SMALL)
    return path


def test_a_file_is_run_like_a_script(small: Path, home: Path) -> None:
    said = nepi("run", small)
    assert said.status == 0, said.err
    (run,) = (home / "small").iterdir()
    assert f"run small/{run.name} in {run}" in said.err
    assert f"small/{run.name}: finished, 4 resources" in said.err
    assert (run / "experiment.yaml").read_text() == SMALL
    assert complete_runs("small") == [f"small/{run.name}"]


def test_json_tells_of_the_run(small: Path) -> None:
    record = json.loads(nepi("run", "--json", small).out)
    assert (record["status"], [one["outcome"] for one in record["runs"]]) == (0, ["finished"])


def test_a_file_is_planned_like_a_script(small: Path, home: Path) -> None:
    said = nepi("plan", small)
    assert (said.status, said.err) == (0, "")
    assert said.out == (
        "Experiment small: 4 resources\n"
        "\n"
        "Order\n"
        "     resource  type                deployed after  conditions\n"
        "  1  a         dummy::Node\n"
        "  2  b         dummy::Node\n"
        "  3  server    dummy::Application  b READY\n"
        "  4  client    dummy::Application  a READY         start: server.started\n"
    )
    assert not home.exists()


def test_mistakes_have_their_places(small: Path) -> None:
    small.write_text(SMALL.replace("on: a,", "on: c,") + "resources: {i: {type: Interface}}\n")
    said = nepi("plan", "--json", small)
    assert said.status == 2
    assert json.loads(said.out) == {
        "format": 1,
        "mistakes": [f"{small}, line 6, column 35: applications.client.on: there is no resource named 'c'"],
    }


def test_mistakes_of_the_plan_have_their_places(small: Path) -> None:
    small.write_text(SMALL + "resources:\n  i: {type: Interface}\n")
    for command in ("plan", "run"):
        said = nepi(command, small)
        assert (said.status, said.err) == (
            2,
            "nepi: 1 mistake in the experiment's description:\n"
            f"  - {small}, line 8, column 3: dummy::Interface 'i' needs a Node: connect it to one, e.g. ec.add('Interface', node)\n",
        )


def test_the_backend_of_a_file_is_overridden(small: Path) -> None:
    small.write_text("experiment: x\nbackend: netns\nnodes: [a]\n")
    said = nepi("plan", "--backend", "dummy", small)
    assert (said.status, "dummy::Node" in said.out) == (0, True)


def test_a_file_takes_no_arguments_and_must_describe_something(small: Path) -> None:
    said = nepi("run", small, "--", "one", "two")
    assert (said.status, said.err) == (2, f"nepi: {small} takes no arguments (got one two); only Python scripts do\n")
    small.write_text("experiment: x\n")
    said = nepi("run", small)
    assert (said.status, said.err) == (2, f"nepi: {small} describes no resources: write nodes, links, applications\n")


def test_a_failure_is_told_as_that_of_a_script(small: Path) -> None:
    small.write_text(SMALL.replace("{type: Application, on: b}", "{type: Application, on: b, failOn: start}"))
    said = nepi("run", small)
    assert said.status == 1
    assert "server  start failed: as scripted" in without_times(said.err).replace("start failed: start failed", "start failed")


def test_init_writes_an_experiment_and_overwrites_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    said = nepi("init")
    assert (said.status, said.out, said.err) == (
        0,
        "",
        "Wrote experiment.yaml. Look at what it would do with: nepi plan experiment.yaml\n",
    )
    text = (tmp_path / "experiment.yaml").read_text()
    said = nepi("init")
    assert (said.status, said.err) == (2, "nepi: experiment.yaml exists already and is left as it is; name another one\n")
    assert (tmp_path / "experiment.yaml").read_text() == text
    assert nepi("init", "my first.yml").status == 0
    assert "experiment: my-first\n" in (tmp_path / "my first.yml").read_text()


def test_init_says_where_it_cannot_write(tmp_path: Path) -> None:
    assert nepi("init", tmp_path / "x.txt").err == f"nepi: {tmp_path}/x.txt: the name must end in .yaml or .yml\n"
    said = nepi("init", tmp_path / "none" / "x.yaml")
    assert (said.status, said.err) == (2, f"nepi: cannot write {tmp_path}/none/x.yaml: No such file or directory\n")


@pytest.mark.netns
def test_what_init_writes_runs_and_so_does_what_its_comments_say(tmp_path: Path) -> None:
    path = tmp_path / "new.yaml"
    assert nepi("init", path).status == 0
    said = nepi_process("run", path)
    assert (said.status, "finished, 4 resources" in said.err) == (0, True), said.err
    text = re.sub(r"^#(?=\w)", "", path.read_text(), flags=re.MULTILINE)
    text, count = re.subn(r"^#( +)(?=(- \{|\w+: *(\{|\w|#)))", r" \1", text, flags=re.MULTILINE)
    assert count == 8
    path.write_text(text)
    said = nepi_process("plan", path)
    assert (said.status, "Experiment new: 8 resources\n" in said.out) == (0, True), said.err + text


def test_schema_prints_the_schema() -> None:
    said = nepi("schema")
    assert (said.status, said.err) == (0, "")
    assert list(json.loads(said.out)["properties"])[:3] == ["experiment", "backend", "networks"]


def test_convert_loses_nothing_between_yaml_and_json(small: Path, tmp_path: Path) -> None:
    assert nepi("convert", small, tmp_path / "x.json").status == 0
    assert json.loads((tmp_path / "x.json").read_text())["experiment"] == "small"
    assert nepi("convert", tmp_path / "x.json", tmp_path / "y.yaml").status == 0
    assert (tmp_path / "y.yaml").read_text() == SMALL
    said = nepi("convert", small, tmp_path / "y.yaml")
    assert (said.status, said.err) == (2, f"nepi: {tmp_path}/y.yaml exists already; --force overwrites it\n")
    assert nepi("convert", "--force", small, tmp_path / "y.yaml").status == 0


def test_convert_reads_the_xml_of_the_original(tmp_path: Path) -> None:
    (tmp_path / "x.xml").write_text('<experiment exp_id="old"><rms><rm guid="1" rtype="linux::Node" state="8"/></rms></experiment>')
    said = nepi("convert", "--backend", "netns", tmp_path / "x.xml", tmp_path / "x.yaml")
    assert (said.status, said.err) == (0, "nepi: note: linux::Node is netns::Node here\n")
    assert (tmp_path / "x.yaml").read_text() == "experiment: old\nbackend: netns\nnodes: [node-1]\n"
    assert nepi("plan", tmp_path / "x.xml", "--backend", "netns").err == "nepi: note: linux::Node is netns::Node here\n"
