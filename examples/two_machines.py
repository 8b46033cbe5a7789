"""A file from one machine to another over SSH-managed hosts, with its packets captured, as on any two machines that you can reach.

Here the machines are those of a lab: `sudo nepi lab up 2` before, `sudo nepi lab down` after. For your own, write their names as
`hostname`; what `ssh` needs to reach them, it has from your ~/.ssh.
"""

import os
from pathlib import Path

from nepi import ExperimentController

CONFIG = Path(os.environ.get("NEPI_HOME") or Path.home() / ".nepi") / "lab" / "ssh_config"

with ExperimentController("two-machines", backend="linux") as ec:
    a = ec.add("Node", name="a", hostname="h1", sshConfig=CONFIG)
    b = ec.add("Node", name="b", hostname="h2", sshConfig=CONFIG)

    capture = ec.add("Tcpdump", b, i="any", expression="tcp port 9000", name="capture")
    sender = ec.add("NetcatSender", a, target=b, bytes="1MB", name="sender")
    # FAILED unless it gets exactly what that sender was to send.
    receiver = ec.add("NetcatReceiver", b, source=sender, name="receiver")
    receiver.start_when(capture.started)
    sender.start_when(receiver.started)

    # Built where it runs; whatever a command writes into its folder is a trace.
    digest = ec.add(
        "Application", b, code="#!/bin/sh\nsha256sum > sum\n", build="chmod +x ${CODE}", command="${CODE}", stdin="one\n", name="digest"
    )

    ec.add("Collector", sender, receiver, traceName="stderr", subDir="errors")
    ec.run(deadline="60s")

    print(receiver.result.bytes, "bytes arrived,", "the same" if receiver.result.sha256 == sender.result.sha256 else "others")
    print("packets were captured:", capture.result.captured_packets > 0)
    print(digest.trace("sum").split()[0][:12])
    print(sorted(path.name for path in (Path(ec.run_dir) / "errors").iterdir()))
