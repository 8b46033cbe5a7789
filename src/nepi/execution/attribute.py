"""The path from which the seed's programs import attributes; they live in `nepi.model.attributes`."""

from nepi.model.attributes import Attribute, Flags, Types

__all__ = ["Attribute", "Flags", "Types"]
