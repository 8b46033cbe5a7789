"""Which type a name without a backend stands for, when what it is connected to is known: for programs and files alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol, TypeVar

from nepi.errors import UnknownTypeError


class Joining(Protocol):
    """What of a type is asked for.

    Attributes:
        across: by the backend of a peer, the type that is taken instead, which joins the two backends.
    """

    @property
    def across(self) -> Mapping[str, str]:
        """See above."""


T = TypeVar("T", bound=Joining)


def chosen_type(find: Callable[[str, str], T], name: str, backend: str, peers: Iterable[str]) -> T:
    """Return the type of a name.

    With a backend in it, it is that type. Else it is the experiment's, or one of the peers' backends if that has none of this name. Where
    that says that another type joins its backend with that of a peer, it is that one; unless all peers are of one other backend, whose
    type of this name it is then.

    Args:
        find: finds a type by its name within a backend.
        name: "Link", "ns3::Link".
        backend: the experiment's.
        peers: the types ("netns::Node") of what it is connected to.

    Raises:
        UnknownTypeError: there is no such type.
    """
    if "::" in str(name):  # who finds it says what is wrong with one that is no text
        return find(name, backend)
    each = [peer.partition("::")[0] for peer in peers if "::" in peer]
    found = _found(find, name, backend, each)
    strange = next((one for one in each if one in found.across), None)
    if strange is None:
        return found
    if len(each) > 1 and set(each) == {strange}:
        return find(f"{strange}::{name}", "")
    return find(found.across[strange], "")


def _found(find: Callable[[str, str], T], name: str, backend: str, backends: Iterable[str]) -> T:
    try:
        return find(name, backend)
    except UnknownTypeError:
        for one in dict.fromkeys(backends):
            try:
                return find(f"{one}::{name}", "")
            except UnknownTypeError:
                pass
        raise
