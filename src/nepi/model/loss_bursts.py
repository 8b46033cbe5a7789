"""Loss in bursts: the model of Gilbert and Elliott, as text, as four probabilities, and what it loses on average.

Packets find the link in one of two states, good and bad, with a probability of loss in each. Before each packet the state may change.
Sources: Gilbert, "Capacity of a burst-noise channel", 1960; Elliott, "Estimates of error rates for codes on burst-noise channels", 1963.
"""

from __future__ import annotations

import functools
from typing import Any, Final

from nepi.errors import BadValueError, did_you_mean
from nepi.model.attributes import Attribute
from nepi.units import format_fraction, fraction

Bursts = tuple[float, float, float, float]
"""Probabilities: good to bad, bad to good, loss while bad, loss while good."""

_EXAMPLE: Final = 'write it like "p 1% r 20% bad 100% good 0.1%"'
_WORDS: Final = ("p", "r", "bad", "good")


class GilbertElliott(Attribute):
    """An attribute that takes such a model as text: p, good to bad; r, bad to good; bad and good, the loss in these states."""

    __slots__ = ()

    def __init__(self, *, help: str) -> None:
        super().__init__("", help)

    def _convert(self, value: Any) -> Any:
        text = super()._convert(value)
        self.parse(text)
        return text

    @staticmethod
    @functools.lru_cache(maxsize=1000)
    def parse(text: str) -> Bursts:
        """Return the probabilities that a text gives; r is 1 - p when not given, bad 100 %, good 0 %.

        Raises:
            BadValueError: it is no such text, or a model that makes no sense.
        """
        found = _pairs(text)
        if "p" not in found:
            raise BadValueError(f"loss model {text!r}: p, the probability to become bad, is missing; {_EXAMPLE}")
        to_bad = found["p"]
        bursts = (to_bad, found.get("r", 1 - to_bad), found.get("bad", 1.0), found.get("good", 0.0))
        if bursts[0] and not bursts[1]:
            raise BadValueError(f"loss model {text!r}: with r 0% it stays bad for ever once it is; {_EXAMPLE}")
        if bursts[2] < bursts[3]:
            raise BadValueError(f"loss model {text!r}: less is lost while bad than while good; {_EXAMPLE}")
        return bursts


def _pairs(text: str) -> dict[str, float]:
    words = text.split()
    found: dict[str, float] = {}
    for name, value in zip(words[::2], [*words[1::2], ""], strict=False):
        if name not in _WORDS:
            raise BadValueError(f"loss model {text!r}: {name!r} is none of {', '.join(_WORDS)}{did_you_mean(name, _WORDS)}; {_EXAMPLE}")
        if name in found:
            raise BadValueError(f"loss model {text!r}: {name} is given twice")
        if not value:
            raise BadValueError(f"loss model {text!r}: {name} has no value; {_EXAMPLE}")
        try:
            found[name] = fraction(value)
        except BadValueError as error:
            raise BadValueError(f"loss model {text!r}: {name}: {error}") from None
    return found


def bursts_of_mean_length(loss: float, packets: float) -> Bursts:
    """Return the model that loses this part of the packets (not all), so many in a row on average, and nothing between.

    Raises:
        BadValueError: so much cannot be lost in so short bursts.
    """
    to_good = 1 / packets
    to_bad = loss * to_good / (1 - loss)
    if to_bad > 1:
        least = loss / (1 - loss)
        raise BadValueError(
            f"a loss of {format_fraction(loss, digits=3)} cannot come in bursts of {packets:g} packets: with one good packet between two "
            f"bursts these have at least {least:.3g}"
        )
    return to_bad, to_good, 1.0, 0.0


def mean_loss(bursts: Bursts) -> float:
    """Return the part of the packets that is lost in the long run."""
    to_bad, to_good, loss_bad, loss_good = bursts
    if not to_bad + to_good:
        return loss_good
    bad = to_bad / (to_bad + to_good)
    return bad * loss_bad + (1 - bad) * loss_good
