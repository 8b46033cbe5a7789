import pytest

from nepi.apps.iperf3_command import Iperf3ClientOptions, iperf3_client_argv
from nepi.apps.ping_command import PingOptions, ping_argv
from nepi.errors import BadValueError
from nepi.hosts.ns3.programs.commands import ClientCommand, PingCommand, ServerCommand, read_command

MS = 1_000_000


def test_ping_is_read_as_the_application_writes_it() -> None:
    argv = ping_argv(PingOptions(target="10.0.0.2", count=3, interval_s=0.2, packet_size_bytes=100, timeout_s=2, deadline_s=9, ttl=7))
    expected = PingCommand(
        "10.0.0.2", count=3, interval_ns=200 * MS, size_bytes=100, timeout_ns=2000 * MS, deadline_ns=9000 * MS, ttl=7
    )  # fmt: skip
    assert read_command(argv) == expected


def test_client_is_read_as_the_application_writes_it() -> None:
    options = Iperf3ClientOptions(target="b", duration_s=5, congestion="bbr", parallel=2, reverse=True, interval_s=0.5)
    expected = ClientCommand(
        "b", duration_ns=5000 * MS, congestion="ns3::TcpBbr", parallel=2, reverse=True, interval_ns=500 * MS, length_bytes=131_072
    )  # fmt: skip
    assert read_command(iperf3_client_argv(options)) == expected


def test_udp_sends_1_mebibit_unless_told_as_iperf3_does() -> None:
    command = read_command(iperf3_client_argv(Iperf3ClientOptions(target="b", udp=True, amount_bytes=1000)))
    assert command == ClientCommand("b", udp=True, amount_bytes=1000, duration_ns=0, rate_bps=2**20, length_bytes=1448)


def test_server_is_read() -> None:
    assert read_command(["iperf3", "-s", "-p", "7", "-1", "--forceflush"]) == ServerCommand(7, one_off=True)


@pytest.mark.parametrize(
    ("argv", "reason"),
    [
        (["curl", "x"], "has no program 'curl'"),
        (["ping", "-f", "x"], "ping has no option -f in a simulation"),
        (["ping"], "takes one target"),
        (["ping", "fd00::1"], "programs in a simulation use IPv4"),
        (["iperf3", "-c", "fd00::1"], "programs in a simulation use IPv4"),
        (["iperf3", "-c", "x", "-C", "copa"], "no congestion control 'copa'"),
    ],
)
def test_what_a_simulated_node_does_not_know_is_refused(argv: list[str], reason: str) -> None:
    with pytest.raises(BadValueError, match=reason):
        read_command(argv)
