"""Settings of namespaces, through a private mount of /proc where the kernel gives one."""

from pathlib import Path

import pytest

from nepi.hosts.agent.sysctls import RENEWED_AFTER, Sysctls


def test_without_a_private_mount_proc_itself_is_written() -> None:
    asked = []

    def refuse() -> int:
        asked.append(True)
        raise PermissionError

    sysctls = Sysctls(refuse)
    for _ in range(2 * RENEWED_AFTER):
        sysctls.next_namespace()
    assert len(asked) == 1
    assert not sysctls.write("net/no/such/setting", "1")


@pytest.mark.root
def test_the_private_mount_is_renewed_and_let_go() -> None:
    sysctls = Sysctls()
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3 * RENEWED_AFTER):
        sysctls.next_namespace()
    value = Path("/proc/sys/net/ipv4/ip_forward").read_text()
    assert sysctls.write("net/ipv4/ip_forward", value)
    assert not sysctls.write("net/no/such/setting", "1")
    sysctls.close()
    sysctls.close()
    assert len(list(Path("/proc/self/fd").iterdir())) == before
