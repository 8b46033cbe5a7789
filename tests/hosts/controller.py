"""A controller that the tests start and kill: `controller.py RUN_DIR`. Says what it made, then waits to be killed."""

import asyncio
import json
import sys
from pathlib import Path

from nepi.execution.ledger import Ledger
from nepi.hosts.namespace import NamespaceSession, VethEnd


async def main(run_dir: Path) -> None:
    ledger = Ledger(run_dir / "ledger.sqlite")
    session = await NamespaceSession.open(run_dir, ledger)
    a, b = await asyncio.gather(session.node("a"), session.node("b"))
    await session.veth(VethEnd("a", "eth0", addresses=("10.0.0.1/24",)), VethEnd("b", "eth0", addresses=("10.0.0.2/24",)))
    pinging = await a.start(["ping", "-n", "-i", "0.02", "10.0.0.2"], stdout=run_dir / "ping")
    soon = await b.start(["sh", "-c", "read line; exit 9"], stdout=run_dir / "soon", stdin=run_dir / "fifo")
    print(
        json.dumps({"agent": session.identity.pid, "ping": pinging.pid, "soon": soon.pid, "uid": session.features["rootless"]}), flush=True
    )
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
