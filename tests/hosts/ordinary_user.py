"""What an ordinary user can do: `ordinary_user.py FOLDER`, started as one by test_agent_life. Standard library only."""

import asyncio
import os
import sys
from pathlib import Path

from nepi.execution.ledger import Ledger
from nepi.execution.ledger_kinds import collect
from nepi.hosts.enter import enter_argv
from nepi.hosts.namespace import NamespaceSession, Shape, VethEnd


async def main(run_dir: Path) -> None:
    ledger = Ledger(run_dir / "ledger.sqlite")
    session = await NamespaceSession.open(run_dir, ledger)
    a, b, *_ = await asyncio.gather(session.node("a"), session.node("b", forward=True), session.switch("s"))
    await asyncio.gather(
        session.veth(VethEnd("a", "eth0", addresses=("10.0.0.1/24", "fd00::1/64")), VethEnd("s")),
        session.veth(VethEnd("b", "eth0", addresses=("10.0.0.2/24", "fd00::2/64")), VethEnd("s")),
        session.hosts([("10.0.0.2", ["b"])]),
    )
    four = await a.run(["ping", "-n", "-c", "1", "-W", "5", "10.0.0.2"])
    named = await a.run(["ping", "-c", "1", "-W", "5", "b"])
    await session.shape("a", "eth0", Shape(rate_bps=1e6))
    capture = await b.start(["tcpdump", "-n", "-c", "1", "-w", str(run_dir / "pcap"), "-i", "eth0", "icmp"], stdout=run_dir / "tcpdump")
    while "listening on" not in (run_dir / "tcpdump").read_text():  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    await a.run(["ping", "-n", "-c", "1", "-W", "5", "10.0.0.2"])
    captured = await capture.wait()
    entered = await asyncio.create_subprocess_exec(*enter_argv(run_dir, "a", ["ip", "link", "set", "lo", "mtu", "9000"]))
    await b.start(["sleep", "1000"], stdout=run_dir / "out")
    changed = await entered.wait()
    rootless = "rootless" if session.features["rootless"] else "root"
    session.detach()
    ledger.close()
    left = collect(run_dir / "ledger.sqlite").left
    statuses = [four.exit.status, named.exit.status, captured.status, changed]
    print(f"uid {os.getuid()}: {rootless} {statuses} {'left' if left else 'collected'}")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
