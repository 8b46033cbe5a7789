"""Every shape turned into every other one, in the kernel; some are looked at, and must be as if they had been there all the time."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from nepi.hosts.namespace import Shape
from nepi.hosts.namespace_facts import probe
from nepi.hosts.namespace_host import NamespaceHost
from tests.hosts.test_namespace_network import output
from tests.hosts.worlds import RIGHTS, run, session_in, star

pytestmark = pytest.mark.netns

R, D = Shape(rate_bps=1e7), Shape(delay_s=0.01)
BOTH = Shape(rate_bps=1e7, delay_s=0.01)
SHAPES = (
    None,
    R,
    R._replace(queue_packets=7, burst_bytes=9000),
    R._replace(discipline="fq_codel", ecn=True),
    R._replace(discipline="red", ecn=True),
    R._replace(loss=0.1, duplicate=0.1),
    D,
    D._replace(jitter_s=0.005, distribution="pareto"),
    D._replace(bursts=(0.01, 0.2, 1.0, 0.0), corrupt=0.1, reorder=0.2),
    BOTH,
    BOTH._replace(duplicate=0.1),
    BOTH._replace(reorder=0.1),
    BOTH._replace(discipline="fq_codel"),
    BOTH._replace(discipline="red"),
)


def has(shape: Shape | None, qdiscs: tuple[str, ...]) -> bool:
    if shape is None:
        return True
    return ("netem" in qdiscs or not shape.needs_netem) and (shape.is_fifo or shape.discipline in qdiscs)


async def shown(host: NamespaceHost) -> list[str]:
    return sorted((await output(host, "tc", "qdisc", "show", "dev", "eth0")).splitlines())


@pytest.mark.parametrize("rights", RIGHTS)
def test_a_changed_shape_is_like_one_that_was_there_from_the_beginning(tmp_path: Path, rights: str) -> None:
    shapes = [shape for shape in SHAPES if has(shape, probe().qdiscs)]
    assert len(shapes) >= 3

    async def scenario() -> list[tuple[Shape | None, Shape | None]]:
        async with session_in(tmp_path, rights) as session:
            host = (await star(session, 1))[0]
            fresh = {}
            for shape in shapes:
                await session.shape("n1", "eth0", shape)
                fresh[shape] = await shown(host)
                await session.shape("n1", "eth0", None)
            wrong = []
            for one, other in itertools.permutations(range(len(shapes)), 2):
                before, after = shapes[one], shapes[other]
                await session.shape("n1", "eth0", before)
                await session.shape("n1", "eth0", after)  # no change may be refused
                if (other - one) % len(shapes) in (1, 5) and await shown(host) != fresh[after]:
                    wrong.append((before, after))
            return wrong

    assert run(scenario()) == []
