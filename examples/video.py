"""A film over a lossy link: what the viewer sees with and without loss.

Two viewers get the same moving test picture over UDP, one of them by a link that loses packets. Each picture that arrives is
compared with the one that was sent: its PSNR is the likeness in decibels.
"""

from nepi import ExperimentController

SIZE = "320x240"

with ExperimentController("video", backend="netns") as ec:
    studio = ec.add("Node", name="studio")
    viewers = {}
    for name, loss in (("good", "0%"), ("bad", "5%")):
        home = ec.add("Node", name=name)
        ec.add("Link", studio, home, rate="5Mbit", delay="10ms", loss=loss)
        viewer = ec.add("VideoReceiver", home, size=SIZE, name=f"viewer-{name}")
        sender = ec.add("VideoSender", studio, target=home, size=SIZE, rate="1Mbit", duration="4s", name=f"sender-{name}")
        sender.start_when(viewer.started)
        viewer.stop_when(sender.finished + "1s")
        viewers[name] = viewer, sender
    ec.run(deadline="60s")
    for name, (viewer, sender) in viewers.items():
        seen = viewer.result
        print(f"{name}: {sender.result.frames} pictures sent, {seen.frames} seen, {seen.errors} complaints, {seen.psnr_mean_db:.1f} dB")
