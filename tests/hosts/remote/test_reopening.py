"""A way to a host survives being written down."""

import asyncio
import json
from pathlib import Path

import pytest

from nepi.hosts.remote.local_transport import LocalTransport
from nepi.hosts.remote.reopening import options_of, transport_of, way_of
from nepi.hosts.remote.ssh_options import HostKeys, Jump, SshOptions

ALL = SshOptions(
    "far",
    2222,
    "ann",
    Path("/keys/id"),
    (Jump("gw", 22, "bob"), Jump("2001:db8::1")),
    "SHA256:uNiVztksCsDhcc0u9e8BrJJn6JeQyJSa0kI7OJ2n6Ag",
    HostKeys.FIRST_USE,
    Path("/run/pins"),
    connect_deadline_s=5.0,
    forward_agent=True,
    group="x",
    config=Path("/c"),
    known_hosts=(Path("/k"),),
)


@pytest.mark.parametrize("options", [SshOptions("far"), SshOptions("far", jumps=()), ALL])
def test_what_was_written_is_read_again(options: SshOptions) -> None:
    assert options_of(json.loads(json.dumps(way_of(options)))) == options


def test_only_what_was_given_is_written_and_paths_are_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert way_of(SshOptions("far", identity=Path("id"))) == {"hostname": "far", "identity": str(tmp_path / "id")}


def test_this_machine_is_reached_without_ssh() -> None:
    async def main() -> None:
        transport = transport_of(way_of(None), "here")
        assert (type(transport), (await transport.run("echo hi")).stdout) == (LocalTransport, b"hi\n")
        await transport.close()

    asyncio.run(main())
