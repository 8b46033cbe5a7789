"""Topologies as data: ready-made shapes, graphs of networkx, and what files of other tools describe. `nepi.Topology` is the face."""
