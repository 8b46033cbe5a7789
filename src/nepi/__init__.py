"""NEPI: the framework to manage network experiments."""
