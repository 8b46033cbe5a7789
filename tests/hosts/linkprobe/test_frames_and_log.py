from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nepi.hosts.linkprobe.frames import ETHERTYPE, NEAREST_BRIDGE, FrameMaker, Seen, read, token_of
from nepi.hosts.linkprobe.log import DAMAGED, INTACT, NOT_READ, Arrived, ProbeLog, SentTrain, decode, encode
from nepi.hosts.linkprobe.ring import filter_program

SOURCE = bytes.fromhex("020000000001")


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.integers(0, 2**63 - 1), st.integers(60, 200))
def test_a_frame_says_what_was_put_into_it(token: int, number: int, now_ns: int, size: int) -> None:
    frame = bytes(FrameMaker(token, SOURCE, size).make(number, now_ns))
    assert len(frame) == size
    assert frame[:14] == NEAREST_BRIDGE + SOURCE + ETHERTYPE.to_bytes(2, "big")
    assert token_of(frame[:18]) == token
    assert read(frame) == Seen(token, number, now_ns, True)


@given(st.integers(0, 60 * 8 - 1))
def test_every_flipped_bit_is_seen(bit: int) -> None:
    frame = FrameMaker(7, SOURCE, 60).make(1, 2)
    frame[bit // 8] ^= 1 << bit % 8
    assert not read(bytes(frame)).intact


def test_a_frame_has_room_for_what_it_says() -> None:
    with pytest.raises(ValueError, match="33 bytes"):
        FrameMaker(7, SOURCE, 33)


ROW = st.tuples(
    st.integers(0, 2**32 - 1),
    st.integers(60, 9014),
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**63 - 1),
    st.integers(0, 2**63 - 1),
    st.sampled_from([DAMAGED, INTACT, NOT_READ]),
)


@given(st.lists(ROW), st.integers(0, 5), st.integers(-(10**9), 10**9))
def test_a_log_is_read_as_it_was_written(rows: list[tuple[int, int, int, int, int, int]], dropped: int, moved_ns: int) -> None:
    arrived = Arrived()
    for row in rows:
        arrived.add(*row)
    sent = [SentTrain(60, 200, 1, 10, 20, [3, 4])]
    again = decode(b"".join(encode(ProbeLog(sent, arrived, dropped, moved_ns))))
    assert (again.sent, again.dropped, again.clock_moved_ns) == (sent, dropped, moved_ns)
    assert [list(column) for column in again.arrived.columns] == [list(column) for column in arrived.columns]


@pytest.mark.parametrize("data", [b"", b"Traceback\n", b"{}\n", b'{"sent":[],"arrived":2,"dropped":0,"clock_moved_ns":0}\nabc'])
def test_what_is_no_whole_log_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="not a"):
        decode(data)


def test_times_of_damaged_frames_beyond_all_bounds_are_dropped() -> None:
    arrived = Arrived()
    arrived.add(1, 60, 5, 2**64 - 1, 7, DAMAGED)
    assert list(arrived.rows(1, 60)) == [(5, 0, 7, DAMAGED)]


def test_damaged_frames_belong_to_the_train_of_their_size_whatever_their_token_says() -> None:
    arrived = Arrived()
    for token, size, state in ((1, 509, INTACT), (2, 509, DAMAGED), (2, 509, INTACT), (1, 60, INTACT)):
        arrived.add(token, size, 0, 0, 0, state)
    assert [state for *_, state in arrived.rows(1, 509)] == [INTACT, DAMAGED]


def run_filter(program: bytes, frame: bytes) -> int:
    """Execute a classic BPF program, as bpf(4) defines the four instructions that are used here."""
    import struct

    code = list(struct.iter_unpack("=HBBI", program))
    value = at = 0
    while True:
        operation, yes, no, k = code[at]
        at += 1
        match operation:
            case 0x28:
                value = int.from_bytes(frame[k : k + 2], "big")
            case 0x80:
                value = len(frame)
            case 0x15:
                at += yes if value == k else no
            case 0x06:
                return int(k)


@given(st.lists(st.integers(61, 1514), max_size=3, unique=True), st.integers(60, 1514), st.booleans())
def test_the_filter_lets_probes_through_and_frames_of_sizes_that_may_be_damaged(sizes: list[int], size: int, probe: bool) -> None:
    frame = FrameMaker(1, SOURCE, size).make(0, 0)
    if not probe:
        frame[12:14] = b"\x08\x00"
    assert run_filter(filter_program(sizes, 66), bytes(frame)) == (66 if probe or size in sizes else 0)
