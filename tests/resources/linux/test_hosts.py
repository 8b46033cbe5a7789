"""Hosts with a real SSH server: what is brought there, executed, fetched, and given back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nepi import ExperimentController, ExperimentError, TraceAttr, trace_matches
from nepi.apps.catalogue import of_backend
from nepi.apps.command_application import CommandApplication
from nepi.execution.ledger_kinds import collect
from nepi.execution.resource import ResourceManager
from nepi.lab import Lab
from tests.resources.controllers import MakeController
from tests.resources.linux.conftest import SOON, add_host, on

pytestmark = [pytest.mark.root, pytest.mark.netns]

FILES = "find /root/.nepi/nepi-exp -mindepth 2 2>/dev/null | wc -l"


def failure_of(ec: ExperimentController) -> str:
    with pytest.raises(ExperimentError) as caught:
        ec.run(deadline=SOON)
    return str(caught.value)


def test_path_tags_are_folders_of_the_run_alone_and_nothing_of_it_is_left(lab: Lab, controller: MakeController) -> None:
    ec = controller()
    tags = ["EXP_HOME", "NODE_HOME", "USR", "BIN", "LIB", "SRC", "SHARE", "RUN_HOME", "HOME"]
    command = "; ".join(f"cd ${{{tag}}} && pwd" for tag in tags)
    app = ec.add("Application", add_host(ec, lab, "h1"), command=command, name="app")
    ec.run(deadline=SOON)
    exp, *others = app.trace().splitlines()
    assert exp.startswith("/root/.nepi/nepi-exp/linux-test/run-0-")
    node, usr = f"{exp}/node-h1", f"{exp}/node-h1/usr"
    assert others == [node, usr, *(f"{usr}/{one}" for one in ("bin", "lib", "src", "share")), f"{node}/app-app/run", "/root"]
    assert on(lab, "h1", FILES) == "0\n"


def test_a_second_run_executes_its_own_files(lab: Lab, controller: MakeController, tmp_path: Path) -> None:
    program = tmp_path / "hello"
    outputs = []
    for word in ("first", "second"):
        program.write_text(f"#!/bin/sh\necho {word}\n")
        ec = controller("again", keep=True)  # what the first one had is still there
        app = ec.add("Application", add_host(ec, lab, "h1"), bins=str(program), command="${BIN}/hello", name="app")
        ec.deploy()
        assert ec.wait_for(app.finished, SOON)
        outputs.append(app.trace())
        ec.shutdown()
    assert outputs == ["first\n", "second\n"]
    for number in range(2):
        assert collect(tmp_path / "again" / f"run-{number}" / "ledger.sqlite").left == ()
    assert on(lab, "h1", FILES) == "0\n"


def test_code_is_brought_built_and_installed_and_files_are_sent_once(lab: Lab, controller: MakeController, tmp_path: Path) -> None:
    data = tmp_path / "some data"
    data.write_bytes(bytes(range(256)) * 100)
    ec = controller()
    node = add_host(ec, lab, "h1")
    code = '#!/bin/sh\ncat "${SHARE}/some data"\n'
    values: dict[str, Any] = {"files": f"{data};", "code": code, "build": "cp ${CODE} mine; chmod +x mine; echo built"}
    names = ("one", "two")
    apps = [ec.add("Application", node, **values, install=f"mv mine ${{BIN}}/{one}", command=f"${{BIN}}/{one}", name=one) for one in names]
    ec.run(deadline=SOON)
    for app in apps:
        assert app.trace().encode("utf-8", "surrogateescape") == data.read_bytes()
        assert app.trace("deploy_stdout") == "built\n"
    assert on(lab, "h1", "find /root/.nepi/nepi-usr -type f -size 25k | wc -l") == "1\n"


def test_a_failing_step_fails_the_application_with_what_it_said(lab: Lab, controller: MakeController) -> None:
    ec = controller()
    app = ec.add(
        "Application", add_host(ec, lab, "h1"), build="echo no compiler >&2; false", install="echo never", command="true", name="app"
    )
    assert "no compiler" in failure_of(ec)
    assert (app.trace("deploy_stderr"), app.trace("deploy_stdout")) == ("no compiler\n", "")


def test_sources_are_downloaded_by_the_host_itself(lab: Lab, controller: MakeController) -> None:
    ec = controller()
    there, here = add_host(ec, lab, "h1"), add_host(ec, lab, "h2")
    server = ec.add("HttpServer", there, port=8000, bytes=1000)
    url = f"http://{lab.host('h1').address}:8000/data"
    ec.deploy()
    assert ec.wait_for(server.started, SOON)
    app = ec.add("Application", here, sources=url, command="wc -c < ${SRC}/data", name="app")
    ec.deploy()
    assert ec.wait_for(app.finished, SOON)
    assert app.trace() == "1000\n"


def test_packages_are_installed_and_one_that_does_not_exist_is_named(lab: Lab, controller: MakeController) -> None:
    ec = controller()
    app = ec.add("Application", add_host(ec, lab, "h1"), depends="nepi-lab-hello", command="nepi-lab-hello")
    ec.run(deadline=SOON)
    assert app.finish_time is not None
    assert "install ok installed" in on(lab, "h1", "dpkg-query --show --showformat '${Status}' nepi-lab-hello")
    again = controller()
    again.add("Application", add_host(again, lab, "h1"), depends="nepi-lab-hello no-such-package", command="true", name="app")
    failure = failure_of(again)
    assert "has no package no-such-package: correct the attribute 'depends'" in failure


def test_root_is_become_by_sudo_where_that_is_permitted(lab: Lab, controller: MakeController) -> None:
    ec = controller()
    node = add_host(ec, lab, "h1", username="nepi")
    apps = [ec.add("Application", node, command='echo "$(id -un) $A"', env="A='x y'", sudo=sudo) for sudo in (False, True)]
    forever = ec.add("Server", node, command="sleep 4321 & wait", sudo=True)
    capture = ec.add("Tcpdump", node, i="any", name="capture")
    for app in apps:
        app.start_when(forever.started & capture.started)
    ec.run(deadline=SOON)
    assert [app.trace() for app in apps] == ["nepi x y\n", "root x y\n"]
    assert capture.trace_path("pcap").read_bytes()[:4] in (b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\xc3\xd4")
    assert on(lab, "h1", "ps -eo args | grep -c '[s]leep 4321' || true") == "0\n"


def test_what_root_has_left_is_brought_and_removed_with_its_node(lab: Lab, controller: MakeController) -> None:
    ec = controller()
    node = add_host(ec, lab, "h1", username="nepi")
    command = "umask 077; mkdir -p kept/here && echo mine >kept/here/file"
    app = ec.add("Application", node, command=command, sudo=True)
    ec.run(deadline=SOON)
    assert (app.trace_path("stdout").parent / "kept/here/file").read_text() == "mine\n"
    assert (ec.left_behind, ec.trouble) == ({}, [])
    assert on(lab, "h1", "find /home/nepi/.nepi/nepi-exp -mindepth 2 | wc -l") == "0\n"


def test_root_that_may_not_be_become_is_told(lab: Lab, controller: MakeController) -> None:
    ec = controller()
    node = add_host(ec, lab, "h1", username="plain")
    ec.add("Application", node, command="true", sudo=True, name="app", critical=False)
    package = ec.add("Application", node, command="true", depends="nepi-lab-not-installed", name="package", critical=False)
    ec.run(deadline=SOON)
    assert "sudo" in ec.handle("app").failure
    assert "plain ALL=(ALL) NOPASSWD: ALL" in package.failure


def test_a_program_that_is_missing_is_told_with_its_package(lab: Lab, controller: MakeController) -> None:
    ec = controller()
    node = add_host(ec, lab, "h1", installTools=False)
    lab.run("h1", ["mv", "/usr/bin/nc.openbsd", "/usr/bin/nc.hidden"])
    try:
        ec.add("NetcatReceiver", node, name="receiver")
        failure = failure_of(ec)
    finally:
        lab.run("h1", ["mv", "/usr/bin/nc.hidden", "/usr/bin/nc.openbsd"])
    assert "nc is not installed on h1: install netcat-openbsd there" in failure


def test_results_that_are_read_from_files_are_right(lab: Lab, controller: MakeController) -> None:
    ec = controller()
    there, here = add_host(ec, lab, "h1"), add_host(ec, lab, "h2")
    capture = ec.add("Tcpdump", there, i="any", expression="tcp port 9000", name="capture")
    sender = ec.add("NetcatSender", here, target=there, bytes="300kB", name="sender")
    receiver = ec.add("NetcatReceiver", there, source=sender, name="receiver")
    receiver.start_when(capture.started)
    sender.start_when(receiver.started)
    written = ec.add(
        "Application",
        here,
        command="mkdir -p a/b; echo deep > a/b/c; echo flat > flat; printf '\\000\\377' > binary",
        tearDown="echo torn > ${RUN_HOME}/torn",
    )
    ec.run(deadline=SOON)
    assert receiver.result.bytes == sender.result.bytes == 300_000
    assert receiver.result.sha256 == sender.result.sha256
    assert capture.result.captured_packets > 0
    assert [written.trace(name) for name in ("flat", "torn")] == ["flat\n", "torn\n"]
    folder = Path(written.trace("flat", "path")).parent
    assert (folder / "binary").read_bytes() == b"\x00\xff"
    assert (folder / "a/b/c").read_text() == "deep\n"


def test_a_file_is_read_while_the_command_writes_it(lab: Lab, controller: MakeController) -> None:
    ec = controller()
    app = ec.add(
        "Application",
        add_host(ec, lab, "h1"),
        command="echo one > log; echo begun; read line; echo two >> log; echo more; exec sleep 600",
        openStdin=True,
    )
    ec.deploy()
    assert ec.wait_for(trace_matches(app, "begun"), SOON)
    assert (app.trace("log"), app.trace("nothing")) == ("one\n", None)
    ec.send_stdin(app, "go\n")
    assert ec.wait_for(trace_matches(app, "more"), SOON)
    assert (app.trace("log"), app.trace("log", TraceAttr.SIZE), app.trace("log", TraceAttr.STREAM, 4, 1)) == ("one\ntwo\n", 8, "two\n")


def test_a_node_runs_its_tear_down_and_cleans_before_it_begins(lab: Lab, controller: MakeController) -> None:
    on(lab, "h2", "mkdir -p /root/.nepi/nepi-exp/linux-test/old /root/.nepi/nepi-exp/other/old /root/.nepi/nepi-usr/aa")
    ec = controller()
    app = ec.add(
        "Application", add_host(ec, lab, "h2", cleanExperiment=True, tearDown="touch /root/torn"), command="ls /root/.nepi/nepi-exp/*"
    )
    ec.run(deadline=SOON)
    assert "/root/.nepi/nepi-exp/other:\nold\n" in app.trace()
    assert app.trace().count("old") == 1
    assert on(lab, "h2", "rm /root/torn && echo there") == "there\n"
    ec = controller()
    app = ec.add("Application", add_host(ec, lab, "h2", cleanHome=True), command="ls /root/.nepi/nepi-exp /root/.nepi/nepi-usr 2>&1")
    ec.run(deadline=SOON)
    assert "old" not in app.trace()


def test_cleaning_leaves_alone_what_the_run_has_there_by_another_way(lab: Lab, controller: MakeController) -> None:
    ec = controller()
    running = ec.add("Application", add_host(ec, lab, "h2"), command="sleep 4322", name="running")
    ec.deploy()
    assert ec.wait_for(running.started, SOON)
    values: dict[str, Any] = {"hostname": "h2", "sshConfig": str(lab.ssh_config), "connectDeadline": "29s"}
    node = ec.add("Node", name="again", cleanHome=True, cleanProcesses=True, **values)
    app = ec.add("Application", node, command="ls -d ${EXP_HOME}/../*; ps -eo args | grep '[s]leep 4322'", name="app")
    ec.deploy()
    assert ec.wait_for(app.finished, SOON)
    mine, other, there = app.trace().splitlines()
    assert mine.rpartition("-")[0] == other.rpartition("-")[0]
    assert there == "sleep 4322"


def test_files_may_stay_on_the_host(lab: Lab, controller: MakeController) -> None:
    ec = controller()
    ec.add("Application", add_host(ec, lab, "h2", keepFiles=True, home="kept"), command="echo here > result", name="app")
    ec.run(deadline=SOON)
    assert on(lab, "h2", "cat /root/kept/.nepi/nepi-exp/linux-test/run-0-*/node-h2/app-app/run/result; rm -r /root/kept") == "here\n"


class Hello(CommandApplication):
    """Says hello, by a tool that a host may lack."""

    tools = ("nepi-lab-hello",)

    def argv(self) -> list[str]:
        return ["nepi-lab-hello"]


def test_a_tool_that_is_missing_is_installed(lab: Lab, controller: MakeController) -> None:
    of_backend("linuxtest", __name__, on_host_type(), [Hello])
    lab.run("h2", ["dpkg", "--purge", "nepi-lab-hello"], check=False)
    ec = controller()
    app = ec.add("linuxtest::Hello", add_host(ec, lab, "h2"))
    ec.run(deadline=SOON)
    assert app.trace()
    assert "nepi-lab-hello" in app.trace("deploy_stdout")


def on_host_type() -> type[ResourceManager]:
    """What the backend's applications have of their own, as a backend's author gives it to `of_backend`."""
    from nepi.resources.linux import applications

    return applications._OnHost
