"""A run where a second /proc is refused, as in many containers: `masked_proc.py FOLDER`, started by test_agent_life."""

import asyncio
import sys
from pathlib import Path

from nepi.execution.ledger import Ledger
from nepi.hosts.namespace import NamespaceSession


async def main(run_dir: Path) -> None:
    with Ledger(run_dir / "ledger.sqlite") as ledger:
        session = await NamespaceSession.open(run_dir, ledger, rootless=True)
        host = await session.node("a")
        other = await host.start(["sleep", "1000"], stdout=run_dir / "other")
        tree = await host.start(["sh", "-c", "setsid sleep 1000 & setsid setsid sleep 1000 & wait"], stdout=run_dir / "out")
        exit_ = await tree.stop()
        alive = [process.identity.is_alive() for process in (other, tree)]
        own = session.features["own_proc"]
        await session.close()
        print(own, exit_.status, alive, ledger.rows())


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
