"""What measures links sees both of their ends, also those at switches; on the real kernel, as root and rootless."""

from pathlib import Path

import pytest

from nepi.errors import ResourceError
from nepi.hosts.namespace import VethEnd
from tests.hosts.worlds import RIGHTS, run, session_in, star

pytestmark = pytest.mark.netns


@pytest.mark.parametrize("rights", RIGHTS)
def test_what_measures_a_switch_sees_its_ports(tmp_path: Path, rights: str) -> None:
    async def scenario() -> tuple[list[str], int]:
        async with session_in(tmp_path, rights) as session:
            await star(session, 2)
            await session.veth(VethEnd("n1", "eth1"), VethEnd("s", "uplink"))
            seen = await session.port_host("s").run(["ip", "-o", "link", "show", "type", "veth"])
            with pytest.raises(ResourceError, match="no interface s:other in this run"):
                await session.interface_index("s", "other")
            with pytest.raises(ResourceError, match="no node 's'"):
                session.host("s")
            return seen.stdout.decode().splitlines(), await session.interface_index("s", "uplink")

    ports, index = run(scenario())
    assert len(ports) == 3
    assert any(line.startswith(f"{index}: ") for line in ports)
