"""What iperf3 printed with `--json`, as typed values. Parsing only; the reference is 3.12, and 3.17 is read too."""

from __future__ import annotations

from dataclasses import fields
from typing import Final

from nepi.apps.iperf3_flow import BACKWARD, FORWARD, Report
from nepi.apps.iperf3_json import Document, documents
from nepi.apps.iperf3_result import Iperf3Flow, Iperf3Interval, Iperf3Result, Iperf3Stream
from nepi.errors import TraceError

__all__ = ["Iperf3Flow", "Iperf3Interval", "Iperf3Result", "Iperf3Stream", "parse_iperf3", "parse_iperf3_server"]

_SERVICE_ENDED: Final = "interrupt - the server has terminated"
_CUT: Final = "the report is cut off"
_NO_REPORT: Final = "there is no report"


def parse_iperf3(output: bytes | str) -> Iperf3Result:
    """Return what a client's test measured; of several in one output, the last.

    Args:
        output: what a client that was run with --json (or --json-stream) printed, with or without its standard error. It may
            stop anywhere and may be empty: the result then says `complete=False`, and `error` what is known about why.

    Raises:
        TraceError: the output is no report of iperf3's; says where.
    """
    found, messages = documents(output)
    if found:
        return _result(found[-1])
    return Iperf3Result(error=next(filter(None, messages), _NO_REPORT))


def parse_iperf3_server(output: bytes | str) -> tuple[Iperf3Result, ...]:
    """Return the tests that a server with --json reported, in order, as the server saw them.

    A server knows its own end only: what it received, or what it sent. The empty report that it prints when it is ended
    between two tests is left out; an error that kept it from serving ("Address already in use") is a result with `error`.

    Raises:
        TraceError: the output is no report of iperf3's; says where.
    """
    found, messages = documents(output)
    results = [_result(document) for document in found]
    said = next((message for message in messages if message not in ("", _SERVICE_ENDED)), "")
    if said and not found:
        return (Iperf3Result(error=said),)
    return tuple(result for result in results if result.protocol or result.error != _SERVICE_ENDED)


def _result(document: Document) -> Iperf3Result:
    top, report = document.top, Report(document.top)
    start, plan = top["start"], top["start"]["test_start"]
    error = top["error"].text()
    if not (document.cut or error or start.data is not None):
        raise TraceError("iperf3 output: a JSON document, but not a report of iperf3's (it has no `start`)")
    error = error or (_CUT if document.cut else "" if report.has_end() else _NO_REPORT)
    reverse = plan["reverse"].flag()
    main = report.flow(FORWARD, from_server=reverse, ended=not error)
    return Iperf3Result(
        **{field.name: getattr(main, field.name) for field in fields(Iperf3Flow)},
        protocol=plan["protocol"].text(),
        reverse=reverse,
        congestion=top["end"]["sender_tcp_congestion"].text(),
        backward=report.flow(BACKWARD, from_server=True, ended=not error) if report.has(BACKWARD) else None,
        started_at=start["timestamp"]["timesecs"].number(),
        version=start["version"].text(),
        error=error,
        complete=not error,
    )
