"""A lab to test against: hosts on this machine, each with a real SSH server. docs/howto/lab.md shows how to use it."""

from nepi.lab.lab import Lab, LabHost
from nepi.lab.machine import take_down_in

__all__ = ["Lab", "LabHost", "take_down_in"]
