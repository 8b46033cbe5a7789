"""Write src/nepi/resources/ns3/catalogue.json.gz from the installed ns-3: `.venv/bin/python tools/ns3_catalogue.py`."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from nepi.execution.ledger import Ledger
from nepi.hosts.ns3 import protocol
from nepi.hosts.ns3.start import LocalSimulator
from nepi.resources.ns3.catalogue import SHIPPED, write_catalogue


async def _write(path: Path) -> None:
    with tempfile.TemporaryDirectory() as folder, Ledger(Path(folder, "ledger.sqlite")) as ledger:
        process = await LocalSimulator.start(ledger, owner=0, stdout=Path(folder, "stdout"), stderr=Path(folder, "stderr"))
        try:
            (types,) = await process.simulator.ask(protocol.catalogue())
            write_catalogue(path, process.simulator.version, types)
        finally:
            await process.close()
    print(f"{path}: {len(types)} types of ns-3 {process.simulator.version}")


if __name__ == "__main__":
    asyncio.run(_write(Path(sys.argv[1]) if len(sys.argv) > 1 else SHIPPED))
