from __future__ import annotations

import json
from pathlib import Path

import pytest

from nepi.errors import RunError, UnknownResourceError, UnknownTraceError
from nepi.results.contents import (
    TraceFile,
    guid_named,
    read_description,
    read_record,
    resource_names,
    size_bytes,
    trace_named,
    traces_of,
)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Return a run's folder with a description of three resources and a trace."""
    resources = [{"guid": guid, "type": "t::Node", "name": name} for guid, name in ((1, "a"), (2, "b"), (7, "client"))]
    record = {"format": 1, "experiment": "e", "backend": "t", "resources": resources}
    (tmp_path / "experiment.json").write_text(json.dumps(record))
    (tmp_path / "traces" / "client").mkdir(parents=True)
    (tmp_path / "traces" / "client" / "stdout").write_bytes(b"12345")
    return tmp_path


def test_names_and_description_are_read(run: Path) -> None:
    assert resource_names(run) == {1: "a", 2: "b", 7: "client"}
    assert [one.name for one in read_description(run).resources] == ["a", "b", "client"]
    assert (guid_named(run, "client"), guid_named(run, "2")) == (7, 2)
    with pytest.raises(UnknownResourceError, match=r"^the run has no resource 'cliend' \(did you mean 'client'\?\); it has a, b, client$"):
        guid_named(run, "cliend")


def test_traces_are_found(run: Path) -> None:
    [trace] = traces_of(run, "client")
    assert trace == TraceFile("client", "stdout", run / "traces" / "client" / "stdout", 5)
    assert trace_named(run, "client", "stdout") == trace
    assert traces_of(run, "a") == []
    with pytest.raises(UnknownResourceError, match="no resource 'x'"):
        traces_of(run, "x")
    with pytest.raises(UnknownTraceError, match=r"^client has no trace 'out'.*: it has stdout$"):
        trace_named(run, "client", "out")


def test_what_is_missing_or_damaged_is_named(run: Path) -> None:
    with pytest.raises(RunError, match=r"has no summary.json: the run did not get so far$"):
        read_record(run / "summary.json")
    (run / "summary.json").write_text("{")
    with pytest.raises(RunError, match=r"summary.json cannot be read: "):
        read_record(run / "summary.json")
    (run / "summary.json").write_text("[]")
    with pytest.raises(RunError, match=r"summary.json is damaged: it holds no object$"):
        read_record(run / "summary.json")
    (run / "experiment.json").write_text('{"format": 99}')
    with pytest.raises(RunError, match=r"experiment.json: this description has format 99"):
        read_description(run)
    assert resource_names(run) == {}


def test_size_is_what_the_disk_holds_not_what_files_pretend(tmp_path: Path) -> None:
    assert size_bytes(tmp_path / "none") == 0
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "whole").write_bytes(b"x" * 100_000)
    with (tmp_path / "holes").open("wb") as file:
        file.truncate(10_000_000)
    assert 100_000 <= size_bytes(tmp_path) < 200_000
