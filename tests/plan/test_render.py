from __future__ import annotations

from nepi.model.attributes import Reference
from nepi.model.conditions import Exited, Reached, TraceMatched
from nepi.model.states import ResourceAction, ResourceState
from nepi.plan import Section, condition_text, describe_plan, plan_text
from tests.plan.world import CATALOGUE, World, reached

STARTED = ResourceState.STARTED


def test_a_plan_is_shown_as_tables() -> None:
    world = World({"t": {"tools_missing": [], "features": {"netem": False, "htb": True}}})
    a, b = world.nodes("a", "b")
    world.add("Link", a, b, name="l")
    server = world.add("Server", b, name="server")
    ping = world.add("Ping", a, name="p", target=Reference(b))
    world.when(ping, ResourceAction.START, reached(server, STARTED) + "1s")
    assert describe_plan(world.plan(), world.description, CATALOGUE, world.facts) == [
        Section(
            "Order",
            ("", "resource", "type", "deployed after", "conditions"),
            (
                ("1", "a", "t::Node", "", ""),
                ("2", "b", "t::Node", "", ""),
                ("3", "l", "t::Link", "a READY, b READY", ""),
                ("4", "server", "t::Server", "b READY", ""),
                ("5", "p", "t::Ping", "a READY", "start: server.started + 1s"),
            ),
        ),
        Section(
            "Addresses",
            ("node", "interface", "addresses", "MAC", "joined by", "to"),
            (
                ("a", "eth0", "10.0.0.1/30 fd00::1/64", "02:00:00:00:00:03", "l", "b:eth0"),
                ("b", "eth0", "10.0.0.2/30 fd00::2/64", "02:01:00:00:00:03", "l", "a:eth0"),
            ),
        ),
        Section("Values", ("resource", "attribute", "value"), (("p", "target", "10.0.0.2"),)),
        Section("Programs", ("backend", "program", "needed by", "here"), (("t", "ping", "Ping", "yes"),)),
        Section("Kernel", ("backend", "feature", "here"), (("t", "htb", "yes"), ("t", "netem", "missing"))),
    ]


def test_a_plan_is_written_as_aligned_text() -> None:
    world = World()
    (a,) = world.nodes("a")
    s = world.add("Switch", name="s")
    world.add("Interface", a, s, name="i")
    sections = [one for one in describe_plan(world.plan(), world.description, CATALOGUE) if one.title == "Addresses"]
    assert plan_text(sections) == (
        "Addresses\n"
        "  node  interface  addresses               MAC                joined by  to\n"
        "  a     eth0       10.0.0.1/24 fd00::1/64  02:00:00:00:00:03  i          s:p3\n"
        "  s     p3                                 02:01:00:00:00:03  i          a:eth0\n"
    )


def test_conditions_read_as_a_program_would_write_them() -> None:
    def name(guid: int) -> str:
        return f"n{guid}"

    either = reached(1, STARTED) | Exited(2, 0)
    shown = {
        "n1.started + 1m30s": reached(1, STARTED) + 90.0,
        "(n1.started | n2.exited(0)) & n3.failed": either & reached(3, ResourceState.FAILED),
        "(n1.started + 1s) within 2s": (reached(1, STARTED) + 1.0).within(2.0),
        "n1.ended": Reached((1,), ResourceState.FINISHED, "ended"),
        "n1.ready or beyond": Reached((1,), ResourceState.READY, "at_least"),
        "2 of 3 (n1, n2, n3) ready": Reached((1, 2, 3), ResourceState.READY, "strict", 2),
        "all of 5 (n1, n2, n3, n4, ...) ready": Reached((1, 2, 3, 4, 5), ResourceState.READY),
        "trace_matches(n1, 'ok', 'stdout')": TraceMatched(1, "stdout", "ok"),
    }
    assert [condition_text(condition, name) for condition in shown.values()] == list(shown)
