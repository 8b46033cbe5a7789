"""`nepi shell` and `nepi exec` into hosts of a run that is up, over SSH and on this machine."""

from __future__ import annotations

import base64
import hashlib
import os
import pty
import subprocess
from pathlib import Path
from typing import Any

import pytest

from nepi import ExperimentController, Handle
from nepi.lab import Lab
from tests.cli.conftest import DEADLINE_S, NEPI, nepi_process
from tests.resources.controllers import MakeController
from tests.resources.linux.conftest import SOON, add_host, on

pytestmark = [pytest.mark.root, pytest.mark.netns]


def up(ec: ExperimentController, *nodes: Handle) -> str:
    """Bring nodes up; return how the run is called."""
    ec.deploy()
    assert ec.wait_started(list(nodes), SOON)
    return str(ec.run_dir)


def fingerprint(key: str) -> str:
    """Return the fingerprint of a public key, as ssh-keygen -l shows it."""
    digest = hashlib.sha256(base64.b64decode(key.split()[1])).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def test_a_command_on_a_host_has_our_input_output_and_status_and_the_nodes_folder(lab: Lab, controller: MakeController) -> None:
    ec = controller()
    run = up(ec, add_host(ec, lab, "h1"))
    said = nepi_process(
        "exec", run, "h1", "--", "sh", "-c", "hostname; cat; echo oops >&2; pwd; echo $NEPI_NODE $BIN; exit 7", stdin="in\n"
    )
    name, read, folder, rest = said.out.splitlines()
    assert (said.status, name, read, said.err) == (7, "h1", "in", "oops\n")
    assert rest == f"h1 {folder}/usr/bin"
    assert on(lab, "h1", f"ls -d {folder}").strip() == folder
    assert nepi_process("exec", run, "h1", "printf", "%s|", "a b", "$HOME '\"", "").out == "a b|$HOME '\"||"
    assert nepi_process("exec", run, "h1", "no-such-program").status == 127
    assert nepi_process("exec", run, "h2", "true").err == "nepi: no node 'h2' in this run; it has h1\n"


def test_hosts_are_reached_by_the_way_that_the_run_has_taken(lab: Lab, controller: MakeController) -> None:
    ec = controller()
    jump, hidden, other = lab.host("h1"), lab.host("h3"), lab.host("h2")
    same: dict[str, Any] = {"identity": str(hidden.identity), "username": "root"}
    nodes = [
        add_host(ec, lab, "h3"),
        ec.add("Node", name="pinned", hostname=hidden.address, gateway=jump.address, gatewayUser="root", hostKeys="trust", **same),
        ec.add("Node", name="given", hostname=other.address, serverKey=other.host_key, **same),
        ec.add("Node", name="printed", hostname=other.address, serverKey=fingerprint(other.host_key), home="elsewhere", **same),
        ec.add("Node", name="here", hostname="localhost", home=str(Path(ec.run_dir) / "home")),
    ]
    run = up(ec, *nodes)
    said = {one.name: nepi_process("exec", run, one.name, "sh", "-c", "hostname; pwd") for one in nodes}
    assert {name: one.err for name, one in said.items() if one.err} == {}
    found = {name: one.out.split() for name, one in said.items()}
    assert [found[name][0] for name in ("h3", "pinned", "given", "printed", "here")] == ["h3", "h3", "h2", "h2", os.uname().nodename]
    assert [Path(folder).name for _, folder in found.values()] == [f"node-{name}" for name in found]


def test_a_host_that_shows_another_key_than_before_is_not_entered(lab: Lab, controller: MakeController) -> None:
    ec = controller()
    host = lab.host("h1")
    node = ec.add("Node", name="a", hostname=host.address, hostKeys="trust", username="root", identity=str(host.identity))
    run = up(ec, node)
    pins = Path(ec.run_dir) / "known_hosts"
    right = pins.read_text()
    pins.write_text(right.replace(host.host_key, lab.host("h2").host_key))
    said = nepi_process("exec", run, "a", "hostname")
    assert (said.status, said.out) == (255, "")
    assert "REMOTE HOST IDENTIFICATION HAS CHANGED" in said.err
    pins.write_text(right)


def test_a_shell_reads_what_is_piped_into_it(lab: Lab, controller: MakeController) -> None:
    ec = controller()
    run = up(ec, add_host(ec, lab, "h1"), ec.add("Node", name="here", hostname="localhost", home=str(Path(ec.run_dir) / "home")))
    for name, host in (("h1", "h1"), ("here", os.uname().nodename)):
        shell = nepi_process("shell", run, name, stdin="hostname\npwd\nexit 3\n")
        assert (shell.status, shell.out.split()[0], Path(shell.out.split()[1]).name) == (3, host, f"node-{name}")


def test_a_shell_at_a_terminal_gets_a_terminal(lab: Lab, controller: MakeController) -> None:
    ec = controller()
    run = up(ec, add_host(ec, lab, "h1"))
    ours, its = pty.openpty()
    with subprocess.Popen([*NEPI, "shell", run, "h1"], stdin=its, stdout=its, stderr=its, start_new_session=True) as process:
        os.close(its)
        os.write(ours, b"tty; hostname; exit 4\n")
        status, seen = process.wait(DEADLINE_S), b""
        while b"exit\r\n" not in seen.partition(b"h1\r\n")[2]:
            try:
                seen += os.read(ours, 4096)
            except OSError:
                break
    os.close(ours)
    assert (status, b"/dev/pts/" in seen, b"h1\r\n" in seen) == (4, True, True)


def test_what_is_over_or_cannot_be_reached_is_told(lab: Lab, controller: MakeController) -> None:
    ec = controller()
    run = up(ec, add_host(ec, lab, "h2"))
    folder = nepi_process("exec", run, "h2", "pwd").out.strip()
    lab.stop_sshd("h2")
    try:
        said = nepi_process("exec", run, "h2", "true")
        assert said.status == 255
        assert f"connect to host {lab.host('h2').address} port 22: Connection refused" in said.err
    finally:
        lab.start_sshd("h2")
    on(lab, "h2", f"mv {folder} {folder}-")
    assert nepi_process("exec", run, "h2", "true").err == "nepi: node h2 is gone from this host\n"
    ec.shutdown()
    assert nepi_process("shell", run, "h2").err.endswith("is finished: its nodes are gone\n")
