"""The user-space link: one process that moves the frames of all such links of a run, as netem would.

Started by path with the standard library only, like the agent, whose child it is. What happens to a frame is decided by
the model (`direction.py`), which knows no clock and no socket; the C files are the same model compiled, with the same decisions.
See docs/design/wire.md.
"""

VERSION = 1
