"""The command lines of the tools, from what users write."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nepi.apps.dns import DnsClientOptions, DnsServerOptions
from nepi.apps.http import HttpClientOptions, HttpServer, HttpServerOptions, http_server_argv, nginx_configuration
from nepi.apps.irtt import IrttClientOptions, IrttServerOptions
from nepi.apps.mtr import MtrOptions
from nepi.apps.netcat import NetcatReceiverOptions, NetcatSenderOptions
from nepi.apps.nping import NPingOptions
from nepi.apps.options import CommandOptions
from nepi.apps.repeating import repeated, runs_in
from nepi.apps.stress import StressOptions
from nepi.apps.tcp_info import TcpInfoOptions
from nepi.apps.traceroute import TracerouteOptions
from nepi.apps.udp_test import UdpTestOptions
from nepi.apps.video import VideoReceiverOptions, VideoSenderOptions
from nepi.errors import BadValueError
from nepi.model.experiment import ResourceDescription

B = {"target": "10.0.0.2"}


@pytest.mark.parametrize(
    ("options", "values", "line"),
    [
        (TracerouteOptions, B, "traceroute 10.0.0.2"),
        (
            TracerouteOptions,
            {**B, "useIP": True, "method": "tcp", "port": 80, "wait": "200ms", "packetSize": 100},
            "traceroute -n -p 80 -w 0.2 -T 10.0.0.2 100",
        ),
        (MtrOptions, {**B, "reportCycles": "3", "interval": "1s", "protocol": "udp"}, "mtr --json -c 3 -n -i 1 -u 10.0.0.2"),
        (MtrOptions, {**B, "noDns": False}, "mtr --json 10.0.0.2"),
        (NPingOptions, {**B, "c": 2, "delay": "100ms"}, "nping --privileged -c 2 --delay 0.1s --icmp 10.0.0.2"),
        (NPingOptions, {**B, "tcp": True, "p": 80, "traceroute": True}, "nping --privileged -p 80 --tcp --tr 10.0.0.2"),
        (IrttServerOptions, {}, "irtt server -b :2112"),
        (
            IrttClientOptions,
            {**B, "duration": "1s", "interval": "10ms", "length": 100, "tos": "0x10"},
            "irtt client -Q -o report.json.gz -d 1000000000ns -i 10000000ns -l 100 --dscp=16 10.0.0.2:2112",
        ),
        (
            IrttClientOptions,
            {"target": "fd00::2", "port": 9},
            "irtt client -Q -o report.json.gz -d 10000000000ns -i 100000000ns [fd00::2]:9",
        ),
        (NetcatReceiverOptions, {}, "nc -l 9000"),
        (NetcatSenderOptions, {**B, "bytes": "1kB", "timeout": 3}, "nc -N -w 3 10.0.0.2 9000"),
        (
            DnsServerOptions,
            {"records": "www.test=10.0.0.2 six.test=fd00::2", "ttl": "60s"},
            "dnsmasq --no-daemon --conf-file=/dev/null --no-resolv --log-queries --port=53 "
            "--host-record=www.test,10.0.0.2 --host-record=six.test,fd00::2 --local-ttl=60",
        ),
        (
            DnsClientOptions,
            {**B, "names": "a b", "type": "AAAA", "tries": 1, "timeout": 1},
            "dig -r -p 53 @10.0.0.2 +time=1 +tries=1 -q a -t AAAA -q b -t AAAA",
        ),
        (
            HttpClientOptions,
            {**B, "path": "/data", "count": 2, "limit": "8kbit", "timeout": "5s"},
            "curl -sS -g --fail-early -m 5 --limit-rate 1000 -w %{json}\\n "
            "-o /dev/null http://10.0.0.2:8000/data -o /dev/null http://10.0.0.2:8000/data",
        ),
        (HttpClientOptions, {"target": "fd00::2", "save": True}, "curl -sS -g --fail-early -w %{json}\\n -o body http://[fd00::2]:8000/"),
        (TcpInfoOptions, {"filter": "dport = :5201"}, "ss -tinOH dport = :5201"),
        (StressOptions, {"cpu": 2, "cpuLoad": 50}, "stress-ng --metrics-brief --cpu 2 --cpu-load 50 --timeout 0"),
        (
            StressOptions,
            {"memory": 1, "memoryBytes": "8MB", "duration": "3s"},
            "stress-ng --metrics-brief --vm 1 --vm-bytes 8000000 --timeout 3",
        ),
        (UdpTestOptions, {"s": True}, "iperf3 -s -1 -p 5678 --forceflush"),
        (UdpTestOptions, {**B, "T": 3, "q": 3}, "iperf3 -u -c 10.0.0.2 -p 5678 -b 3000000 -l 1460 -t 5 -S 40 --json"),
        (UdpTestOptions, {**B, "m": 10**6, "i": True}, "iperf3 -u -c 10.0.0.2 -p 5678 -b 0 --bidir -l 1460 -n 1000000 --json"),
    ],
)
def test_command_lines(options: type[CommandOptions], values: dict[str, Any], line: str) -> None:
    assert " ".join(options.from_attributes(values).argv()) == line


@pytest.mark.parametrize(
    ("options", "values", "reason"),
    [
        (TracerouteOptions, {**B, "method": "sctp"}, "method: 'sctp' is not udp, icmp or tcp"),
        (NPingOptions, {**B, "tcp": True, "arp": True}, "tcp, udp, icmp, arp: only one of them"),
        (NPingOptions, {**B, "delay": "1s", "rate": 5}, "rate: cannot be combined with delay"),
        (NetcatSenderOptions, B, "file, bytes: set one of them"),
        (DnsServerOptions, {"records": "www.test"}, "records: 'www.test' is not records such as"),
        (HttpServerOptions, {"root": "/srv", "bytes": "1kB"}, "bytes: cannot be combined with root"),
        (HttpServerOptions, {"root": '/srv"; }'}, "root: "),
        (HttpClientOptions, {**B, "path": "data"}, "path: 'data' is not a path"),
        (StressOptions, {}, "cpu, memory, io: set one of them"),
        (StressOptions, {"memory": 1, "cpuLoad": 3}, "cpuLoad: needs cpu"),
        (UdpTestOptions, {}, "target: must be set, or s"),
        (UdpTestOptions, {**B, "a": True, "r": 3}, "a: latency is measured by IrttClient, or Ping; r: a repetition is another UdpTest"),
    ],
)
def test_what_a_tool_cannot_do_is_said(options: type[CommandOptions], values: dict[str, Any], reason: str) -> None:
    with pytest.raises(BadValueError) as caught:
        options.from_attributes(values)
    assert reason in str(caught.value)


def test_the_servers_of_http() -> None:
    home = Path("/run/home")
    python, nginx = HttpServerOptions(port=81), HttpServerOptions(program="nginx", root="/srv")
    assert http_server_argv(python, home)[-3:] == ["--directory", "/run/home/www", "81"]
    assert http_server_argv(nginx, home) == ["nginx", "-e", "stderr", "-p", "/run/home", "-c", "/run/home/nginx.conf"]
    assert 'listen 8000; listen [::]:8000; root "/srv";' in nginx_configuration(nginx, home)


def test_a_web_server_that_is_asked_for_and_missing_is_a_mistake_that_names_its_package() -> None:
    one = ResourceDescription(1, "x::HttpServer", "web", {"program": "nginx"})
    assert HttpServer.check is not None
    (mistake,) = HttpServer.check(one, (), {"tools_missing": ["nginx"]})
    assert mistake == "attribute 'program': nginx is missing here: apt install nginx-light, or leave it out for Python's server"
    assert list(HttpServer.check(one, (), {"tools_missing": []})) == []


def test_a_film_is_compared_with_one_of_its_size_and_pace() -> None:
    sender = VideoSenderOptions(target="fd00::2", size="160x120", frame_rate=10, duration_s=3.0).argv()
    receiver = VideoReceiverOptions(size="160x120", frame_rate=10).argv()
    assert "testsrc=size=160x120:rate=10:duration=3" in sender
    assert sender[-1] == "udp://[fd00::2]:5004?pkt_size=1316"
    assert any("testsrc=size=160x120:rate=10," in word for word in receiver)


def test_the_words_of_a_repeated_command_are_arguments_of_the_loop() -> None:
    argv = ["tool", "; rm -rf /", "$(reboot)"]
    assert repeated(argv, continuous=False, timestamp=False) == argv
    looped = repeated(argv, continuous=True, timestamp=False, pause_s=0.5)
    assert looped[3:] == ["sh", "0.500000", *argv]
    assert "reboot" not in looped[2]
    assert looped[:2] == repeated(argv, continuous=False, timestamp=True)[:2] == ["/bin/sh", "-c"]


def test_runs_are_told_apart_by_their_times() -> None:
    assert list(runs_in("a\n@1.000000000\nb\n@2.000000000\n@3.5")) == [(None, "a\n"), (1.0, "b\n"), (2.0, "@3.5")]
    assert list(runs_in("")) == [(None, "")]
