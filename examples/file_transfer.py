"""A file from one node to another, as the original's first example had it: the sender starts when the receiver listens.

And what comes after waits for both: the receiver's copy is compared with the original by its digest, here and on the node.
"""

from pathlib import Path

from nepi import ExperimentController

FILE = Path(__file__).with_name("data") / "europe.graphml"

with ExperimentController("file-transfer", backend="netns") as ec:
    a, b = ec.add("Node", name="a"), ec.add("Node", name="b")
    ec.add("Link", a, b, rate="10Mbit", delay="5ms")
    sender = ec.add("NetcatSender", a, target=b, file=FILE, name="sender")
    # FAILED unless it gets exactly what that sender was to send.
    receiver = ec.add("NetcatReceiver", b, source=sender, name="receiver")
    sender.start_when(receiver.started)

    check = ec.add("Application", b, command="sha256sum ${EXP_HOME}/traces/receiver/stdout", name="check")
    check.start_when(sender.finished & receiver.finished)

    ec.run(deadline="30s")
    print(receiver.result.bytes == FILE.stat().st_size, "size")
    print(check.trace().split()[0] == sender.result.sha256 == receiver.result.sha256, "digest")
