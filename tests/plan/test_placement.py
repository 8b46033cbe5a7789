"""Placing nodes on machines: shares are respected, the user's choices too, and few links are cut."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nepi import Topology
from nepi.errors import BadValueError
from nepi.plan.placement import limits_of, place

Links = Sequence[tuple[str, str]]


def cut(links: Links, placed: dict[str, str]) -> int:
    return sum(placed[one] != placed[other] for one, other in links)


def parts(topology: Topology) -> tuple[dict[str, float], list[tuple[str, str]]]:
    return {one.name: 1.0 for one in topology.nodes}, [one.ends for one in topology.links]


def even(count: int) -> dict[str, float]:
    return {f"h{number}": 1.0 for number in range(count)}


def grid(rows: int, columns: int) -> tuple[dict[str, float], list[tuple[str, str]]]:
    # Written down in an order that says nothing of who is beside whom.
    names = sorted(f"{(row * 7 + column * 13) % 31}-{row}-{column}" for row in range(rows) for column in range(columns))
    at = {tuple(map(int, name.split("-")[1:])): name for name in names}
    links = [(name, at[other]) for (row, column), name in at.items() for other in ((row + 1, column), (row, column + 1)) if other in at]
    return dict.fromkeys(names, 1.0), links


@pytest.mark.parametrize(("nodes", "hosts"), [(6, 3), (12, 2), (50, 5), (100, 4)])
def test_a_ring_is_cut_once_for_each_machine(nodes: int, hosts: int) -> None:
    costs, links = parts(Topology.ring(nodes))
    assert cut(links, place(costs, links, even(hosts))) == hosts


@pytest.mark.parametrize(("nodes", "hosts"), [(9, 3), (40, 4)])
def test_a_chain_is_cut_once_between_machines(nodes: int, hosts: int) -> None:
    costs, links = parts(Topology.linear(nodes))
    assert cut(links, place(costs, links, even(hosts))) == hosts - 1


@pytest.mark.parametrize(("rows", "columns", "hosts", "optimum"), [(4, 4, 2, 4), (4, 4, 4, 8), (6, 6, 2, 6), (3, 8, 2, 3), (8, 8, 4, 16)])
def test_a_grid_is_cut_along_straight_lines(rows: int, columns: int, hosts: int, optimum: int) -> None:
    costs, links = grid(rows, columns)
    assert cut(links, place(costs, links, even(hosts))) == optimum


def test_two_cliques_that_hang_together_by_one_link_are_parted_there() -> None:
    names = [f"{side}{number}" for number in range(6) for side in "ab"]
    links = [(one, other) for one in names for other in names if one < other and one[0] == other[0]] + [("a0", "b0")]
    placed = place(dict.fromkeys(names, 1.0), links, even(2))
    assert cut(links, placed) == 1


def test_a_tree_loses_as_many_links_as_it_has_subtrees_elsewhere() -> None:
    # A root with two subtrees of seven nodes each.
    links = [(str(number), str(number // 2)) for number in range(2, 16)]
    placed = place(dict.fromkeys(map(str, range(1, 16)), 1.0), links, even(2))
    assert cut(links, placed) == 1


def test_a_machine_of_twice_the_weight_gets_twice_as_many() -> None:
    costs, links = parts(Topology.ring(12))
    placed = place(costs, links, {"large": 2.0, "small": 1.0})
    assert (list(placed.values()).count("large"), cut(links, placed)) == (8, 2)


def test_what_the_user_has_chosen_stays_and_draws_its_neighbours() -> None:
    costs, links = parts(Topology.linear(8))
    first, *_, last = costs
    placed = place(costs, links, even(2), {first: "h1", last: "h0"})
    assert (placed[first], placed[last], cut(links, placed)) == ("h1", "h0", 1)


def test_choices_of_the_user_may_exceed_a_machines_share() -> None:
    costs, links = parts(Topology.linear(4))
    assert set(place(costs, links, even(2), dict.fromkeys(costs, "h1")).values()) == {"h1"}


def test_wrong_weights_and_names_are_refused() -> None:
    with pytest.raises(BadValueError, match="no machines"):
        place({"a": 1.0}, [], {})
    with pytest.raises(BadValueError, match="machine 'h' has the weight 0"):
        place({"a": 1.0}, [], {"h": 0.0})
    with pytest.raises(BadValueError, match="'a' is to be on 'hl', which is none of the machines"):
        place({"a": 1.0}, [], even(2), {"a": "hl"})
    with pytest.raises(BadValueError, match="no node 'b'"):
        place({"a": 1.0}, [], even(2), {"b": "h1"})


@pytest.mark.slow
def test_a_thousand_nodes_are_placed_well() -> None:
    costs, links = grid(25, 40)
    placed = place(costs, links, even(8))
    assert cut(links, placed) <= 200  # by rows of five it would be 280, by the best rectangles about 165


@st.composite
def problems(draw: st.DrawFn) -> tuple[dict[str, float], list[tuple[str, str]], dict[str, float], dict[str, str]]:
    names = [f"n{number}" for number in range(draw(st.integers(1, 24)))]
    same = draw(st.booleans())
    costs = {name: 1.0 if same else draw(st.sampled_from([0.25, 1.0, 3.0])) for name in names}
    pair = st.tuples(st.sampled_from(names), st.sampled_from(names))
    links = draw(st.lists(pair, max_size=60))
    machines = {f"h{number}": draw(st.sampled_from([1.0, 2.0, 5.0])) for number in range(draw(st.integers(1, 4)))}
    fixed = draw(st.dictionaries(st.sampled_from(names), st.sampled_from(list(machines)), max_size=3))
    return costs, links, machines, fixed


@given(problems())
def test_shares_are_respected_and_choices_kept(
    problem: tuple[dict[str, float], list[tuple[str, str]], dict[str, float], dict[str, str]],
) -> None:
    costs, links, machines, fixed = problem
    placed = place(costs, links, machines, fixed)
    assert set(placed) == set(costs)
    assert {name: placed[name] for name in fixed} == fixed
    if not fixed:
        for name, limit in zip(machines, limits_of(list(costs.values()), list(machines.values())), strict=True):
            assert sum(costs[node] for node, where in placed.items() if where == name) <= limit + 1e-6


@given(problems())
def test_it_is_never_worse_than_filling_one_machine_after_the_other(
    problem: tuple[dict[str, float], list[tuple[str, str]], dict[str, float], dict[str, str]],
) -> None:
    costs, links, machines, _ = problem
    limits = limits_of(list(costs.values()), list(machines.values()))
    names, naive, load, machine = list(machines), {}, 0.0, 0
    for node, cost in costs.items():
        if load + cost > limits[machine] + 1e-9:
            machine, load = machine + 1, 0.0
        if machine == len(names):
            return  # by hand it does not fit
        naive[node], load = names[machine], load + cost
    assert cut(links, place(costs, links, machines)) <= cut(links, naive)


@given(problems())
def test_the_same_question_has_the_same_answer(
    problem: tuple[dict[str, float], list[tuple[str, str]], dict[str, float], dict[str, str]],
) -> None:
    assert place(*problem) == place(*problem)
