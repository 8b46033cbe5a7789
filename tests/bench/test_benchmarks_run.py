"""Each benchmark runs with a tiny size, prints its table and writes its figures. What they measure is no verdict here."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

BENCH = Path(__file__).parents[2] / "bench"


def bench(tmp_path: Path, program: str, *arguments: str) -> tuple[list[str], Any]:
    """Run a benchmark; return the lines that it printed, and what it wrote as JSON."""
    figures = tmp_path / "figures.json"
    argv = [sys.executable, str(BENCH / program), *arguments, "--json", str(figures)]
    environment = {**os.environ, "NEPI_HOME": str(tmp_path / "home")}
    done = subprocess.run(argv, capture_output=True, text=True, env=environment, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines(), json.loads(figures.read_text())


@pytest.mark.slow
def test_control_plane_compares_three_styles(tmp_path: Path) -> None:
    table, rows = bench(tmp_path, "control_plane.py", "--cases", "2x3", "--repeat", "1")
    assert [line.split()[:3] for line in table[1:]] == [[style, "2x3", "11"] for style in ("asyncio", "declared", "seed")]
    assert [row["resources"] for row in rows] == [11, 11, 11]


@pytest.mark.slow
def test_reaction_measures_both_kinds_of_methods_and_the_limit(tmp_path: Path) -> None:
    table, figures = bench(tmp_path, "reaction.py", "--resources", "50", "--pairs", "5")
    assert len(table) == 5
    assert [row["kind"] for row in figures["rows"]] == ["async client", "plain client", "bare queue"]


@pytest.mark.slow
@pytest.mark.root
def test_reaction_over_ssh_is_measured_beside_a_bare_command(tmp_path: Path) -> None:
    table, figures = bench(tmp_path, "ssh_reaction.py", "--commands", "2")
    assert len(table) == 2
    assert 0 < figures["p50_ms"] <= figures["max_ms"]
    assert figures["bare_command_ms"] > 0


@pytest.mark.slow
def test_replay_takes_a_line_for_each_event_or_many(tmp_path: Path) -> None:
    table, figures = bench(tmp_path, "replay.py", "--events", "2000", "--batch", "7")
    assert len(table) == 2
    assert [(row["events"] >= 2000, row["lines"] < row["events"]) for row in figures["rows"]] == [(True, True)]


@pytest.mark.slow
@pytest.mark.netns
def test_topology_compares_nepi_with_bare_netlink(tmp_path: Path) -> None:
    kind = "" if os.geteuid() == 0 else "-rootless"
    systems = [f"bare{kind}", f"nepi{kind}"]
    table, figures = bench(tmp_path, "topology.py", "--hosts", "3", "--repeat", "1", "--systems", ",".join(systems))
    rows = figures["rows"]
    assert [(row["shape"], row["system"]) for row in rows] == [(shape, system) for shape in ("star", "chain") for system in systems]
    assert [line.split()[2] for line in table[2:]] == systems * 2
    assert all(row["up_ratio"] > 0 for row in rows)


@pytest.mark.slow
@pytest.mark.netns
@pytest.mark.root
def test_topology_takes_ip_batch_along(tmp_path: Path) -> None:
    _, figures = bench(tmp_path, "topology.py", "--hosts", "2", "--repeat", "1", "--systems", "ip")
    assert [row["up_s"] > 0 for row in figures["rows"]] == [True, True]


@pytest.mark.slow
@pytest.mark.netns
def test_graphml_brings_a_network_up_with_routes_and_down(tmp_path: Path) -> None:
    table, figures = bench(tmp_path, "graphml.py", "--nodes", "4", "--links", "4", "--repeat", "1")
    assert [line.split()[0] for line in table[1:]] == ["load", "build", "deploy", "up", "down"]
    assert figures["medians"]["routes"] > 0


@pytest.mark.slow
@pytest.mark.netns
def test_the_user_space_link_is_measured_beside_a_bare_veth(tmp_path: Path) -> None:
    table, figures = bench(tmp_path, "user_space_link.py", "--engines", "python,veth", "--seconds", "0.1", "--quick")
    assert [row["engine"] for row in figures["rows"]] == ["python", "veth"]
    assert [row["rtt_min_ms"] >= 20 for row in figures["rows"]] == [True, False]
    assert table[0].startswith("asked: rtt 20.3 ms")


@pytest.mark.slow
@pytest.mark.netns
def test_link_changes_are_measured_for_each_implementation_and_for_timelines(tmp_path: Path) -> None:
    table, figures = bench(tmp_path, "link_changes.py", "--changes", "3")
    whats = [row["what"] for row in figures["rows"]]
    assert (whats[0], whats[-1], len(table)) == ("rate, kernel", "step of a timeline", len(whats) + 2)
    assert [row["count"] for row in figures["rows"]] == [3] * len(whats)


@pytest.mark.slow
def test_files_compares_forms(tmp_path: Path) -> None:
    table, figures = bench(tmp_path, "files.py", "--nodes", "5", "--repeat", "1")
    assert (figures["resources"], len(table)) == (14, 6)
    assert [(row["what"], row["form"]) for row in figures["rows"]] == [
        ("describe", "program"),
        ("save", "yaml"),
        ("load", "yaml"),
        ("save", "json"),
        ("load", "json"),
    ]


@pytest.mark.slow
@pytest.mark.netns
def test_accuracy_measures_a_property_or_says_why_not(tmp_path: Path) -> None:
    table, figures = bench(tmp_path, "accuracy.py", "--only", "duplicate", "--budget", "1s")
    rows = figures["rows"]
    assert len(table) == 1 + len(rows) > 1
    assert {(row["case"], row["what"]) for row in rows} == {("duplicate=1%", "duplicate")}
    assert all(row["measured"] or row["verdict"].startswith("cannot be had: ") for row in rows)


@pytest.mark.slow
@pytest.mark.netns
def test_kill_kills_each_victim_and_finds_nothing_wrong(tmp_path: Path) -> None:
    victims = ["controller", "agent", "supervisor"]
    arguments = [argument for victim in victims for argument in ("--victim", victim)]
    table, figures = bench(tmp_path, "kill.py", "--kills", "2", "--seed", "3", "--longest", "1.0", *arguments)
    assert [row["victim"] for row in figures["rows"]] == [victim for victim in victims for _ in range(2)]
    assert [row["wrong"] for row in figures["rows"]] == [[]] * 6
    assert [line.split()[0] for line in table if " all " in line] == victims


@pytest.mark.slow
@pytest.mark.netns
@pytest.mark.root
def test_ssh_commands_compares_our_transport_with_bare_asyncssh(tmp_path: Path) -> None:
    arguments = ["--hosts", "1", "--connections", "2", "--commands", "2", "--repeat", "1"]
    table, figures = bench(tmp_path, "ssh_commands.py", *arguments)
    assert [row["system"] for row in figures["rows"]][:2] == ["asyncssh", "nepi"]
    assert [line.split()[0] for line in table[2:4]] == ["asyncssh", "nepi"]


@pytest.mark.slow
@pytest.mark.root
def test_applications_over_ssh_are_counted_beside_bare_commands(tmp_path: Path) -> None:
    table, figures = bench(tmp_path, "ssh_applications.py", "--hosts", "2", "--applications", "10")
    assert table[0] == "10 applications on 2 hosts, seconds since deploy():"
    assert 0 < figures["ready"] <= figures["started"] <= figures["finished"] <= figures["released"]
    assert figures["per_s"] > 0 < figures["bare_s"]


@pytest.mark.ns3
def test_starts_of_simulations_are_measured_beside_a_process_of_its_own(tmp_path: Path) -> None:
    table, figures = bench(tmp_path, "ns3_start.py", "--count", "1")
    assert [line.split("  ")[0] for line in table[1:6]] == ["by itself", "first", "second", "further", "slowest further"]
    assert 0 < figures["further"]["ready_s"] < figures["first"]["ready_s"]
    assert 0 < figures["further_mb"]["private"] < figures["further_mb"]["rss"]
