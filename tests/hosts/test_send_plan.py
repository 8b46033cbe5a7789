"""The order in which the requests of a batch are sent."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from nepi.hosts.agent.netlink import NetlinkError, NetlinkSocket, Request
from nepi.hosts.agent.plan import SendPlan


class RecordingSocket:
    """Stands for a socket; writes down what is sent by it."""

    def __init__(self, sends: list[list[int]]) -> None:
        self._sends = sends

    def transact(self, requests: Sequence[Request]) -> list[NetlinkError | None]:
        self._sends.append([request.kind for request in requests])
        return [None] * len(requests)


def sockets(count: int) -> tuple[list[NetlinkSocket], list[list[int]]]:
    sends: list[list[int]] = []
    return [cast(NetlinkSocket, RecordingSocket(sends)) for _ in range(count)], sends


def request(number: int) -> Request:
    return Request(number, 0, b"")


def test_a_star_is_one_send_for_the_links_and_one_for_each_host() -> None:
    (home, *hosts), sends = sockets(4)
    plan = SendPlan()
    for n, host in enumerate(hosts, 1):
        plan.add(home, {0, n}, request(n), n)
        plan.add(host, {n}, request(10 * n), n)
        plan.add(host, {n}, request(10 * n + 1), n)
    assert [failed for failed in plan.send() if failed] == []
    assert sends == [[1, 2, 3], [10, 11], [20, 21], [30, 31]]


def test_a_chain_is_one_send_for_the_links_and_one_for_each_host() -> None:
    (home, *hosts), sends = sockets(5)
    plan = SendPlan()
    for n, (left, right) in enumerate(pairwise(range(4)), 1):
        plan.add(home, {9}, request(n), n, makes=(left, right))
        plan.add(hosts[right], {right}, request(10 * n), n)
        plan.add(hosts[left], {left}, request(10 * n + 1), n)
    list(plan.send())
    assert sends == [[1, 2, 3], [10, 21], [11], [20, 31], [30]]


def test_what_changes_a_namespace_waits_for_what_was_made_in_it() -> None:
    (home, host), sends = sockets(2)
    plan = SendPlan()
    plan.add(host, {1}, request(1), 0)
    plan.add(home, {9}, request(2), 1, makes=(1,))
    plan.add(host, {1}, request(3), 2)
    list(plan.send())
    assert sends == [[1], [2], [3]]


def test_what_follows_in_a_namespace_waits_for_the_other_socket() -> None:
    (home, host), sends = sockets(2)
    plan = SendPlan()
    plan.add(host, {1}, request(1), 0)
    plan.add(home, {0, 1}, request(2), 1)
    plan.add(host, {1}, request(3), 2)
    list(plan.send())
    assert sends == [[1], [2], [3]]


@given(st.lists(st.tuples(st.integers(0, 3), st.sets(st.integers(0, 4), max_size=3)), max_size=40))
def test_two_requests_that_share_a_namespace_are_never_swapped(asked: list[tuple[int, set[int]]]) -> None:
    known, sends = sockets(4)
    plan = SendPlan()
    touched: list[set[Any]] = []
    for number, (via, namespaces) in enumerate(asked):
        touched.append({via, *namespaces})
        plan.add(known[via], touched[-1], request(number), number)
    list(plan.send())
    order = [number for send in sends for number in send]
    assert sorted(order) == list(range(len(asked)))
    place = {number: at for at, number in enumerate(order)}
    for later in range(len(asked)):
        for earlier in range(later):
            if touched[earlier] & touched[later]:
                assert place[earlier] < place[later]
