"""The namespace agent: a process of its own, started by path, standard library only.

Nothing here imports the rest of the package, so that the folder can be copied to a host that has nothing but python3;
nor pathlib, dataclasses or another slow module, because the agent is started for each run and everybody waits for it.
See docs/design/agent.md.
"""

VERSION = 1
