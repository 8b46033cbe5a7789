"""HttpServer and HttpClient: files over HTTP, by Python's http.server or nginx, and by curl with the times of each step.

Source: curl(1) 7.88 (`-w %{json}`), nginx 1.22.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Final

from nepi.apps.option_kinds import HOST, PORT, Rate, Seconds, Size, Switch, Whole, Word
from nepi.apps.options import CommandOptions, option
from nepi.apps.output_text import decode, ended_lines, excerpt
from nepi.apps.tool_application import ToolApplication
from nepi.errors import TraceError
from nepi.hosts.port import Process
from nepi.hosts.roles import HostNode
from nepi.model.experiment import ResourceDescription
from nepi.model.typespec import Check
from nepi.units import format_duration, format_rate

DEFAULT_PORT: Final = 8000
DATA_FILE: Final = "data"
_NGINX: Final = """\
daemon off; master_process off; worker_processes 1; pid nginx.pid; error_log stderr;
events {{ worker_connections 1024; }}
http {{
  access_log /dev/stdout; default_type application/octet-stream; sendfile on; autoindex on;
  client_body_temp_path tmp; proxy_temp_path tmp; fastcgi_temp_path tmp; uwsgi_temp_path tmp; scgi_temp_path tmp;
  server {{ listen {port}; listen [::]:{port}; root "{root}"; }}
}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpServerOptions(CommandOptions):
    """What an HTTP server serves."""

    tool: ClassVar[str] = "python3"

    program: str = field(
        default="python",
        metadata=option("program", "", Word("python|nginx", "python or nginx"), "The server: python (everywhere) or nginx."),
    )
    port: int = field(default=DEFAULT_PORT, metadata=option("port", "", PORT, "TCP port to listen on."))
    root: str | None = field(
        default=None,
        metadata=option("root", "", Word(r'[^"\\\n;${}]+', "a folder's path"), "Folder to serve; `www` of its own unless told."),
    )
    data_bytes: int | None = field(
        default=None, metadata=option("bytes", "", Size(1, 2**28), f"Size of a file `{DATA_FILE}` that is made and served.")
    )

    def conflicts(self) -> list[str]:
        """Name what cannot be together."""
        return ["bytes: cannot be combined with root, where nothing is written"] if self.root and self.data_bytes else []


def http_server_argv(options: HttpServerOptions, home: Path) -> list[str]:
    """Return the server's command line. `home` has nginx's configuration."""
    if options.program == "nginx":
        return ["nginx", "-e", "stderr", "-p", str(home), "-c", str(home / "nginx.conf")]
    return [
        "python3",
        "-m",
        "http.server",
        "--protocol",
        "HTTP/1.1",
        "--bind",
        "::",
        "--directory",
        options.root or str(home / "www"),
        str(options.port),
    ]


def nginx_configuration(options: HttpServerOptions, home: Path) -> str:
    """Return nginx's configuration: one process, which stays who it is, and writes nowhere else."""
    return _NGINX.format(port=options.port, root=options.root or home / "www")


def some_data(size_bytes: int) -> bytes:
    """Return bytes that do not compress, the same each time."""
    return random.Random(size_bytes).randbytes(size_bytes)


def check_program(one: ResourceDescription, _peers: Sequence[ResourceDescription], facts: Mapping[str, Any]) -> Iterable[str]:
    """Find a server program that was asked for and is missing."""
    if one.attributes.get("program") == "nginx" and "nginx" in facts.get("tools_missing", ()):
        yield "attribute 'program': nginx is missing here: apt install nginx-light, or leave it out for Python's server"


class HttpServer(ToolApplication[None]):
    """Serves files until it is stopped: those in `root`, or a file `data` of `bytes`. STARTED when it accepts."""

    service = True
    options = HttpServerOptions
    check: ClassVar[Check | None] = staticmethod(check_program)
    tools = ("python3",)
    packages: ClassVar = {"python3": "python3-minimal", "nginx": "nginx-light"}

    def argv(self) -> list[str]:
        """Return the server's command line."""
        return http_server_argv(self.chosen(), self.there)

    def read_result(self, stdout: bytes) -> None:
        """Return nothing: the clients have the figures."""

    async def start(self) -> None:
        """Write what it serves, then start it."""
        options, host = self.chosen(), self.peer(HostNode).host
        www = self.there / "www"
        if not options.root:
            await host.write_file(www / "index.html", b"<!DOCTYPE html><title>NEPI</title><p>It works.\n")
        if options.data_bytes:
            await host.write_file(www / DATA_FILE, await asyncio.to_thread(some_data, options.data_bytes))
        if options.program == "nginx":
            await host.write_file(self.there / "nginx.conf", nginx_configuration(options, self.there).encode())
        await super().start()

    async def wait_until_started(self, host: HostNode, process: Process) -> None:
        """Wait until it accepts."""
        await host.host.wait_listening(self.get("port"), process=process)


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpClientOptions(CommandOptions):
    """What a client fetches."""

    tool: ClassVar[str] = "curl"

    target: str = field(metadata=option("target", "", HOST, "Host of the server, by name or address."))
    port: int = field(default=DEFAULT_PORT, metadata=option("port", "", PORT, "The server's port."))
    path: str = field(default="/", metadata=option("path", "", Word(r"/[!-~]*", "a path such as /data"), "What to fetch."))
    count: int = field(default=1, metadata=option("count", "", Whole(1, 1000), "How often, one after the other."))
    limit_bps: int | None = field(default=None, metadata=option("limit", "", Rate(8, 10**12), "Fetch no faster than this."))
    timeout_s: float | None = field(default=None, metadata=option("timeout", "-m", Seconds(0.001, 86_400), "End after this time."))
    save: bool = field(default=False, metadata=option("save", "", Switch(), "Keep the last body in the trace `body`."))
    http2: bool = field(default=False, metadata=option("http2", "--http2-prior-knowledge", Switch(), "HTTP/2 without TLS."))

    def argv(self) -> list[str]:
        """Return the command line: a JSON document a line, one for each fetch; one connection for all, if the server keeps it."""
        host = f"[{self.target}]" if ":" in self.target else self.target
        limit = ["--limit-rate", str(max(1, self.limit_bps // 8))] if self.limit_bps else []
        one = ["-o", "body" if self.save else "/dev/null", f"http://{host}:{self.port}{self.path}"]
        return [self.tool, "-sS", "-g", "--fail-early", *self.words(), *limit, "-w", "%{json}\\n", *one * self.count]


@dataclass(frozen=True, slots=True)
class HttpFetch:
    """One fetch. Times are since its start; 0 for a connection that was there already.

    Attributes:
        status: of HTTP; 0 when there was no answer.
        body_bytes: what came.
        speed_bps: mean of the whole fetch.
        lookup_s, connect_s, first_byte_s, total_s: until the name was resolved, TCP was connected, the first byte came, all was there.
        new_connection: whether it made one.
        error: curl's words, or "".
    """

    url: str
    status: int
    body_bytes: int
    speed_bps: float
    lookup_s: float
    connect_s: float
    first_byte_s: float
    total_s: float
    new_connection: bool = True
    error: str = ""


@dataclass(frozen=True, slots=True)
class HttpResult:
    """The fetches that came to an end, in order."""

    fetches: tuple[HttpFetch, ...] = ()


def parse_curl(output: bytes | str) -> HttpResult:
    """Return the fetches; lines that are not curl's JSON (its complaints, when stderr was merged) are left out.

    Raises:
        TraceError: a JSON document lacks what curl writes.
    """
    fetches = []
    for number, line in ended_lines(decode(output, "curl")):
        if not line.startswith("{"):
            continue
        try:
            fetches.append(_fetch(json.loads(line)))
        except (ValueError, KeyError, TypeError) as error:
            raise TraceError(f"curl output, line {number}: {excerpt(line)}: {type(error).__name__}: {error}") from None
    return HttpResult(tuple(fetches))


def _fetch(told: dict[str, Any]) -> HttpFetch:
    return HttpFetch(
        url=str(told["url_effective"]),
        status=int(told["http_code"]),
        body_bytes=int(told["size_download"]),
        speed_bps=float(told["speed_download"]) * 8,
        lookup_s=float(told["time_namelookup"]),
        connect_s=float(told["time_connect"]),
        first_byte_s=float(told["time_starttransfer"]),
        total_s=float(told["time_total"]),
        new_connection=int(told["num_connects"]) > 0,
        error=told["errormsg"] or "",
    )


class HttpClient(ToolApplication[HttpResult]):
    """Fetches `path` from the HTTP server on `target`, `count` times. FAILED when one of them is not answered at all."""

    options = HttpClientOptions

    def read_result(self, stdout: bytes) -> HttpResult:
        """Return the fetches."""
        return parse_curl(stdout)

    def measured(self) -> list[tuple[str, str, str]]:
        """Return rows (what, asked, measured) for the run's table: of the last fetch."""
        result = self.result
        if result is None or not result.fetches:
            return []
        last = result.fetches[-1]
        return [
            (f"HTTP {last.status}", "-", f"{last.body_bytes} B at {format_rate(last.speed_bps, digits=4)}"),
            ("first byte after", "-", format_duration(last.first_byte_s, digits=3)),
        ]
