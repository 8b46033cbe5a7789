"""The file that `nepi init` writes: a small experiment that runs as it is, with what else can be said as comments."""

from __future__ import annotations

import re
from typing import Final

_STARTER: Final = """\
# yaml-language-server: $schema=nepi-schema.json
# An experiment of NEPI. Try it:  nepi plan {file}   and then   nepi run {file}
# `nepi types` lists the types of resources, `nepi types Ping` shows one. Editors that know YAML complete and check this
# file with the schema that the first line names:  nepi schema > nepi-schema.json
# Keys behind a # are examples: to have one, put a space in the place of the # (nothing where the key belongs at the margin).

experiment: {name}
backend: netns              # network namespaces of this machine
#deadline: 10m              # how long the run may take

# Computers. With attributes: nodes: {{a: {{forwarding: false}}, b: }}
nodes: [a, b]
#switches: [s]

# Links. Every value carries its unit; what differs on the way back from b to a stands below `back`.
links:
  - ends: [a, b]
    name: cable
    rate: 10Mbit
#   set:                    # changes while it runs, each at a condition
#     - {{when: ping.started + 300ms, rate: 1Mbit}}

# What runs on the nodes.
applications:
  ping:
    type: Ping
    on: a
    target: b               # the bare name of a resource; a text in quotes is a text
    count: 3
    interval: 200ms
#   start: server.started + 1s & b.ready within 30s
#   critical: false         # its failure does not end the run
#   retry: {{attempts: 3, delay: 2s}}
# server: {{type: Iperf3Server, on: b}}
# client: {{type: Iperf3Client, on: a, target: b, duration: 2s, start: ping.ended}}

# Anything else, by its type.
#resources:
# route: {{type: IPv4Route, connect: a, network: default, nexthop: b}}
"""


def starter(name: str, file: str) -> str:
    """Return the text of a new experiment.

    Args:
        name: of the experiment; what cannot be part of a name is replaced.
        file: as the comments name it.
    """
    return _STARTER.format(name=re.sub(r"[^A-Za-z0-9_-]", "-", name).strip("-") or "experiment", file=file)
