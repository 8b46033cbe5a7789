"""Command lines of ping, iperf3 and tcpdump."""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath

import pytest

from nepi.apps.iperf3_command import Iperf3ClientOptions, Iperf3ServerOptions, iperf3_client_argv, iperf3_server_argv
from nepi.apps.options import CommandOptions, option_rows
from nepi.apps.ping_command import PingOptions, ping_argv
from nepi.apps.tcpdump_command import TcpdumpOptions, tcpdump_argv
from nepi.errors import BadValueError

ORIGINAL_PING = (
    "count mark interval address preload numeric pattern printTimestamp tos quiet recordRoute routeBypass packetSize sendBuff ttl "
    "timestamp hint fullLatency verbose flood deadline timeout target"
)
ORIGINAL_TCPDUMP = "A b B c C d dd ddd D e F G i I j K l U n N S s T t tt ttt tttt ttttt v vv vvv w expression"


@pytest.mark.parametrize(
    ("attributes", "words"),
    [
        ({}, []),
        ({"quiet": True}, ["-q"]),
        ({"quiet": False, "numeric": True, "flood": True}, ["-n", "-f"]),
        ({"count": 3, "interval": "200ms"}, ["-c", "3", "-i", "0.2"]),
        ({"interval": "0.2", "deadline": "10", "timeout": "1.5"}, ["-i", "0.2", "-w", "10", "-W", "1.5"]),
        ({"mark": "0x10", "tos": "0x1c", "ttl": "64"}, ["-m", "16", "-Q", "28", "-t", "64"]),
        ({"address": "10.0.0.1", "preload": "3", "pattern": "ff00"}, ["-I", "10.0.0.1", "-l", "3", "-p", "ff00"]),
        ({"packetSize": "1kB", "sendBuff": "64KiB"}, ["-s", "1000", "-S", "65536"]),
        ({"printTimestamp": True, "recordRoute": True, "routeBypass": True}, ["-D", "-R", "-r"]),
        ({"hint": "do", "fullLatency": True, "verbose": True}, ["-M", "do", "-U", "-v"]),
        ({"timestamp": "tsonly"}, ["-T", "tsonly"]),
        ({"timestamp": "tsprespec r1 r2"}, ["-T", "tsprespec", "r1", "r2"]),
        ({"adaptive": True, "reportOutstanding": True, "ipv6": True}, ["-A", "-O", "-6"]),
    ],
)
def test_ping(attributes: dict[str, object], words: list[str]) -> None:
    assert ping_argv(PingOptions.from_attributes({"target": "b", **attributes})) == ["ping", *words, "b"]


@pytest.mark.parametrize(
    ("attributes", "name"),
    [
        ({"target": "-f"}, "target"),
        ({"packetSize": "65508B"}, "packetSize"),
        ({"deadline": "1500ms"}, "deadline"),
        ({"ttl": 0}, "ttl"),
        ({"pattern": "xyz"}, "pattern"),
        ({"timestamp": "tsprespec"}, "timestamp"),
        ({"timestamp": "tsprespec -f"}, "timestamp"),
        ({"recordRoute": True, "timestamp": "tsonly"}, "recordRoute"),
        ({"recordRoute": True, "ipv6": True}, "ipv6"),
        ({"hint": "perhaps"}, "hint"),
    ],
)
def test_ping_names_what_is_wrong(attributes: dict[str, object], name: str) -> None:
    with pytest.raises(BadValueError, match=f"^ping: {name}: "):
        PingOptions.from_attributes({"target": "b", **attributes})


@pytest.mark.parametrize(
    ("attributes", "words"),
    [
        ({}, []),
        ({"duration": "5s", "rate": "10Mbit", "udp": True}, ["-t", "5", "-b", "10000000", "-u"]),
        ({"bytes": "1MiB", "parallel": 4, "reverse": True}, ["-n", "1048576", "-P", "4", "-R"]),
        ({"bidir": True, "congestion": "cubic", "window": "256KiB"}, ["--bidir", "-C", "cubic", "-w", "262144"]),
        ({"length": "1400B", "omit": "1s", "interval": "100ms"}, ["-l", "1400", "-O", "1", "-i", "0.1"]),
        ({"cport": 6000, "bind": "10.0.0.1", "ipv6": True}, ["--cport", "6000", "-B", "10.0.0.1", "-6"]),
        ({"zerocopy": True, "noDelay": True, "mss": 536}, ["-Z", "-N", "-M", "536"]),
        ({"tos": "0x10"}, ["-S", "16"]),
        ({"dscp": "ef", "connectTimeout": "2s"}, ["--dscp", "ef", "--connect-timeout", "2000"]),
    ],
)
def test_iperf3_client(attributes: dict[str, object], words: list[str]) -> None:
    options = Iperf3ClientOptions.from_attributes({"target": "b", **attributes})
    assert iperf3_client_argv(options) == ["iperf3", "-c", "b", "-p", "5201", *words, "--json"]


