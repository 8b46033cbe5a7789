"""Links of namespaces measured by real probes. Rates are low, so that a busy machine sends and counts what they are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nepi import ExperimentController, Handle
from nepi.errors import UsageError
from nepi.model.promises import Verification
from tests.resources.controllers import MakeController
from tests.resources.netns.conftest import sh, up

pytestmark = pytest.mark.netns


def two(ec: ExperimentController, **values: Any) -> tuple[Handle, Handle, Handle]:
    a, b = ec.add("Node", name="a"), ec.add("Node", name="b")
    return a, b, ec.add("Link", a, b, name="link", **values)


def verdicts(found: Verification) -> dict[tuple[str, str], str]:
    return {(one.direction, one.what): one.verdict for one in found}


def test_a_rate_is_measured_in_both_directions(ec: ExperimentController) -> None:
    _, _, link = two(ec, rate="5Mbit")
    up(ec)
    found = link.verify()
    assert verdicts(found) == {(way, what): "kept" for way in ("a > b", "b > a") for what in ("rate", "delay", "loss")}
    assert [round(one.measured / 5e6, 2) for one in found if one.what == "rate" and one.measured] == pytest.approx([1, 1], abs=0.03)


def test_what_was_measured_lies_in_the_runs_folder(ec: ExperimentController) -> None:
    _, _, link = two(ec, rate="5Mbit")
    up(ec)
    found = link.verify()
    record = json.loads((Path(ec.run_dir) / "verification.jsonl").read_text())
    assert record["promises"] == [one.to_record() for one in found]
    figures = record["looks"][-1]["a > b"]
    assert (figures["path"]["sent"], figures["path"]["lost"]) == (200, 0)
    assert figures["flood"]["offered_bps"] > figures["flood"]["came_bps"]


def test_a_link_that_somebody_has_changed_behind_our_back_is_found_out(ec: ExperimentController) -> None:
    a, _, link = two(ec, rate="5Mbit")
    up(ec)
    sh(ec, a, "tc qdisc replace dev eth0 root handle 1: tbf rate 4mbit burst 3028 limit 100000")
    found = link.verify()
    assert [(one.direction, one.what) for one in found.broken] == [("a > b", "rate")]
    assert found.broken[0].measured == pytest.approx(4e6, rel=0.03)
    assert len(json.loads((Path(ec.run_dir) / "verification.jsonl").read_text())["looks"]) == 2


def test_links_to_and_between_switches_are_verified_without_disturbing_others(ec: ExperimentController) -> None:
    a, west, east = ec.add("Node", name="a"), ec.add("Switch", name="west"), ec.add("Switch", name="east")
    ec.add("Link", a, west, name="access", rate="5Mbit")
    ec.add("Link", west, east, name="trunk", rate="8Mbit")
    b = ec.add("Node", name="b")
    ec.add("Link", b, west, name="bare")
    up(ec)
    received = "sed -n 's/^ *eth0: *[0-9]* *\\([0-9]*\\).*/\\1/p' /proc/net/dev"  # /sys shows the machine's interfaces
    before = sh(ec, b, received)
    found = ec.verify()
    after = sh(ec, b, received)
    assert [one.link for one in found if one.what == "rate"] == ["access", "access", "trunk", "trunk"]
    assert {one.verdict for one in found} == {"kept"}
    assert int(after) - int(before) < 100  # thousands were sent: none of them was passed on


def test_a_link_that_is_not_shaped_is_verified_when_it_is_named(ec: ExperimentController) -> None:
    _, _, link = two(ec)
    up(ec)
    assert ec.verify() == Verification()
    assert verdicts(link.verify()) == {(way, what): "kept" for way in ("a > b", "b > a") for what in ("delay", "loss")}


def test_a_link_without_addresses_and_with_a_small_mtu_is_verified(ec: ExperimentController) -> None:
    _, _, link = two(ec, rate="2Mbit", mtu=300, addressing=False)
    up(ec)
    assert {one.verdict for one in link.verify()} == {"kept"}


def test_an_unplugged_link_cannot_be_verified(ec: ExperimentController) -> None:
    _, _, link = two(ec, rate="5Mbit", up=False)
    up(ec)
    with pytest.raises(UsageError, match=r"link \(netns::Link\) is unplugged \(up=False\)"):
        link.verify()


def test_a_change_waits_until_a_measurement_is_over(ec: ExperimentController) -> None:
    _, _, link = two(ec, rate="5Mbit")
    up(ec)
    ec.schedule("500ms", lambda: ec.set(link, "rate", "1Mbit"), track=True)
    assert link.verify()
    ec.set(link, "queue", 50)  # comes after the other change
    found = link.verify()
    assert [one.asked for one in found if one.what == "rate"] == [1e6, 1e6]
    assert found


def test_a_deployment_is_verified_before_its_applications_start(controller: MakeController) -> None:
    ec = controller(verify=True)
    a, b, _ = two(ec, rate="5Mbit")
    ping = ec.add("Ping", a, target=b, count=1)
    ec.run()
    assert ping.result.received == 1
    assert {one.verdict for one in ec.promises} == {"kept"}
    verified_at = json.loads((Path(ec.run_dir) / "verification.jsonl").read_text())["at"]
    assert ping.manager.start_time is not None
    assert ping.manager.start_time.isoformat() > verified_at
