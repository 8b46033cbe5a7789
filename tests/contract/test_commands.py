"""What every backend that runs commands promises about them: output, exit, environment, end."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from nepi import ExperimentController, ExperimentError, Handle, TraceAttr, trace_matches
from nepi.errors import CommandError, DeadlineError, PlanError, UsageError
from tests.contract.backends import COMMAND_BACKENDS, CommandBackend
from tests.contract.conftest import MakeController

pytestmark = pytest.mark.parametrize("backend", COMMAND_BACKENDS)

SOON = "20s"
BIG_BYTES = 100_000_000


def started_node(backend: CommandBackend, ec: ExperimentController) -> Handle:
    node = backend.node(ec, "a")
    ec.deploy()
    assert ec.wait_started(node, SOON)
    return node


def test_a_trace_is_read_while_the_command_runs(backend: CommandBackend, controller: MakeController) -> None:
    ec = controller()
    app = backend.command(ec, backend.node(ec, "a"), "printf 'one\\ntwo\\n'; exec sleep 600", name="app")
    ec.deploy()
    assert ec.wait_for(trace_matches(app, "two"), SOON)
    assert app.state.name == "STARTED"
    path = ec.trace(app, "stdout", TraceAttr.PATH)
    assert (ec.trace(app, "stdout"), ec.trace(app, "stdout", TraceAttr.SIZE)) == ("one\ntwo\n", 8)
    assert (ec.trace(app, "stdout", TraceAttr.STREAM, 3, 0), ec.trace(app, "stdout", TraceAttr.STREAM, 4, 1)) == ("one", "two\n")
    assert Path(path).read_bytes() == b"one\ntwo\n"
    assert str(path).startswith(ec.run_dir)


def test_stderr_is_a_trace_of_its_own_unless_told_otherwise(backend: CommandBackend, controller: MakeController) -> None:
    ec = controller()
    node = backend.node(ec, "a")
    apart = backend.command(ec, node, "echo out; echo err >&2")
    together = backend.command(ec, node, "echo out; echo err >&2", splitStderr=False)
    ec.run(deadline=SOON)
    assert (apart.trace("stdout"), apart.trace("stderr")) == ("out\n", "err\n")
    assert (together.trace("stdout"), together.trace("stderr")) == ("out\nerr\n", None)


def test_a_file_that_a_command_writes_is_a_trace_by_its_name(backend: CommandBackend, controller: MakeController) -> None:
    ec = controller()
    node = backend.node(ec, "a")
    app = backend.command(ec, node, "echo data > results.csv; echo more > ${RUN_HOME}/other.txt")
    ec.run(deadline=SOON)
    assert (app.trace("results.csv"), app.trace("other.txt"), app.trace("nothing")) == ("data\n", "more\n", None)


def test_environment_and_standard_input_reach_the_command(backend: CommandBackend, controller: MakeController, tmp_path: Path) -> None:
    ec = controller()
    node = backend.node(ec, "a")
    file = tmp_path / "input.bin"
    file.write_bytes(b"from a file\n")
    app = backend.command(ec, node, 'cat; echo "$A-$B"', env="A=1 B='x y'", stdin="from a text\n")
    other = backend.command(ec, node, "cat", stdin=str(file))
    ec.run(deadline=SOON)
    assert (app.trace(), other.trace()) == ("from a text\n1-x y\n", "from a file\n")


def test_the_last_words_of_a_failing_command_are_in_the_error(backend: CommandBackend, controller: MakeController) -> None:
    ec = controller()
    app = backend.command(ec, backend.node(ec, "a"), "echo early >&2; echo 'no such thing' >&2; exit 7", name="app")
    with pytest.raises(ExperimentError, match=r"(?s)app failed: .*exited with status 7.*no such thing"):
        ec.run(deadline=SOON)
    assert app.failed_time is not None


def test_another_status_may_be_the_expected_one(backend: CommandBackend, controller: MakeController) -> None:
    ec = controller()
    node = backend.node(ec, "a")
    apps = [backend.command(ec, node, "exit 4", expectedStatus=4), backend.command(ec, node, "exit 5", expectedStatus="any")]
    ec.run(deadline=SOON)
    assert all(app.finish_time is not None for app in apps)


def test_a_program_that_does_not_exist_is_named(backend: CommandBackend, controller: MakeController) -> None:
    ec = controller()
    backend.command(ec, backend.node(ec, "a"), "no-such-program --help", name="app")
    with pytest.raises(ExperimentError, match=r"(?s)app failed: .*no-such-program: no such program"):
        ec.run(deadline=SOON)


def test_a_command_that_cannot_be_read_is_a_mistake_of_the_plan(backend: CommandBackend, controller: MakeController) -> None:
    ec = controller()
    node = backend.node(ec, "a")
    backend.command(ec, node, "echo 'open quote", name="app")
    backend.command(ec, node, "true", env="no equals sign", sources="'", name="other")
    with pytest.raises(PlanError) as caught:
        ec.run()
    assert len(caught.value.mistakes) == 3
    assert not Path(ec.run_dir).exists()


def test_a_killed_process_fails_its_application(backend: CommandBackend, controller: MakeController) -> None:
    ec = controller()
    app = backend.command(ec, backend.node(ec, "a"), "sleep 600", name="app", critical=False)
    ec.deploy()
    assert ec.wait_for(app.started, SOON)
    backend.kill(ec, app)
    assert ec.wait_for(app.failed, SOON)
    assert "killed by signal 9" in app.failure


def test_a_command_that_never_ends_is_ended_by_its_deadline(backend: CommandBackend, controller: MakeController) -> None:
    ec = controller()
    node = started_node(backend, ec)
    with pytest.raises(DeadlineError, match="sleep 600.*still running after 0.2 s"):
        ec.exec(node, ["sleep", "600"], deadline="200ms")


def test_a_whole_process_tree_that_ignores_term_is_killed_after_its_grace(backend: CommandBackend, controller: MakeController) -> None:
    ec = controller()
    stubborn = "trap '' TERM; (trap '' TERM; echo child; sleep 600) & echo parent; wait; sleep 600"
    app = backend.command(ec, backend.node(ec, "a"), stubborn, grace="100ms")
    ec.deploy()
    assert ec.wait_for(app.started & trace_matches(app, "child") & trace_matches(app, "parent"), SOON)
    app.stop()
    assert ec.wait_for(app.stopped, SOON)
    assert ec.exec(ec.handle("a"), ["sh", "-c", "ps -eo args | grep -c '[s]leep 600'"]).stdout in (b"0\n", b"")


def test_a_server_has_started_when_it_accepts(backend: CommandBackend, controller: MakeController) -> None:
    ec = controller()
    node = backend.node(ec, "a")
    listen = "import socket,time; s=socket.socket(); s.bind(('127.0.0.1',8080)); time.sleep(0.3); s.listen(); time.sleep(600)"
    ask = "import socket; socket.create_connection(('127.0.0.1',8080)).close(); print('accepted')"
    server = ec.add("Server", node, command=f'python3 -c "{listen}"', listens=8080)
    client = backend.command(ec, node, f'python3 -c "{ask}"')
    client.start_when(server.started)
    ec.run(deadline=SOON)
    assert client.trace() == "accepted\n"
    assert server.stop_time is not None


def test_a_server_that_never_accepts_fails_at_its_deadline(backend: CommandBackend, controller: MakeController) -> None:
    ec = controller()
    ec.add("Server", backend.node(ec, "a"), command="sleep 600", listens=8080, startDeadline="200ms", name="server")
    backend.command(ec, ec.handle("a"), "sleep 600")
    with pytest.raises(ExperimentError, match="server failed: .*not ready within 200ms"):
        ec.run(deadline=SOON)


def test_a_server_that_ends_instead_of_accepting_says_why(backend: CommandBackend, controller: MakeController) -> None:
    ec = controller()
    ec.add("Server", backend.node(ec, "a"), command="echo 'cannot bind' >&2; exit 1", listens=8080, name="server")
    backend.command(ec, ec.handle("a"), "sleep 600")
    with pytest.raises(ExperimentError, match=r"(?s)server failed: .*cannot bind"):
        ec.run(deadline=SOON)


def test_the_tear_down_command_is_run_at_the_release(backend: CommandBackend, controller: MakeController) -> None:
    ec = controller()
    app = backend.command(ec, backend.node(ec, "a"), "true", tearDown="echo torn > ${RUN_HOME}/torn")
    ec.run(deadline=SOON)
    assert app.trace("torn") == "torn\n"


def test_exec_returns_status_and_output(backend: CommandBackend, controller: MakeController) -> None:
    ec = controller()
    node = started_node(backend, ec)
    done = ec.exec(node, ["sh", "-c", "echo out; echo err >&2; exit 3"])
    assert (done.exit.status, done.stdout, done.stderr) == (3, b"out\n", b"err\n")
    with pytest.raises(CommandError, match="no such program"):
        ec.exec("a", ["no-such-program"])


def test_exec_needs_a_node_that_is_up(backend: CommandBackend, controller: MakeController) -> None:
    ec = controller()
    node = backend.node(ec, "a")
    app = backend.command(ec, node, "true")
    for one in (node, app):
        with pytest.raises(UsageError, match="not a node that is up"):
            ec.exec(one, ["true"])


def test_binary_output_is_kept_byte_by_byte(backend: CommandBackend, controller: MakeController) -> None:
    ec = controller()
    app = backend.command(ec, backend.node(ec, "a"), 'python3 -c "import sys; sys.stdout.buffer.write(bytes(range(256)) * 100)"')
    ec.run(deadline=SOON)
    wanted = bytes(range(256)) * 100
    assert app.trace().encode("utf-8", "surrogateescape") == wanted
    assert Path(app.trace("stdout", TraceAttr.PATH)).read_bytes() == wanted


@pytest.mark.slow
def test_a_hundred_megabytes_of_output_are_all_there(backend: CommandBackend, controller: MakeController) -> None:
    ec = controller()
    app = backend.command(ec, backend.node(ec, "a"), f"yes 0123456789abcde | head -c {BIG_BYTES}")
    ec.run(deadline="60s")
    assert app.trace("stdout", TraceAttr.SIZE) == BIG_BYTES
    wanted = hashlib.blake2b(b"0123456789abcde\n" * (BIG_BYTES // 16)).hexdigest()
    with Path(app.trace("stdout", TraceAttr.PATH)).open("rb") as file:
        assert hashlib.file_digest(file, "blake2b").hexdigest() == wanted


@pytest.mark.slow
def test_a_thousand_short_commands_are_all_told_apart(backend: CommandBackend, controller: MakeController) -> None:
    ec = controller()
    nodes = [backend.node(ec, f"n{number}") for number in range(4)]
    apps = [backend.command(ec, nodes[number % 4], f"echo {number}") for number in range(1000)]
    ec.run(deadline="60s")
    assert [app.trace() for app in apps] == [f"{number}\n" for number in range(1000)]


def test_a_run_that_is_kept_goes_on_and_is_given_back_by_its_ledger(backend: CommandBackend, controller: MakeController) -> None:
    from nepi.execution.ledger_kinds import collect

    ec = controller(keep=True)
    app = backend.command(ec, backend.node(ec, "a"), "sleep 600")
    ec.deploy()
    assert ec.wait_for(app.started, SOON)
    pid = app.process.pid
    ec.shutdown()
    assert backend.is_alive(pid)
    assert collect(Path(ec.run_dir) / "ledger.sqlite").left == ()
    assert not backend.is_alive(pid)
