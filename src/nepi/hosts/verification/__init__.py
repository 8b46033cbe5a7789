"""Verification of a link by its two ends: what is sent, what is made of what came, what is kept of what was asked.

`measure` does it; all else here is pure. docs/design/verification.md has the ideas.
"""
