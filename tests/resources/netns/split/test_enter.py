"""`nepi shell` and `nepi exec` into namespaces on other hosts."""

from __future__ import annotations

import pytest

from nepi import ExperimentController
from nepi.lab import Lab
from tests.cli.conftest import nepi_process
from tests.resources.netns.split.conftest import add_machines, up

pytestmark = [pytest.mark.root, pytest.mark.netns]


@pytest.mark.parametrize("user", ["root", "plain"])
def test_a_node_on_another_host_is_entered_as_one_on_this_machine_is(ec: ExperimentController, lab: Lab, user: str) -> None:
    one, other = add_machines(ec, lab, 2, username=user)
    other = other if user == "root" else one  # links between hosts are for root
    a, b = ec.add("Node", name="a", host=one), ec.add("Node", name="b", host=other)
    ec.add("Link", a, b, name="wire")
    up(ec)
    run = str(ec.run_dir)
    said = nepi_process(
        "exec", run, "a", "--", "sh", "-c", "cat; hostname; ping -c1 -W5 b >/dev/null; echo $? $NEPI_NODE; exit 7", stdin="in\n"
    )
    assert (said.status, said.out.split(), said.err) == (7, ["in", "h1", "0", "a"], "")
    shell = nepi_process("shell", run, "b", stdin="ip -4 -o -br addr show scope global\nexit 3\n")
    assert (shell.status, len(shell.out.splitlines())) == (3, 1)
    assert nepi_process("exec", run, "a", "no-such-program").status == 127
    assert nepi_process("exec", run, "c", "true").err == "nepi: no node 'c' in this run; it has a, b, h1, h2\n"
