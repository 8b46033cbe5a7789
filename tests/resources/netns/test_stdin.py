"""Standard input of an application, written to while it runs."""

from __future__ import annotations

import pytest

from nepi import ExperimentController, ExperimentError, trace_matches
from nepi.errors import ResourceError, UsageError
from nepi.units import format_size
from tests.resources.netns.conftest import SOON, up

pytestmark = pytest.mark.netns

MIB = 2**20


def test_what_is_written_is_read_until_the_end(ec: ExperimentController) -> None:
    app = ec.add("Application", ec.add("Node"), command="cat", stdin="first\n", openStdin=True)
    up(ec)
    app.write_stdin("second\n")
    assert ec.wait_for(trace_matches(app, "second"), SOON)
    ec.send_stdin(app, b"third", eof=True)
    assert ec.wait_for(app.finished, SOON)
    assert app.trace() == "first\nsecond\nthird"
    with pytest.raises(ResourceError, match=r"3 bytes cannot be written to application-2: it does not run \(it is FINISHED\)"):
        app.write_stdin("too")


def test_more_than_a_pipe_takes_waits_for_the_reader(ec: ExperimentController) -> None:
    app = ec.add("Application", ec.add("Node"), command="sleep 0.2; wc -c", openStdin=True)
    up(ec)
    app.write_stdin(bytes(3 * MIB)).write_stdin(bytes(MIB), eof=True)
    assert ec.wait_for(app.finished, SOON)
    assert int(app.trace()) == 4 * MIB, format_size(4 * MIB)


def test_who_does_not_read_is_named(ec: ExperimentController) -> None:
    node = ec.add("Node")
    deaf = ec.add("Application", node, command="exec <&-; sleep 600", openStdin=True, name="deaf")
    closed = ec.add("Application", node, command="cat; sleep 600", openStdin=True)
    never = ec.add("Application", node, command="sleep 600")
    up(ec)
    with pytest.raises(ResourceError, match="does not read its standard input any more"):
        deaf.write_stdin(bytes(MIB))
    closed.write_stdin("", eof=True)
    with pytest.raises(ResourceError, match="its standard input is closed"):
        closed.write_stdin("x")
    with pytest.raises(ResourceError, match="its standard input was not left open"):
        never.write_stdin("x")
    with pytest.raises(UsageError, match="is no application"):
        ec.send_stdin(node, "x")


def test_a_command_that_ends_while_it_is_written_to_is_named(ec: ExperimentController) -> None:
    app = ec.add("Application", ec.add("Node"), command="head -c 10 >/dev/null; exit 3", openStdin=True, critical=False)
    up(ec)
    with pytest.raises(ResourceError, match="does not read its standard input any more|it has ended"):
        app.write_stdin(bytes(MIB))
    assert ec.wait_for(app.failed, SOON)


def test_an_end_that_is_never_sent_does_not_keep_a_run_up(ec: ExperimentController) -> None:
    app = ec.add("Application", ec.add("Node"), command="cat", openStdin=True)
    app.stop_when(app.started + "200ms")
    try:
        ec.run(deadline=SOON)
    except ExperimentError as error:
        pytest.fail(str(error))
    assert app.stop_time is not None
