"""Runs experiments on small file systems of its own; started in a mount namespace by `test_full_disk.py`. Says what happened as JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from nepi import ExperimentController, NepiError
from nepi.engine.replay import replay
from nepi.execution.journal import batches
from nepi.execution.ledger import Ledger, Thing


def run(folder: Path, size_kb: int, fill: bool) -> dict[str, Any]:
    """Run an experiment where only so much fits; with `fill`, the rest is taken while it runs."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size_kb}k", "tmpfs", str(folder)], check=True)
    ec = ExperimentController("x", folder, backend="dummy", run_id="r")
    node = ec.add("Node", name="node")
    apps = [ec.add("Application", node, duration="1h") for _ in range(20)]
    said: dict[str, Any] = {"error": "", "states": []}
    try:
        with ec:
            ec.deploy()
            ec.wait_started(apps)
            ec.ledger.intend([Thing("file", {"path": str(folder / "some")})])
            if fill:
                fill_up(folder / "rest")
            for number in range(200):
                ec.add("Application", node, name=f"late{number}", duration="1h")
                ec.deploy()
                ec.ledger.intend([Thing("file", {"path": str(folder / "some")})])
            said["reason"] = ec.wait_finished(apps, deadline="5s").reason
    except NepiError as error:
        said["error"] = f"{type(error).__name__}: {error}"
    if ec.has_run:
        said |= look(ec)
    said["folder"] = (folder / "x" / "r").exists()
    return said


def fill_up(path: Path) -> None:
    """Write until nothing more fits."""
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            pass


def look(ec: ExperimentController) -> dict[str, Any]:
    """Return what of the run can be read afterwards."""
    folder = Path(ec.run_dir)
    result = replay(batches(folder / "journal.jsonl"))
    with Ledger(folder / "ledger.sqlite") as ledger:
        rows = len(ledger.rows())
    return {
        "states": sorted({str(ec.state(guid, hr=True)) for guid in ec.resources}),
        "abort": ec.abort_reason,
        "differences": result.differences,
        "released_in_journal": all(member.state == 8 for member in result.engine.members.values()),
        "outcome": json.loads((folder / "summary.json").read_text())["outcome"] if (folder / "summary.json").exists() else "",
        "rows": rows,
    }


if __name__ == "__main__":
    os.environ["NEPI_HOME"] = sys.argv[1] + "/home"
    asked = [(int(one.rstrip("f")), one.endswith("f")) for one in sys.argv[2:]]
    print(json.dumps([run(Path(sys.argv[1]) / f"disk{number}", size, fill) for number, (size, fill) in enumerate(asked)]))
