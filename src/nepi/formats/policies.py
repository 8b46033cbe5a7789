"""Policies in files: the fields of the classes that say what is done when a resource fails. Seconds are written as times."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, Final

from nepi.errors import BadValueError, did_you_mean
from nepi.model.policies import Replace, Retry
from nepi.units import duration_s, format_duration

POLICIES: Final[dict[str, type[Any]]] = {"retry": Retry, "replace": Replace}
"""By the key in files."""
_SECONDS: Final = "_s"


@dataclasses.dataclass(frozen=True, slots=True)
class Key:
    """A key of a policy: which field it is, what it takes ("duration", "int", "float", "bool"), and what it is by default."""

    field: str
    kind: str
    default: Any


def policy_keys(kind: str) -> dict[str, Key]:
    """Return the keys of a policy: `delay_s` is `delay` in a file, where the value carries its unit."""
    return {
        one.name.removesuffix(_SECONDS): Key(
            one.name, "duration" if one.name.endswith(_SECONDS) else str(one.type).partition(" ")[0], one.default
        )
        for one in dataclasses.fields(POLICIES[kind])
    }


def read_policy(kind: str, written: Mapping[str, Any]) -> dict[str, Any]:
    """Return a policy as the fields of its class.

    Raises:
        BadValueError: an unknown key, or a value that it cannot have.
    """
    keys = policy_keys(kind)
    values: dict[str, Any] = {}
    for key, text in written.items():
        if key not in keys:
            raise BadValueError(f"there is no key {key!r}{did_you_mean(key, keys) or '; there are ' + ', '.join(keys)}")
        values[keys[key].field] = _read(key, keys[key].kind, text)
    policy: dict[str, Any] = dataclasses.asdict(POLICIES[kind](**values))
    return policy


def _read(key: str, kind: str, text: Any) -> Any:
    readers: dict[str, Callable[[str], Any]] = {"duration": duration_s, "int": int, "float": float, "bool": _TRUTH.__getitem__}
    if not isinstance(text, str):
        raise BadValueError(f"{key}: expected one value, got {text!r}")
    try:
        return readers.get(kind, str)(text)
    except BadValueError as error:
        raise BadValueError(f"{key}: {error}") from None
    except (ValueError, KeyError):
        raise BadValueError(f"{key}: expected {_EXPECTED[kind]}, got {text!r}") from None


_TRUTH: Final = {"true": True, "false": False}
_EXPECTED: Final = {"int": "a whole number", "float": "a number", "bool": "true or false"}


def written_policy(kind: str, policy: Mapping[str, Any]) -> Any:
    """Return a policy as it is written: what differs from the defaults; where that is its first field alone, that one's value."""
    keys = policy_keys(kind)
    first = next(iter(keys))
    changed = {key: policy[one.field] for key, one in keys.items() if one.field in policy and policy[one.field] != one.default}
    shown = {key: format_duration(value) if keys[key].kind == "duration" else value for key, value in changed.items()}
    if set(shown) <= {first}:
        return policy[keys[first].field]
    return shown
