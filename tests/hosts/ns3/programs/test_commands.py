import pytest

from nepi.apps.iperf3_command import Iperf3ClientOptions, iperf3_client_argv
from nepi.apps.ping_command import PingOptions, ping_argv
from nepi.errors import BadValueError
from nepi.hosts.ns3.programs.commands import FOR_EVER_NS, ClientCommand, PingCommand, ServerCommand, read_command

MS = 1_000_000


def test_ping_is_read_as_the_application_writes_it() -> None:
    argv = ping_argv(PingOptions(target="10.0.0.2", count=3, interval_s=0.2, packet_size_bytes=100, timeout_s=2, deadline_s=9, ttl=7))
    expected = PingCommand(
        "10.0.0.2", count=3, interval_ns=200 * MS, size_bytes=100, timeout_ns=2000 * MS, deadline_ns=9000 * MS, ttl=7
    )  # fmt: skip
    assert read_command(argv) == expected


def test_a_flood_over_ipv6_is_read_with_its_pattern() -> None:
    options = PingOptions(
        target="fd00::2", flood=True, preload=3, pattern="Ff0", timeout_s=0, report_outstanding=True, adaptive=True, ipv6=True
    )
    assert read_command(ping_argv(options)) == PingCommand(
        "fd00::2",
        interval_ns=0,
        timeout_ns=FOR_EVER_NS,
        preload=3,
        pattern="ff00",
        flood=True,
        adaptive=True,
        outstanding=True,
        six=True,
    )


def test_without_an_interval_the_next_ping_follows_a_reply_and_a_flood_with_one_keeps_it() -> None:
    at_once, flood = (read_command(["ping", *options, "b"]) for options in (["-i", "0"], ["-f", "-i", "0.5"]))
    assert isinstance(at_once, PingCommand)
    assert isinstance(flood, PingCommand)
    assert " interval 10000000 " in at_once.words()
    assert " flood 1 " in at_once.words()
    assert " interval 500000000 " in flood.words()
    assert " flood 0 " in flood.words()
    assert flood.flood  # it prints as one


def test_client_is_read_as_the_application_writes_it() -> None:
    options = Iperf3ClientOptions(
        target="b",
        duration_s=5,
        congestion="bbr",
        parallel=2,
        reverse=True,
        interval_s=0.5,
        omit_s=1,
        window_bytes=65_536,
        mss_bytes=1000,
        dscp="AF41",
        cport=7000,
        connect_timeout_s=3,
    )
    expected = ClientCommand(
        "b",
        duration_ns=5000 * MS,
        congestion="ns3::TcpBbr",
        parallel=2,
        reverse=True,
        interval_ns=500 * MS,
        omit_ns=1000 * MS,
        window_bytes=65_536,
        mss_bytes=1000,
        tos=34 << 2,
        cport=7000,
        connect_timeout_ns=3000 * MS,
    )
    assert read_command(iperf3_client_argv(options)) == expected


def test_streams_side_by_side_share_the_amount_and_take_turns() -> None:
    command = read_command(
        ["iperf3", "-c", "b", "-u", "-b", "8000000", "-l", "1000", "-P", "2", "--bidir", "-n", "3001", "--cport", "7000"]
    )
    assert isinstance(command, ClientCommand)
    assert command.directions() == [False, False, True, True]
    common = "rate 8000000 length 1000 bytes 1501 window 0 mss 0 tos 0"
    assert command.stream_words(1) == f"udp 1 from_server 0 {common} cport 7001 no_delay 0 offset 500000 congestion -"
    assert command.stream_words(2) == f"udp 1 from_server 1 {common} cport 0 no_delay 0 offset 0 congestion -"


def test_udp_sends_1_mebibit_unless_told_as_iperf3_does() -> None:
    command = read_command(iperf3_client_argv(Iperf3ClientOptions(target="b", udp=True, amount_bytes=1000)))
    assert command == ClientCommand("b", udp=True, amount_bytes=1000, duration_ns=0, rate_bps=2**20)


def test_server_is_read() -> None:
    assert read_command(["iperf3", "-s", "-p", "7", "-1", "--forceflush"]) == ServerCommand(7, one_off=True)


@pytest.mark.parametrize(
    ("argv", "reason"),
    [
        (["curl", "x"], "has no program 'curl': it knows ping and iperf3; others run on a node of a namespace that a Link joins"),
        (["ping", "-R", "x"], "ping has no option -R in a simulation: ns-3 writes no options into IP headers"),
        (["ping", "-M", "do", "x"], "ping has no option -M in a simulation: ns-3 fragments what is too long"),
        (["ping"], "takes one target"),
        (["iperf3", "-c", "x", "-B", "10.0.0.1"], "iperf3 has no option -B in a simulation: addresses of sockets"),
        (["iperf3", "-c", "x", "-C", "copa"], "no congestion control 'copa'"),
        (["iperf3", "-c", "x", "-u", "-b", "0"], "say a rate"),
    ],
)
def test_what_a_simulated_node_does_not_know_is_refused(argv: list[str], reason: str) -> None:
    with pytest.raises(BadValueError, match=reason):
        read_command(argv)
