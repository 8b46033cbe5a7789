"""Policies: what is done when a resource fails. Plain values; the engine acts on them (docs/design/policies.md)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from nepi.errors import BadValueError

_MASK: Final = (1 << 64) - 1
MOST_ATTEMPTS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Retry:
    """How often and when a failed action is tried again.

    Attributes:
        attempts: how many attempts in all, >= 1.
        delay_s: seconds before the second attempt, >= 0.
        factor: each further wait is this many times the one before, >= 1.
        jitter: by which share of itself a wait may be shorter or longer, in [0, 1].
        longest_s: no wait is longer than this many seconds; None for no limit.
        runs: also what fails while it runs (a command that ends with a wrong status) is started again.
        seed: what the jitter depends on; 0 for the run's. It is in the journal, so that a replay waits as long.
    """

    attempts: int = 1
    delay_s: float = 1.0
    factor: float = 2.0
    jitter: float = 0.0
    longest_s: float | None = None
    runs: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        wrong = [
            text
            for is_right, text in (
                (1 <= self.attempts <= MOST_ATTEMPTS, f"attempts={self.attempts!r} (1 to {MOST_ATTEMPTS})"),
                (self.delay_s >= 0, f"delay_s={self.delay_s!r} (0 or more)"),
                (self.factor >= 1, f"factor={self.factor!r} (1 or more)"),
                (0 <= self.jitter <= 1, f"jitter={self.jitter!r} (0 to 1)"),
                (self.longest_s is None or self.longest_s >= 0, f"longest_s={self.longest_s!r} (0 or more)"),
            )
            if not is_right
        ]
        if wrong:
            raise BadValueError(f"Retry: {', '.join(wrong)}")

    def wait_s(self, guid: int, failed: int) -> float:
        """Return the seconds between the `failed`-th failed attempt of a resource and the next one."""
        try:
            wait = self.delay_s * self.factor ** (failed - 1)
        except OverflowError:
            wait = float("inf")
        if self.jitter:
            wait *= 1 + self.jitter * (2 * chance(self.seed, guid, failed) - 1)
        longest = MOST_ATTEMPTS if self.longest_s is None else self.longest_s
        return min(wait, longest)


@dataclass(frozen=True, slots=True)
class Replace:
    """A resource that failed for good on one candidate is deployed anew on another one, which its `discover` finds.

    Attributes:
        times: how many other candidates are tried, >= 1.
    """

    times: int = 1

    def __post_init__(self) -> None:
        if self.times < 1:
            raise BadValueError(f"Replace: times={self.times!r} (1 or more)")


@dataclass(frozen=True, slots=True)
class Policy:
    """What is done when a resource fails: it is tried again, then replaced, then the run is aborted or goes on without it.

    Attributes:
        retry: None for one attempt only.
        replace: None for no other candidate.
        critical: whether its failure aborts the run; None leaves that to its attribute `critical`.
    """

    retry: Retry | None = None
    replace: Replace | None = None
    critical: bool | None = None

    def over(self, other: Policy) -> Policy:
        """Return this policy, completed by another one."""
        critical = other.critical if self.critical is None else self.critical
        return Policy(self.retry or other.retry, self.replace or other.replace, critical)

    def to_record(self) -> dict[str, Any]:
        """Return the policy as plain JSON data; whether it is critical is an attribute, and stands there."""
        return {key: value for key, value in asdict(self).items() if value is not None and key != "critical"}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Policy:
        """Return the policy that `to_record` wrote.

        Raises:
            BadValueError: it is no such record.
        """
        try:
            retry, replace = record.get("retry"), record.get("replace")
            return cls(Retry(**retry) if retry else None, Replace(**replace) if replace else None)
        except (TypeError, AttributeError) as error:
            raise BadValueError(f"not a policy: {record!r} ({error})") from None


def policy_of(*parts: str | Retry | Replace) -> Policy:
    """Return the policy of several parts, such as `Retry(3), Replace(2), "continue"`.

    Raises:
        BadValueError: a part is none, or there are two of a kind.
    """
    retries = [part for part in parts if isinstance(part, Retry)]
    replaces = [part for part in parts if isinstance(part, Replace)]
    ends = [part for part in parts if part in ("abort", "continue")]
    for part in parts:
        if not isinstance(part, Retry | Replace) and part not in ("abort", "continue"):
            raise BadValueError(f"policy {part!r}: use 'abort', 'continue', Retry(attempts, delay_s) or Replace(times)")
    if not parts or max(len(retries), len(replaces), len(ends)) > 1:
        raise BadValueError(f"policy {parts!r}: give at most one each of Retry, Replace, and 'abort' or 'continue'")
    critical = ends[0] == "abort" if ends else None
    return Policy(retries[0] if retries else None, replaces[0] if replaces else None, critical)


def chance(*numbers: int) -> float:
    """Return a number in [0, 1) that looks like chance and depends on nothing but `numbers`.

    Source: the mixing of splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
    """
    state = 0
    for number in numbers:
        state = (state + number + 0x9E3779B97F4A7C15) & _MASK
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & _MASK
        state ^= state >> 31
    return (state >> 11) / (1 << 53)
