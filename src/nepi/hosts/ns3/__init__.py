"""Simulations in a process of their own: how it is started and spoken to. docs/design/ns3.md has the ideas."""
