"""The seed's scheduler."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nepi.errors import UsageError
from nepi.execution.scheduler import HeapScheduler, Task, TaskStatus

BASE = datetime(2026, 1, 1)


def task(seconds: float = 0) -> Task:
    return Task(BASE + timedelta(seconds=seconds), lambda: None)


def drain(scheduler: HeapScheduler) -> list[Task]:
    taken = []
    while (due := scheduler.next()) is not None:
        taken.append(due)
    return taken


def test_new_task_has_no_id_no_result_and_is_new() -> None:
    fresh = Task(BASE, print)
    assert (fresh.id, fresh.timestamp, fresh.callback, fresh.result, fresh.status) == (None, BASE, print, None, TaskStatus.NEW)


def test_statuses_have_the_seeds_numbers() -> None:
    assert {status.name: status.value for status in TaskStatus} == {"NEW": 0, "DONE": 1, "ERROR": 2}


def test_schedule_returns_the_task_with_an_id() -> None:
    scheduler, first, second = HeapScheduler(), task(), task()
    assert scheduler.schedule(first) is first
    scheduler.schedule(second)
    assert first.id is not None
    assert second.id is not None
    assert first.id < second.id
    assert scheduler.pending == {first.id, second.id}


def test_empty_scheduler_has_nothing_next() -> None:
    assert HeapScheduler().next() is None


@given(st.lists(st.integers(min_value=0, max_value=5)), st.data())
def test_earliest_comes_first_ties_in_order_and_removed_ones_never(dates: list[int], data: st.DataObject) -> None:
    scheduler = HeapScheduler()
    tasks = [scheduler.schedule(task(date)) for date in dates]
    removed = data.draw(st.sets(st.sampled_from(tasks))) if tasks else set()
    for one in removed:
        assert one.id is not None
        scheduler.remove(one.id)
    assert drain(scheduler) == sorted((one for one in tasks if one not in removed), key=lambda one: one.timestamp)
    assert scheduler.pending == frozenset()


def test_removing_what_is_not_there_is_harmless() -> None:
    scheduler, taken = HeapScheduler(), task()
    scheduler.schedule(taken)
    assert scheduler.next() is taken
    assert taken.id is not None
    scheduler.remove(taken.id)
    scheduler.remove(12345)
    assert scheduler.next() is None


def test_task_that_was_taken_or_removed_is_scheduled_again_under_its_id() -> None:
    scheduler, again = HeapScheduler(), task(2)
    scheduler.schedule(again)
    tid = again.id
    assert tid is not None
    scheduler.remove(tid)
    again.timestamp = BASE + timedelta(seconds=1)
    scheduler.schedule(again)
    assert again.id == tid
    assert drain(scheduler) == [again]


def test_task_that_waits_already_is_refused() -> None:
    scheduler = HeapScheduler()
    waiting = scheduler.schedule(task())
    with pytest.raises(UsageError, match="already"):
        scheduler.schedule(waiting)


def test_removed_tasks_do_not_pile_up() -> None:
    scheduler = HeapScheduler()
    last = scheduler.schedule(task())
    for _ in range(10_000):
        tid = scheduler.schedule(task(60)).id
        assert tid is not None
        scheduler.remove(tid)
    assert len(scheduler._heap) < 200
    assert drain(scheduler) == [last]


def test_threads_share_it() -> None:
    scheduler = HeapScheduler()
    with ThreadPoolExecutor(4) as pool:
        tasks = list(pool.map(lambda number: scheduler.schedule(task(number % 7)), range(1000)))
        taken = list(pool.map(lambda _: scheduler.next(), range(1000)))
    assert {one.id for one in tasks} == {one.id for one in taken if one is not None}
    assert len({one.id for one in tasks}) == 1000
