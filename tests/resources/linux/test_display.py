"""Windows of commands on hosts, on a display that the test itself is."""

from __future__ import annotations

import shlex
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from nepi import ExperimentError, trace_matches
from nepi.lab import Lab
from tests.resources.controllers import MakeController
from tests.resources.linux.conftest import SOON, add_host, on

pytestmark = [pytest.mark.root, pytest.mark.netns]

CLIENT = """
import os, socket, struct, subprocess, sys
display = os.environ["DISPLAY"]
listed = subprocess.run(["xauth", "list", display], capture_output=True, text=True, check=True).stdout
_, protocol, cookie = listed.split()
words = protocol.encode(), bytes.fromhex(cookie)
hello = struct.pack("<2sHHHHH", b"l", 11, 0, *map(len, words), 0) + b"".join(word + bytes(-len(word) % 4) for word in words)
with socket.create_connection(("localhost", 6000 + int(display.rpartition(":")[2].partition(".")[0]))) as client:
    client.sendall(hello)
    print(os.geteuid(), client.recv(5).decode(), flush=True)
    sys.stdin.read()
"""
DRAW = shlex.join(["python3", "-c", CLIENT])
"""Says what a client of X11 says first, with the cookie that it finds, and what the display answers."""


@pytest.fixture
def display(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bytes]]:
    """Return what clients have said, at their beginning, to a display that answers "drawn"."""
    said: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("DISPLAY", f"127.0.0.1:{server.getsockname()[1] - 6000}")
        monkeypatch.setenv("XAUTHORITY", str(tmp_path / "no_xauthority"))

        def serve() -> None:
            while True:
                try:
                    client, _ = server.accept()
                except OSError:
                    return
                with client:
                    said.append(client.recv(4))
                    client.sendall(b"drawn")

        thread = threading.Thread(target=serve)
        thread.start()
        yield said
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_commands_of_a_user_and_of_root_draw_on_this_machines_display(lab: Lab, controller: MakeController, display: list[bytes]) -> None:
    ec = controller()
    node = add_host(ec, lab, "h1", username="nepi")
    apps = [ec.add("Application", node, command=DRAW, forwardX11=True, sudo=sudo, openStdin=True) for sudo in (False, True)]
    plain = ec.add("Application", node, command="echo ${DISPLAY:-none}")
    ec.deploy()
    for app in apps:
        assert ec.wait_for(trace_matches(app, "drawn"), SOON)
    for app in apps:
        ec.send_stdin(app, b"", eof=True)
    assert ec.wait_finished([*apps, plain], SOON)
    uid = on(lab, "h1", "id -u nepi").strip()
    assert [app.trace() for app in (*apps, plain)] == [f"{uid} drawn\n", "0 drawn\n", "none\n"]
    assert display == [b"l\0\x0b\0"] * 2


def test_the_next_command_gets_another_display_when_the_first_one_is_over(
    lab: Lab, controller: MakeController, display: list[bytes]
) -> None:
    ec = controller()
    node = add_host(ec, lab, "h1")
    first, second = (ec.add("Application", node, command=DRAW, forwardX11=True) for _ in range(2))
    second.start_when(first.finished)
    ec.run(deadline=SOON)
    assert (first.trace(), second.trace(), len(display)) == ("0 drawn\n", "0 drawn\n", 2)


def test_a_command_that_has_its_window_open_is_ended_with_the_run(lab: Lab, controller: MakeController, display: list[bytes]) -> None:
    ec = controller()
    server = ec.add("Server", add_host(ec, lab, "h1"), command=DRAW, forwardX11=True, openStdin=True)
    ec.deploy()
    assert ec.wait_for(trace_matches(server, "drawn"), SOON)
    ec.shutdown()
    assert on(lab, "h1", "ps -eo args | grep -c '[d]isplay.rpartition' || true").strip() == "0"
    assert display == [b"l\0\x0b\0"]


def test_a_display_that_is_not_there_is_told(lab: Lab, controller: MakeController, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    ec = controller()
    ec.add("Application", add_host(ec, lab, "h1"), command="true", forwardX11=True)
    with pytest.raises(ExperimentError, match="this machine has no display"):
        ec.run(deadline=SOON)


def test_a_server_that_does_not_forward_x11_is_told(controller: MakeController, display: list[bytes]) -> None:
    with Lab(1, sshd={"X11Forwarding": "no"}) as lab:
        ec = controller()
        ec.add("Application", add_host(ec, lab, "h1"), command="true", forwardX11=True)
        with pytest.raises(ExperimentError, match="X11Forwarding must be yes in the sshd_config of h1"):
            ec.run(deadline=SOON)
        ec.shutdown()
    assert display == []
