from __future__ import annotations

import dataclasses
import json

import pytest

from nepi.cli.doctor import Check, namespace_checks, ns3_check, tool_checks, userspace_check
from nepi.hosts.namespace_facts import NamespaceFacts
from tests.cli.conftest import nepi

ALL_WELL = NamespaceFacts(
    kernel="6.1.0",
    uid=1000,
    usable=True,
    error=None,
    rootless=True,
    own_proc=True,
    qdiscs=("tbf", "htb", "netem"),
    links=("veth", "bridge", "tap", "vxlan"),
    nofile=(1024, 1_048_576),
    settings={},
    userspace_links={"available": True, "compiled": True, "packets_per_s": 250_000, "frame_bytes": 1514},
)


def test_a_machine_that_has_everything_lacks_nothing() -> None:
    assert {check.state for check in [*namespace_checks(ALL_WELL), *tool_checks(ALL_WELL)]} == {"ok"}


@pytest.mark.parametrize(
    ("settings", "mend"),
    [
        ({"kernel/apparmor_restrict_unprivileged_userns": "1"}, "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"),
        ({"kernel/unprivileged_userns_clone": "0"}, "sudo sysctl -w kernel.unprivileged_userns_clone=1"),
        ({"user/max_user_namespaces": "0"}, "sudo sysctl -w user.max_user_namespaces=10000"),
        ({}, "run it as root; in a container, allow user namespaces in its security profile"),
    ],
)
def test_refused_namespaces_come_with_the_command_that_allows_them(settings: dict[str, str | None], mend: str) -> None:
    facts = dataclasses.replace(ALL_WELL, usable=False, error="Operation not permitted", settings=settings)
    assert namespace_checks(facts) == [Check("namespaces", "missing", "refused to user 1000: Operation not permitted", mend)]


def test_what_is_lacking_is_told_with_what_it_means_and_what_mends_it() -> None:
    facts = dataclasses.replace(ALL_WELL, qdiscs=("tbf", "htb"), links=("veth", "tap", "vxlan"), nofile=(256, 256))
    assert [check for check in namespace_checks(facts) if check.state != "ok"] == [
        Check("bridge", "lacking", "none; switches cannot be made", "sudo modprobe bridge, or another kernel"),
        Check(
            "queue netem",
            "lacking",
            "none; done in user space: delay, loss, duplication and the like of links",
            "sudo modprobe sch_netem, or a kernel with CONFIG_NET_SCH_NETEM",
        ),
        Check(
            "open files",
            "lacking",
            "limit 256, for 96 nodes a run",
            'echo "$USER hard nofile 65536" | sudo tee /etc/security/limits.d/nepi.conf, then log in anew',
        ),
    ]


def test_whether_experiments_can_be_simulated_is_told_with_the_line_that_installs_ns3() -> None:
    assert ns3_check("3.44.post0", (3, 11)) == Check("ns-3", "ok", "3.44.post0, for simulations")
    assert ns3_check(None, (3, 13)) == Check("ns-3", "lacking", "not installed; nothing can be simulated", "pip install 'nepi[ns3]'")
    assert ns3_check(None, (3, 14)).mend == "its wheel is for CPython 3.11 to 3.13: with one of these, pip install 'nepi[ns3]'"


def test_without_a_tun_device_no_namespace_joins_a_simulation() -> None:
    facts = dataclasses.replace(ALL_WELL, links=("veth", "bridge", "vxlan"))
    assert [check for check in namespace_checks(facts) if check.state != "ok"] == [
        Check("tap", "lacking", "none; namespaces that join a simulation cannot be made", "sudo modprobe tun, or another kernel")
    ]


def test_without_netem_and_user_space_links_there_is_no_delay() -> None:
    facts = dataclasses.replace(ALL_WELL, qdiscs=("tbf", "htb"), userspace_links={"available": False, "why": "no packet socket"})
    assert [(check.name, check.found) for check in namespace_checks(facts) if check.state != "ok"] == [
        ("queue netem", "none; without it: no delay, loss, duplication and the like of links"),
        ("user-space link", "no packet socket"),
    ]


def test_the_ceiling_of_the_user_space_link_is_told_with_its_engine() -> None:
    compiled, python = (userspace_check({**ALL_WELL.userspace_links, "compiled": one}) for one in (True, False))
    assert compiled == Check("user-space link", "ok", "compiled, up to 250,000 packets/s of 1514 bytes (3 Gbit/s) on a core of its own", "")
    assert (python.state, python.found) == (
        "lacking",
        "in Python, not compiled, up to 250,000 packets/s of 1514 bytes (3 Gbit/s) on a core of its own",
    )
    assert "gcc" in python.mend


def test_a_missing_program_names_its_package() -> None:
    facts = dataclasses.replace(ALL_WELL, missing=("ping",))
    assert [check for check in tool_checks(facts) if check.state != "ok"] == [
        Check("ping", "lacking", "not installed", "sudo apt install iputils-ping")
    ]


@pytest.mark.netns
def test_where_namespaces_work_the_doctor_is_content() -> None:
    said = nepi("doctor")
    assert said.status == 0
    assert said.out.endswith("Experiments on namespaces can run here.\n")
    record = json.loads(nepi("doctor", "--json").out)
    assert (record["ready"], record["facts"]["usable"]) == (True, True)
