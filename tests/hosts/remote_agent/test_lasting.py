"""A client that outlives its connections, and messages as lines: pure."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from nepi.hosts.agent.lasting import LastingClient
from nepi.hosts.agent.proxy import PART_BYTES, parts


class Line:
    """A connection that remembers what was sent."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.is_open = True

    def send(self, message: dict[str, Any]) -> None:
        self.sent.append(message)

    def close(self) -> None:
        self.is_open = False


def test_a_request_that_is_sent_again_is_carried_out_once_and_answered_again() -> None:
    client, first, second = LastingClient("t"), Line(), Line()
    client.attach(first)
    assert client.is_new({"id": 1})
    client.send({"id": 1, "ok": {}})
    client.detach(first)
    client.attach(second)
    assert not client.is_new({"id": 1})
    assert second.sent == [{"id": 1, "ok": {}}]


def test_an_answer_that_comes_while_the_client_is_away_is_kept_and_an_event_is_not() -> None:
    client, first, second = LastingClient("t"), Line(), Line()
    client.attach(first)
    assert client.is_new({"id": 1})
    client.detach(first)
    client.send({"id": 1, "ok": {}})
    client.send({"event": "exited"})
    client.attach(second)
    assert not client.is_new({"id": 1})
    assert second.sent == [{"id": 1, "ok": {}}]


def test_a_request_that_is_still_being_carried_out_is_answered_over_the_new_connection() -> None:
    client, first, second = LastingClient("t"), Line(), Line()
    client.attach(first)
    assert client.is_new({"id": 1})
    client.attach(second)
    assert not first.is_open
    assert not client.is_new({"id": 1})
    assert second.sent == []
    client.send({"id": 1, "ok": {}})
    assert second.sent == [{"id": 1, "ok": {}}]


def test_answers_that_have_arrived_are_forgotten() -> None:
    client, line = LastingClient("t"), Line()
    client.attach(line)
    for number in range(1, 4):
        assert client.is_new({"id": number, "below": number})
        client.send({"id": number, "ok": {}})
    assert client.is_new({"id": 9, "below": 9})
    assert (client._answers, client._seen) == ({}, {9})


def test_the_end_of_an_old_connection_does_not_end_the_new_one() -> None:
    client, first, second = LastingClient("t"), Line(), Line()
    client.attach(first)
    client.attach(second)
    assert not client.detach(first)
    client.send({"event": "exited"})
    assert second.sent == [{"event": "exited"}]


@given(st.binary(max_size=4 * PART_BYTES).filter(lambda data: b"\n" not in data))
def test_a_message_of_any_length_is_carried_by_lines_of_a_bounded_length(message: bytes) -> None:
    *texts, nothing = parts(message).split(b"\n")
    assert nothing == b""
    lines = [text + b"\n" for text in texts]
    assert all(line[:1] == b"+" for line in lines[:-1])
    assert lines[-1][:1] == b"="
    assert all(len(line) <= PART_BYTES + 2 for line in lines)
    assert b"".join(line[1:-1] for line in lines) == message