@pytest.mark.parametrize(
    ("attributes", "name"),
    [
        ({"port": 0}, "port"),
        ({"duration": "1.5s"}, "duration"),
        ({"duration": "5s", "bytes": "1MB"}, "bytes"),
        ({"reverse": True, "bidir": True}, "bidir"),
        ({"udp": True, "congestion": "cubic"}, "congestion"),
        ({"udp": True, "length": "64KiB"}, "length"),
        ({"tos": 4, "dscp": "ef"}, "dscp"),
        ({"dscp": "64"}, "dscp"),
        ({"interval": "50ms"}, "interval"),
        ({"rate": "10"}, "rate"),
        ({"parallel": 129}, "parallel"),
    ],
)
def test_iperf3_client_names_what_is_wrong(attributes: dict[str, object], name: str) -> None:
    with pytest.raises(BadValueError, match=f"^iperf3: {name}: "):
        Iperf3ClientOptions.from_attributes({"target": "b", **attributes})


def test_iperf3_server() -> None:
    assert iperf3_server_argv(Iperf3ServerOptions()) == ["iperf3", "-s", "-p", "5201", "--forceflush"]
    every = Iperf3ServerOptions(port=80, bind="::", one_off=True, interval_s=0, ipv6=True, json=True)
    expected = ["iperf3", "-s", "-p", "80", "-B", "::", "-1", "-i", "0", "-6", "--json", "--forceflush"]
    assert iperf3_server_argv(every) == expected


def test_tcpdump_to_a_file() -> None:
    options = TcpdumpOptions.from_attributes({"i": "eth0", "s": "96", "c": "10", "w": True, "expression": "tcp port 80"})
    argv = tcpdump_argv(options, pcap_file=PurePosixPath("/run/x.pcap"), user="root")
    words = ["-c", "10", "-i", "eth0", "-s", "96", "--immediate-mode", "-U", "-Z", "root", "-w", "/run/x.pcap", "tcp port 80"]
    assert argv == ["tcpdump", *words]


def test_tcpdump_as_text() -> None:
    options = TcpdumpOptions.from_attributes({"n": True, "tt": True, "vv": True, "immediateMode": False, "B": "4096"})
    assert tcpdump_argv(options) == ["tcpdump", "-B", "4096", "-n", "-tt", "-vv", "-l"]


def test_tcpdump_that_is_to_write_needs_a_file() -> None:
    with pytest.raises(ValueError, match="no file"):
        tcpdump_argv(TcpdumpOptions(write=True))


@pytest.mark.parametrize(
    "attributes",
    [{"t": True, "tt": True}, {"v": True, "vvv": True}, {"d": True, "dd": True}, {"G": "60s"}, {"F": "f", "expression": "tcp"}],
)
def test_tcpdump_names_options_that_exclude_each_other(attributes: dict[str, object]) -> None:
    with pytest.raises(BadValueError, match="^tcpdump: "):
        TcpdumpOptions.from_attributes(attributes)


@pytest.mark.parametrize(("options", "original"), [(PingOptions, ORIGINAL_PING), (TcpdumpOptions, ORIGINAL_TCPDUMP)])
def test_every_attribute_of_the_original_is_there(options: type[CommandOptions], original: str) -> None:
    assert set(original.split()) <= {row.attribute for row in option_rows(options).values()}


def test_every_switch_of_tcpdump_is_the_letter_of_its_attribute() -> None:
    for name, row in option_rows(TcpdumpOptions).items():
        assert row.flag in ("", f"-{row.attribute}", "--immediate-mode"), name


def test_recorded_commands_can_be_built() -> None:
    index = json.loads((Path(__file__).parent / "recorded/index.json").read_text())
    built = ping_argv(PingOptions(target="10.0.0.2", print_timestamp=True, numeric=True, count=3, interval_s=0.1))
    assert sorted(built) == sorted(index["ping/numeric_timestamps"]["argv"])
