"""What goes wrong with real hosts in the middle of an experiment, made to happen in the lab, from end to end."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from nepi import ExperimentController, ExperimentError, trace_matches
from nepi.lab import Lab
from tests.resources.controllers import MakeController
from tests.resources.linux.conftest import add_host, on

pytestmark = [pytest.mark.root, pytest.mark.netns]

SOON, LONG = "60s", "120s"
CUT_S = 30.0


@pytest.fixture(scope="module")
def fragile() -> Iterator[Lab]:
    """Two hosts that may be broken, with disks that can be filled."""
    with Lab(2, disk_bytes=512 << 20) as lab:
        yield lab


def failure_of(ec: ExperimentController, deadline: str = SOON) -> str:
    with pytest.raises(ExperimentError) as caught:
        ec.run(deadline=deadline)
    return str(caught.value)


def test_a_key_that_the_host_does_not_know_fails_the_node_at_once(fragile: Lab, controller: MakeController, tmp_path: Path) -> None:
    other = tmp_path / "key"
    fragile.run("h1", ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "/root/other"])
    other.write_text(on(fragile, "h1", "cat /root/other"))
    other.chmod(0o600)
    ec = controller()
    host = fragile.host("h1")
    ec.add("Node", name="a", hostname=host.address, username="root", identity=str(other), serverKey=host.host_key)
    failure = failure_of(ec)
    assert "root" in failure
    assert host.address in failure


def test_of_a_host_that_is_rebooted_the_commands_fail_and_the_others_go_on(fragile: Lab, controller: MakeController) -> None:
    ec = controller()
    lost = ec.add("Application", add_host(ec, fragile, "h1"), command="echo begun; sleep 4321", critical=False, name="lost")
    kept = ec.add("Application", add_host(ec, fragile, "h2"), command="echo begun; read line; echo ended", openStdin=True, name="kept")
    ec.deploy()
    assert ec.wait_for(trace_matches(lost, "begun") & trace_matches(kept, "begun"), SOON)
    fragile.reboot("h1")
    assert ec.wait_for(lost.ended, LONG)
    assert "h1" in lost.failure
    assert lost.trace() == "begun\n"
    ec.send_stdin(kept, "go\n")
    assert ec.wait_for(kept.finished, SOON)
    assert kept.trace() == "begun\nended\n"
    again = ec.add("Application", "h1", command="hostname", name="again")
    ec.deploy()
    assert ec.wait_for(again.finished, SOON)
    assert again.trace() == "h1\n"


def test_one_host_is_cut_off_for_thirty_seconds_and_one_answers_after_two_and_nothing_is_lost(
    fragile: Lab, controller: MakeController
) -> None:
    ec = controller()
    cut = ec.add(
        "Application",
        add_host(ec, fragile, "h1", connectDeadline="120s"),
        command="echo begun; sleep 25; echo meanwhile; sleep 8; echo ended",
        name="cut",
    )
    slow = ec.add("Application", add_host(ec, fragile, "h2"), command="echo begun; cat", openStdin=True, name="slow")
    ec.deploy()
    assert ec.wait_for(trace_matches(cut, "begun") & trace_matches(slow, "begun"), SOON)
    fragile.cut("h1")
    healed_at = time.monotonic() + CUT_S
    try:
        fragile.delay("h2", "1s")
        ec.send_stdin(slow, "words\n", eof=True)
        assert ec.wait_for(slow.finished, LONG)
        assert slow.trace() == "begun\nwords\n"
        assert not ec.wait_for(cut.ended, f"{max(healed_at - time.monotonic(), 0.0)}s")
    finally:
        fragile.delay("h2", 0)
        fragile.heal("h1")
    assert ec.wait_for(cut.finished, LONG)
    assert cut.trace() == "begun\nmeanwhile\nended\n"


def test_a_full_disk_fails_what_needs_room_and_says_so(fragile: Lab, controller: MakeController, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.write_bytes(bytes(1 << 20))
    ec = controller()
    node = add_host(ec, fragile, "h1")
    first = ec.add("Application", node, command="true", name="first")
    ec.deploy()
    assert ec.wait_for(first.finished, SOON)
    fragile.fill_disk("h1")
    try:
        app = ec.add("Application", node, files=str(data), command="true", critical=False, name="app")
        ec.deploy()
        assert ec.wait_for(app.ended, SOON)
    finally:
        fragile.free_disk("h1")
    assert "No space left on device" in app.failure or "disk" in app.failure
    later = ec.add("Application", node, files=str(data), command="wc -c < ${SHARE}/data", name="later")
    ec.deploy()
    assert ec.wait_for(later.finished, SOON)
    assert later.trace() == f"{1 << 20}\n"


def test_what_forks_and_detaches_itself_ends_with_its_application(fragile: Lab, controller: MakeController) -> None:
    ec = controller()
    command = "setsid -f sh -c 'trap \"\" HUP TERM; echo detached; exec sleep 4322' </dev/null; sleep 4323"
    app = ec.add("Application", add_host(ec, fragile, "h1"), command=command, name="app")
    ec.deploy()
    assert ec.wait_for(trace_matches(app, "detached"), SOON)
    ec.shutdown()
    assert on(fragile, "h1", "ps -eo args | grep -c '[s]leep 432' || true") == "0\n"


def test_a_hundred_megabytes_of_output_arrive_whole(fragile: Lab, controller: MakeController) -> None:
    ec = controller()
    command = "yes 0123456789abcde | head -c 100000000 | tee copy; sha256sum copy | cut -c 1-64 >&2; rm copy"
    app = ec.add("Application", add_host(ec, fragile, "h1"), command=command, name="app")
    ec.run(deadline=LONG)
    with app.trace_path("stdout").open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    assert (app.trace_path("stdout").stat().st_size, app.trace("stderr")) == (100_000_000, f"{digest}\n")


def test_output_may_have_any_bytes(fragile: Lab, controller: MakeController) -> None:
    ec = controller()
    numbers = "".join(f"\\{number:03o}" for number in range(256))
    app = ec.add("Application", add_host(ec, fragile, "h1"), command=f"printf '{numbers}'", name="app")
    ec.run(deadline=SOON)
    assert app.trace_path("stdout").read_bytes() == bytes(range(256))


def test_times_of_hosts_whose_clocks_are_an_hour_apart_are_corrected(fragile: Lab, controller: MakeController) -> None:
    fragile.skew_clock("h1", "1h")
    try:
        ec = controller()
        apps = [ec.add("Application", add_host(ec, fragile, name), command="date +%s", name=f"on-{name}") for name in ("h1", "h2")]
        before = time.time()
        ec.run(deadline=SOON)
        after = time.time()
    finally:
        fragile.skew_clock("h1", 0)
    there = [int(app.trace()) for app in apps]
    assert 3500 < there[0] - there[1] < 3700
    for app in apps:
        assert app.start_time is not None
        assert app.finish_time is not None
        assert before <= app.start_time.timestamp() <= app.finish_time.timestamp() <= after
