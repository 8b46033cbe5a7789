"""The file that `nepi init` writes: a small experiment that runs as it is, with what else can be said as comments."""

from __future__ import annotations

import re
from typing import Final

_STARTER: Final = """\
# An experiment of NEPI. Try it:  nepi plan {file}   and then   nepi run {file}
# Keys and conditions are explained in docs/howto/yaml.md; `nepi types` lists resource types, `nepi types Ping` shows one.
# Editors that know YAML complete and check this file:  nepi schema > nepi-schema.json
# yaml-language-server: $schema=nepi-schema.json

experiment: {name}
backend: netns            # network namespaces of this machine
# deadline: 10m           # how long the run may take

nodes: [a, b]             # computers; or with attributes:
# nodes:
#   a: {{forwarding: false}}
#   b:

# switches: [s]

links:                    # every value carries its unit
  - {{ends: [a, b], name: cable, rate: 10Mbit}}
#   set:                  # changes while it runs, each at a condition
#     - {{when: ping.started + 1s, rate: 1Mbit}}

applications:             # what runs on the nodes
  ping:
    type: Ping
    on: a
    target: b             # the bare name of a resource; a text in quotes is a text
    count: 3
    interval: 200ms
#   start: server.started + 1s & log.ended within 30s      # when it starts
#   critical: false       # its failure does not end the run
#   retry: {{attempts: 3, delay: 2s}}

# server: {{type: Iperf3Server, on: b}}
# client: {{type: Iperf3Client, on: a, target: b, duration: 5s, start: server.started}}

# resources:              # anything else, by its type
#   route: {{type: IPv4Route, connect: a, network: default, nexthop: b}}
"""


def starter(name: str, file: str) -> str:
    """Return the text of a new experiment.

    Args:
        name: of the experiment; what cannot be part of a name is replaced.
        file: as the comments name it.
    """
    return _STARTER.format(name=re.sub(r"[^A-Za-z0-9_-]", "-", name).strip("-") or "experiment", file=file)
