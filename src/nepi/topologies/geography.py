"""From places on the earth to how long light takes between them in fibre."""

from __future__ import annotations

import math
from typing import Final

from nepi.topologies.elements import Position

EARTH_RADIUS_KM: Final = 6371.0
FIBRE_KM_PER_S: Final = 299_792.458 * 2 / 3
"""Light in glass: two thirds of what it is in a vacuum."""


def distance_km(first: Position, second: Position) -> float:
    """Return the great-circle distance of two places, given by longitude and latitude in degrees."""
    east1, north1, east2, north2 = map(math.radians, (*first, *second))
    half = math.sin((north2 - north1) / 2) ** 2 + math.cos(north1) * math.cos(north2) * math.sin((east2 - east1) / 2) ** 2
    return 2 * EARTH_RADIUS_KM * math.asin(math.sqrt(min(1.0, half)))


def fibre_delay_s(first: Position, second: Position) -> float:
    """Return how long light takes one way in a straight fibre between two places."""
    return distance_km(first, second) / FIBRE_KM_PER_S
