"""What the namespace backend says of this machine."""

import dataclasses
import json
import os
from pathlib import Path

import pytest

from nepi.hosts.namespace_facts import NamespaceFacts, probe
from nepi.hosts.wire.compiled import load

FINE = NamespaceFacts(
    kernel="6.1.0",
    uid=1000,
    usable=True,
    error=None,
    rootless=True,
    own_proc=True,
    qdiscs=("tbf", "htb", "netem"),
    links=("veth", "bridge", "vxlan", "tap"),
    nofile=(1024, 1_048_576),
    settings={"kernel/unprivileged_userns_clone": "1"},
    userspace_links={"available": True, "compiled": True, "packets_per_s": 250_000, "frame_bytes": 1514},
)


def test_facts_survive_json() -> None:
    assert NamespaceFacts.from_json(json.loads(json.dumps(FINE.to_json()))) == FINE


def test_nothing_lacking_means_no_advice() -> None:
    assert FINE.advice() == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"qdiscs": ("tbf",)}, "modprobe sch_netem"),
        ({"qdiscs": ("netem",)}, "CONFIG_NET_SCH_TBF"),
        ({"links": ("veth",)}, "modprobe bridge"),
        ({"userspace_links": {"available": False, "why": "no packet socket"}}, "no packet socket"),
        ({"userspace_links": {"available": True, "compiled": False}}, "sudo apt install gcc libc6-dev"),
        ({"own_proc": False}, "masked"),
        ({"nofile": (256, 512)}, "At most 224 nodes"),
        ({"missing": ("ping", "iperf3")}, "sudo apt install iperf3 iputils-ping"),
        ({"usable": False, "error": "Operation not permitted"}, "run as root, or allow user namespaces"),
        (
            {"usable": False, "error": "x", "settings": {"kernel/apparmor_restrict_unprivileged_userns": "1"}},
            "kernel.apparmor_restrict_unprivileged_userns=0",
        ),
        ({"usable": False, "error": "x", "settings": {"kernel/unprivileged_userns_clone": "0"}}, "kernel.unprivileged_userns_clone=1"),
        ({"usable": False, "error": "x", "settings": {"user/max_net_namespaces": "0"}}, "user.max_net_namespaces=10000"),
    ],
)
def test_each_lack_has_its_advice(changes: dict[str, object], words: str) -> None:
    (advice,) = dataclasses.replace(FINE, **changes).advice()  # type: ignore[arg-type]
    assert words in advice


@pytest.mark.netns
def test_this_machine_is_probed_and_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    facts = probe(["sh", "no-such-tool"])
    assert facts.usable, facts.error
    assert (facts.uid, facts.kernel, facts.missing) == (os.geteuid(), os.uname().release, ("no-such-tool",))
    assert {"veth", "bridge"} <= set(facts.links)
    assert "tbf" in facts.qdiscs
    links = facts.userspace_links
    assert (links["available"], links["compiled"], links["frame_bytes"]) == (True, load() is not None, 1514)
    assert links["packets_per_s"] > 1000
    (kept,) = (tmp_path / "nepi").iterdir()
    kept.write_text(kept.read_text().replace('"tbf"', '"kept"'))
    assert "kept" in probe().qdiscs
    assert "tbf" in probe(cached=False).qdiscs


@pytest.mark.netns
def test_a_cache_that_cannot_be_used_is_ignored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = tmp_path / "nepi"
    folder.mkdir()
    (folder / f"namespaces-{os.geteuid()}.json").write_text("[1, 2")
    assert probe().usable
