"""Machines as places where commands run: over SSH, and this one without it.

`transport.py` is the seam: what stands above it (the shell text, the watcher, the host of the port in `nepi.hosts.port`) knows nothing
of SSH, and what stands below it (`ssh_*.py`, `local_transport.py`) nothing of experiments.
"""
