"""Kills one of a run's processes at random instants, and looks what becomes of the run: nothing may be lost, nothing may be left.

The experiment has 30 resources on namespaces and takes about two seconds. Victims:

- `controller`: SIGKILL to the program. When it had planned and had not begun to release, another one attaches and brings the run to its
  end; every trace must then be complete and every result there. Before that, and always at the end, `nepi gc` gives back what is left.
- `agent`: SIGKILL to the process that holds the namespaces. The program must end by itself and say what was lost.
- `supervisor`: the run has a lease; SIGKILL to the process that watches over it. The run must finish as if nothing had happened.

After each kill, no process, interface or named namespace and no row of a ledger may be left. (What others make meanwhile counts as left: on
a machine that is not yours alone, run it below `unshare -nm sh -c 'mount -t tmpfs tmpfs /run; exec "$@"' sh`.)

    python bench/kill.py [--kills 200] [--seed 1] [--victim controller] [--json FILE]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from pathlib import Path
from typing import Any

MARK = "NEPI_KILL_BENCH"
LINES = 20
PINGS = 8
WITHIN_S = 60.0
KINDS = ("before planning", "attached", "releasing", "over")
"""Where the run was when its controller was killed."""


def experiment(lease: str | None) -> Any:
    """Describe 30 resources: a router between two switches with two hosts each, and applications of all kinds."""
    from nepi import ExperimentController

    ec = ExperimentController("kill", backend="netns", run_id="run", lease=lease)
    router = ec.add("Node", name="router")
    sides = [ec.add("Switch", name=f"switch{side}") for side in (1, 2)]
    for side in sides:
        ec.add("Link", router, side, rate="100Mbit", name=f"up-{ec.resource(side).name}")
    hosts = [ec.add("Node", name=f"h{number}") for number in range(4)]
    for number, host in enumerate(hosts):
        ec.add("Link", host, sides[number // 2], rate="20Mbit", name=f"access{number}")
        ec.add("IPv4Route", host, network="default", nexthop=router, name=f"route{number}")
    capture = ec.add("Tcpdump", router, i="eth0", name="capture")
    listen = "import socket, time; s = socket.create_server((str(), 80)); time.sleep(3600)"
    web = ec.add("Server", hosts[3], command=f'python3 -I -S -c "{listen}"', listens=80, name="web")
    fetch = ec.add("Application", hosts[0], command="sleep 0.2; echo fetched", name="fetch")
    fetch.start_when(web.started)
    server = ec.add("Iperf3Server", hosts[2], name="sink")
    client = ec.add("Iperf3Client", hosts[1], target=hosts[2], duration="1s", name="load")
    client.start_when(server.started & capture.started)
    for number in range(4):
        ping = ec.add("Ping", hosts[number], target=hosts[(number + 2) % 4], count=PINGS, interval="100ms", name=f"ping{number}")
        if number == 3:
            ping.start_when(client.started + "300ms")
        command = f"for i in $(seq {LINES}); do echo $i; sleep 0.05; done"
        ec.add("Application", hosts[number], command=command, name=f"count{number}")
    ec.handle("access0").set_when(client.started + "400ms", rate="10Mbit")
    assert len(ec.resources) == 30, len(ec.resources)
    return ec


def attach() -> None:
    """Take the run up and bring it to its end."""
    from nepi import ExperimentController

    with ExperimentController.attach("kill/run") as ec:
        ec.complete()


class Kill:
    """One run and its kill.

    Args:
        victim: whom.
        at_s: when, in seconds after the run began: its folder is there, and nothing else.
        pause_s: how long nobody cares before somebody attaches.
    """

    def __init__(self, victim: str, at_s: float, pause_s: float) -> None:
        self.victim = victim
        self.at_s = at_s
        self.pause_s = pause_s
        self.home = Path(tempfile.mkdtemp(prefix="nepi-k-"))
        self.run = self.home / "runs" / "kill" / "run"
        self.mark = uuid.uuid4().hex
        self.env = {**os.environ, "NEPI_HOME": str(self.home), MARK: self.mark}
        self.kind = ""
        self.wrong: list[str] = []

    def go(self) -> dict[str, Any]:
        """Do it all and return a row."""
        before = world()
        program = self._start("run", *(["1h"] if self.victim == "supervisor" else []))
        hit = self._strike(program)
        if self.victim == "controller":
            self._after_controller()
        else:
            self._after_other(program, hit)
        self._collect()
        self._look(before)
        row = {"victim": self.victim, "at_s": self.at_s, "kind": self.kind, "wrong": self.wrong, "home": ""}
        if self.wrong:
            row["home"] = str(self.home)  # kept, to be looked into
        else:
            shutil.rmtree(self.home)
        return row

    def _start(self, *arguments: str) -> subprocess.Popen[str]:
        argv = [sys.executable, __file__, "--one", *arguments]
        return subprocess.Popen(argv, env=self.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)

    def _strike(self, program: subprocess.Popen[str]) -> bool:
        """Wait for the instant and kill the victim; return whether there was one."""
        while program.poll() is None and not (self.run / "run.json").exists():
            time.sleep(0.001)
        with contextlib.suppress(subprocess.TimeoutExpired):
            program.wait(self.at_s)
        pid = program.pid if self.victim == "controller" else self._pid_of(self.victim)
        if program.poll() is not None or pid is None:
            if self.victim == "controller":
                program.communicate()
            return False
        os.kill(pid, signal.SIGKILL)
        if self.victim == "controller":
            program.communicate()
        return True

    def _pid_of(self, kind: str) -> int | None:
        return next((int(row.identity["pid"]) for row in self._rows() if row.kind == kind and row.identity.get("pid")), None)

    def _rows(self) -> list[Any]:
        from nepi.errors import RunError
        from nepi.execution.ledger import Ledger

        if not (self.run / "ledger.sqlite").exists():
            return []
        try:
            with Ledger(self.run / "ledger.sqlite") as ledger:
                return ledger.rows()
        except RunError:
            return []  # it is being made this instant

    def _after_controller(self) -> None:
        self.kind = self._where()
        if self.kind != "attached":
            return
        time.sleep(self.pause_s)
        other = self._start("attach")
        said, _ = other.communicate(timeout=WITHIN_S)
        if other.returncode != 0:
            self.wrong.append(f"attach ended with {other.returncode}: {said.strip()[-600:]}")
            return
        self._check_results()

    def _where(self) -> str:
        if not (self.run / "plan.json").exists() or not (self.run / "experiment.json").exists():
            return "before planning"
        if (self.run / "summary.json").exists():
            return "over"
        journal = (self.run / "journal.jsonl").read_text(errors="replace")
        return "releasing" if '["release_asked",' in journal else "attached"

    def _after_other(self, program: subprocess.Popen[str], hit: bool) -> None:
        said, _ = program.communicate(timeout=WITHIN_S)
        self.kind = "hit" if hit else "missed"
        summary = json.loads((self.run / "summary.json").read_text()) if (self.run / "summary.json").exists() else None
        if summary is None:
            self.wrong.append(f"no summary: {said.strip()[-600:]}")
        elif self.victim == "supervisor" or not hit:
            self._check_results()
        elif summary["outcome"] == "finished":
            self.kind = "hit at the end"  # everything was over already, so nothing was lost
            self._check_results()
        elif "agent" not in json.dumps(summary):
            self.wrong.append(f"it does not say what was lost: {summary['outcome']}: {summary['abort_reason']}")
        if self.victim == "agent" and hit and self._rows():
            self.wrong.append("rows are left in the ledger of a run that has ended by itself")

    def _check_results(self) -> None:
        summary = json.loads((self.run / "summary.json").read_text())
        if summary["outcome"] != "finished" or summary["failed"]:
            self.wrong.append(f"{summary['outcome']}: {summary['abort_reason']} {summary['failed']}")
        traces = self.run / "traces"
        for number in range(4):
            counted = (traces / f"count{number}" / "stdout").read_text().split()
            if counted != [str(one + 1) for one in range(LINES)]:
                self.wrong.append(f"count{number} has {len(counted)} lines")
            result = summary["results"].get(f"ping{number}") or {}
            if (result.get("transmitted"), result.get("received")) != (PINGS, PINGS):
                self.wrong.append(f"ping{number}: {result.get('received')} of {result.get('transmitted')}")
        if (traces / "fetch" / "stdout").read_text() != "fetched\n":
            self.wrong.append("fetch said nothing")
        if not (summary["results"].get("load") or {}).get("throughput_bps"):
            self.wrong.append("load has no result")
        captured = (summary["results"].get("capture") or {}).get("captured_packets")
        if not captured or not (traces / "capture" / "pcap").stat().st_size:
            self.wrong.append("capture has captured nothing")

    def _collect(self) -> None:
        argv = [sys.executable, "-m", "nepi.cli", "gc"]
        done = subprocess.run(argv, env=self.env, capture_output=True, text=True, timeout=WITHIN_S, check=False)
        if done.returncode != 0:
            self.wrong.append(f"gc ended with {done.returncode}: {done.stderr.strip()}")

    def _look(self, before: set[str]) -> None:
        deadline = time.monotonic() + 2.0
        while (left := [*marked(self.mark), *sorted(world() - before)]) and time.monotonic() < deadline:
            threading.Event().wait(0.02)  # what was killed takes a moment to be gone
        if left:
            self.wrong.append(f"left: {', '.join(left)}")
        if rows := self._rows():
            self.wrong.append(f"{len(rows)} rows left in the ledger: {Counter(row.kind for row in rows)}")


def world() -> set[str]:
    """Return the interfaces that this process sees, and the named namespaces of this machine."""
    lines = Path("/proc/self/net/dev").read_text().splitlines()[2:]
    found = {f"interface {line.partition(':')[0].strip()}" for line in lines}
    named = Path("/run/netns")
    return found | ({f"namespace {path.name}" for path in named.iterdir()} if named.is_dir() else set())


def marked(mark: str) -> list[str]:
    """Return the processes that were started by one run, however they detached themselves; a namespace lives as long as they do."""
    wanted = f"{MARK}={mark}".encode()
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                if wanted in (folder / "environ").read_bytes().split(b"\0"):
                    found.append(f"process {folder.name} ({(folder / 'comm').read_text().strip()})")
            except OSError:  # it has just ended
                continue
    return found


def show(rows: list[dict[str, Any]], kills: int, seed: int) -> None:
    """Print the table."""
    print(f"{kills} kills of each victim, seed {seed}")
    print(f"{'victim':11} {'when':16} {'runs':>5} {'as it must be':>14}")
    for victim in dict.fromkeys(row["victim"] for row in rows):
        of_victim = [row for row in rows if row["victim"] == victim]
        for kind in dict.fromkeys(sorted(row["kind"] for row in of_victim)):
            some = [row for row in of_victim if row["kind"] == kind]
            print(f"{victim:11} {kind:16} {len(some):5} {sum(not row['wrong'] for row in some):14}")
        print(f"{victim:11} {'all':16} {len(of_victim):5} {sum(not row['wrong'] for row in of_victim):14}")
    for row in rows:
        for wrong in row["wrong"]:
            print(f"wrong: {row['victim']} killed at {row['at_s']:.4f} s ({row['kind']}): {wrong}  [{row['home']}]")


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--victim", action="append", choices=("controller", "agent", "supervisor"))
    parser.add_argument("--longest", type=float, default=1.5, help="latest instant, seconds after the run began")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--one", nargs="+", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        if asked.one[0] == "attach":
            attach()
        else:
            experiment(asked.one[1] if len(asked.one) > 1 else None).run()
        return
    chance = random.Random(asked.seed)
    rows = []
    for victim in asked.victim or ["controller"]:
        for number in range(asked.kills):
            row = Kill(victim, chance.uniform(0.0, asked.longest), chance.choice((0.0, 0.2, 1.0))).go()
            rows.append(row)
            if sys.stderr.isatty() or row["wrong"]:
                how = "; ".join(row["wrong"]) or "fine"
                print(f"{victim} {number + 1}/{asked.kills} {row['kind']}: {how}", file=sys.stderr, flush=True)
    show(rows, asked.kills, asked.seed)
    if asked.json:
        asked.json.write_text(json.dumps({"kills": asked.kills, "seed": asked.seed, "rows": rows}, indent=1) + "\n")
    if any(row["wrong"] for row in rows):
        sys.exit(1)


if __name__ == "__main__":
    main()
