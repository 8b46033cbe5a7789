"""Two computers and a link; what stands in the page comes next."""

from nepi import *  # noqa: F403 - whatever the page uses

with ExperimentController("pair", backend="netns") as ec:  # noqa: F405
    a = ec.add("Node", name="a")
    b = ec.add("Node", name="b")
    link = ec.add("Link", a, b, name="wire", rate="10Mbit")
    # HERE
