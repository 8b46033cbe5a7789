from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from nepi.errors import RunError
from nepi.results.store import Fate, RunState, Store

HOST = "here"


def fate_of(controller: Mapping[str, Any]) -> Fate:
    """Read the fate that the test has written down."""
    fate: Fate = controller["fate"]
    return fate


def made(
    home: Path, name: str, *, state: str = "finished", began: str = "2026-01-01T10:00:00", fate: str = "ended", host: str = HOST
) -> Path:
    """Make the folder of a run."""
    exp_id, run_id = name.split("/")
    path = home / exp_id / run_id
    path.mkdir(parents=True)
    status = {"format": 1, "exp_id": exp_id, "run_id": run_id, "state": state, "controller": {"pid": 7, "fate": fate}, "at": "later"}
    (path / "run.json").write_text(json.dumps(status))
    (path / "environment.json").write_text(json.dumps({"host": host}))
    (path / "journal.jsonl").write_text(json.dumps({"journal": 1, "began": began}) + "\n")
    return path


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Return a store with four runs."""
    home = tmp_path / "runs"
    made(home, "first/20260101", began="2026-01-01T10:00:00")
    made(home, "first/20260102", began="2026-01-02T10:00:00")
    made(home, "second/20260103", began="2026-01-03T10:00:00")
    made(home, "third/mine", began="2025-12-31T10:00:00")
    return Store(home, fate_of, HOST)


def test_runs_come_oldest_first(store: Store) -> None:
    assert [run.name for run in store.runs()] == ["third/mine", "first/20260101", "first/20260102", "second/20260103"]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("last", "second/20260103"),
        ("first/20260101", "first/20260101"),
        ("20260102", "first/20260102"),
        ("first", "first/20260102"),
        ("mi", "third/mine"),
        ("third/m", "third/mine"),
        ("20260103", "second/20260103"),
        ("sec", "second/20260103"),
    ],
)
def test_a_run_is_found_by_any_of_its_names(store: Store, text: str, name: str) -> None:
    assert store.find(text).name == name


def test_a_run_is_found_by_its_folder(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    assert store.find(str(store.home / "third" / "mine")).name == "third/mine"
    assert store.find(str(store.home / "first")).name == "first/20260102"
    monkeypatch.chdir(store.home / "third" / "mine")
    assert store.find(".").name == "third/mine"


def test_a_run_outside_of_the_home_is_called_by_its_folder(store: Store, tmp_path: Path) -> None:
    path = made(tmp_path / "elsewhere", "fourth/r")
    run = store.find(str(path))
    assert (run.name, run.exp_id, run.run_id) == (str(path), "fourth", "r")


def test_what_may_be_several_runs_is_refused(store: Store) -> None:
    with pytest.raises(RunError, match=r"^'2026' may be 3 runs: first/20260101, first/20260102, second/20260103; write more of it$"):
        store.find("2026")


@pytest.mark.parametrize(("text", "near"), [("frist", r" \(did you mean 'first'\?\)"), ("xyz", ""), ("", "")])
def test_an_unknown_run_has_near_names(store: Store, text: str, near: str) -> None:
    with pytest.raises(RunError, match=rf"^there is no run '{text}'{near}; `nepi ps --all` lists the runs in "):
        store.find(text)


def test_a_folder_that_is_no_run_says_so(store: Store, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"is not the folder of a run: it has no run.json$"):
        store.find(f"{tmp_path}/")


def test_an_empty_home_has_no_last_run(tmp_path: Path) -> None:
    store = Store(tmp_path / "none", fate_of, HOST)
    assert store.runs() == []
    with pytest.raises(RunError, match=r"^there are no runs yet in "):
        store.find("last")


@pytest.mark.parametrize(
    ("recorded", "fate", "host", "state"),
    [
        ("running", "alive", HOST, RunState.RUNNING),
        ("running", "ended", HOST, RunState.DEAD),
        ("running", "other boot", HOST, RunState.LOST),
        ("running", "ended", "there", RunState.ELSEWHERE),
        ("running", "other boot", "there", RunState.ELSEWHERE),
        ("kept", "ended", HOST, RunState.KEPT),
        ("kept", "alive", HOST, RunState.KEPT),
        ("kept", "other boot", HOST, RunState.LOST),
        ("kept", "ended", "there", RunState.ELSEWHERE),
        ("finished", "ended", "there", RunState.FINISHED),
        ("left behind", "ended", HOST, RunState.LEFT_BEHIND),
        ("no such state", "ended", HOST, RunState.DAMAGED),
    ],
)
def test_the_state_is_what_is_recorded_and_what_became_of_the_controller(
    tmp_path: Path, recorded: str, fate: str, host: str, state: RunState
) -> None:
    path = made(tmp_path, "e/r", state=recorded, fate=fate, host=host)
    run = Store(tmp_path, fate_of, HOST).read(path)
    assert (run.state, run.host) == (state, host if state == RunState.ELSEWHERE else "")


@pytest.mark.parametrize("content", ["", "[1]", '{"format": 1'])
def test_a_run_whose_status_is_damaged_is_listed_as_such(tmp_path: Path, content: str) -> None:
    path = made(tmp_path, "e/r")
    (path / "run.json").write_text(content)
    [run] = Store(tmp_path, fate_of, HOST).runs()
    assert (run.name, run.state) == ("e/r", RunState.DAMAGED)


def test_a_link_leads_to_a_run_elsewhere_and_links_to_nowhere_are_known(tmp_path: Path) -> None:
    there = made(tmp_path / "there", "e/r")
    home = tmp_path / "home"
    (home / "e").mkdir(parents=True)
    (home / "e" / "r").symlink_to(there)
    (home / "e" / "gone").symlink_to(tmp_path / "nowhere")
    store = Store(home, fate_of, HOST)
    [run] = store.runs()
    assert (run.name, run.path, run.link) == ("e/r", there, home / "e" / "r")
    assert store.dangling() == [home / "e" / "gone"]


def test_a_folder_that_is_being_made_is_not_listed(tmp_path: Path) -> None:
    (tmp_path / "e" / "new").mkdir(parents=True)
    assert Store(tmp_path, fate_of, HOST).runs() == []
