"""What iputils' ping printed, recorded and generated."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nepi.apps.ping_output import PingRefusal, PingReply, PingResult, parse_ping
from nepi.errors import TraceError
from tests.apps.recordings import FOLDER, names, recorded

HEADER = "PING b (10.0.0.2) 56(84) bytes of data.\n"
PLAIN = PingResult(
    target="10.0.0.2",
    address="10.0.0.2",
    transmitted=3,
    received=3,
    duplicates=0,
    errors=0,
    loss=0.0,
    rtt_min_s=0.087e-3,
    rtt_avg_s=0.209e-3,
    rtt_max_s=0.370e-3,
    rtt_mdev_s=0.118e-3,
    replies=(PingReply(1, 64, 0.370e-3), PingReply(2, 64, 0.170e-3), PingReply(3, 64, 0.087e-3)),
    complete=True,
)


def summary(result: PingResult) -> tuple[object, ...]:
    return (
        result.transmitted,
        result.received,
        result.duplicates,
        result.errors,
        len(result.replies),
        len(result.refusals),
        result.complete,
    )


def test_plain_run() -> None:
    assert parse_ping(recorded("ping/plain")) == PLAIN


def test_wall_clock_times() -> None:
    result = parse_ping(recorded("ping/numeric_timestamps"))
    assert result.replies[0] == PingReply(1, 64, 0.093e-3, at=1795471288.261327)


def test_unreachable_host() -> None:
    result = parse_ping(recorded("ping/host_unreachable"))
    assert result == PingResult(
        target="10.0.0.99",
        address="10.0.0.99",
        transmitted=3,
        received=0,
        duplicates=0,
        errors=3,
        loss=1.0,
        refusals=tuple(PingRefusal(seq, "10.0.0.1", "Destination Host Unreachable") for seq in (1, 2, 3)),
        notes=("pipe 3",),
        complete=True,
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("loss", (7, 4, 0, 0, 4, 0, True)),
        ("all_lost", (3, 0, 0, 0, 0, 0, True)),
        ("duplicates", (4, 4, 2, 0, 6, 0, True)),
        ("deadline", (10, 3, 0, 0, 3, 0, True)),
        ("quiet", (5, 5, 0, 0, 0, 0, True)),
        ("flood", (200, 198, 0, 0, 0, 0, True)),
        ("flood_quiet", (200, 200, 0, 0, 0, 0, True)),
        ("interrupted", (5, 5, 0, 0, 5, 0, True)),
        ("killed", (None, 5, 0, None, 5, 0, False)),
        ("terminated", (None, 5, 0, None, 5, 0, False)),
        ("unknown_host", (None, None, None, None, 0, 0, False)),
        ("network_unreachable", (None, None, None, None, 0, 0, False)),
        ("message_too_long", (2, 0, 0, 2, 0, 0, True)),
        ("prohibited", (2, 0, 0, 2, 0, 2, True)),
        ("ttl_exceeded", (2, 0, 0, 2, 0, 2, True)),
        ("six", (3, 3, 0, 0, 3, 0, True)),
        ("six_unreachable", (2, 0, 0, 2, 0, 2, True)),
        ("wrong_data", (3, 3, 0, 0, 3, 0, True)),
        ("record_route", (3, 3, 0, 0, 3, 0, True)),
        ("verbose", (2, 2, 0, 0, 2, 0, True)),
    ],
)
def test_counts(name: str, expected: tuple[object, ...]) -> None:
    assert summary(parse_ping(recorded(f"ping/{name}"))) == expected


def test_loss_is_a_fraction_of_the_counts() -> None:
    assert parse_ping(recorded("ping/loss")).loss == 3 / 7


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("unknown_host", "no.such.host.invalid: Temporary failure in name resolution"),
        ("network_unreachable", "connect: Network is unreachable"),
        ("bad_option", "invalid argument: 'nonsense'"),
        ("verbose", ""),
        ("message_too_long", ""),
        ("killed", ""),
    ],
)
def test_why_nothing_was_sent(name: str, error: str) -> None:
    assert parse_ping(recorded(f"ping/{name}")).error == error


@pytest.mark.parametrize(
    ("name", "target", "address"),
    [
        ("by_name", "localhost", "127.0.0.1"),
        ("from_interface", "10.0.0.2", "10.0.0.2"),
        ("six", "fd00::2", "fd00::2"),
        ("six_link_local", "fe80::2%wire", "fe80::2%wire"),
    ],
)
def test_target_and_address(name: str, target: str, address: str) -> None:
    result = parse_ping(recorded(f"ping/{name}"))
    assert (result.target, result.address) == (target, address)


@pytest.mark.parametrize(
    ("header", "target", "address"),
    [
        ("PING localhost (::1) 56 data bytes", "localhost", "::1"),
        ("PING localhost(localhost (::1)) 56 data bytes", "localhost", "::1"),
        ("PING ::1(::1) from ::1 lo: 56 data bytes", "::1", "::1"),
        ("PING fd00::2 (fd00::2) 56 data bytes", "fd00::2", "fd00::2"),
    ],
)
def test_headers_of_other_versions(header: str, target: str, address: str) -> None:
    result = parse_ping(header + "\n")
    assert (result.target, result.address) == (target, address)


def test_standard_output_alone_is_enough() -> None:
    output = b"".join(line for line in recorded("ping/verbose").splitlines(True) if not line.startswith(b"ping: "))
    assert summary(parse_ping(output)) == (2, 2, 0, 0, 2, 0, True)


def test_standard_error_may_come_by_itself() -> None:
    assert parse_ping(b"", stderr=recorded("ping/unknown_host")) == parse_ping(recorded("ping/unknown_host"))
    with_notes = parse_ping(recorded("ping/plain"), stderr=b"ping: sock4.fd: 3\n")
    assert (with_notes.received, with_notes.notes, with_notes.error) == (3, ("ping: sock4.fd: 3",), "")


def test_a_quiet_ping_that_was_killed_has_not_received_zero() -> None:
    assert parse_ping(HEADER) == PingResult(target="b", address="10.0.0.2")


def test_nothing_printed_is_nothing_known() -> None:
    assert parse_ping(b"") == PingResult()


def test_packets_too_small_for_a_time_stamp_have_no_times() -> None:
    result = parse_ping(recorded("ping/small_packets"))
    assert (result.received, result.rtt_avg_s, result.replies[0].rtt_s) == (2, None, None)


def test_marks_of_replies() -> None:
    text = HEADER + "64 bytes from b (10.0.0.2): icmp_seq=1 ttl=64 time=1 ms (DUP!) (BAD CHECKSUM!)\n"
    assert parse_ping(text).replies == (PingReply(1, 64, 1e-3, duplicate=True, damaged=True),)


def test_times_of_a_killed_ping_are_those_of_the_replies_seen() -> None:
    times = (1e-3, 2e-3, 3e-3)
    lines = "".join(f"64 bytes from b: icmp_seq={n} ttl=64 time={1e3 * t:.3f} ms\n" for n, t in enumerate(times, start=1))
    result = parse_ping(HEADER + lines)
    assert (result.received, result.rtt_min_s, result.rtt_max_s, result.loss, result.complete) == (3, 1e-3, 3e-3, None, False)
    assert result.rtt_avg_s == pytest.approx(2e-3)
    assert result.rtt_mdev_s == pytest.approx((2 / 3) ** 0.5 * 1e-3)


def test_of_several_runs_the_last_counts() -> None:
    assert parse_ping(recorded("ping/loss") + recorded("ping/plain")) == PLAIN
    assert parse_ping(recorded("ping/killed") + recorded("ping/plain")) == PLAIN
    assert parse_ping(recorded("ping/plain") + recorded("ping/unknown_host")) == parse_ping(recorded("ping/unknown_host"))


@pytest.mark.parametrize("name", names("ping"))
def test_every_recording_agrees_with_its_exit_status(name: str) -> None:
    result = parse_ping(recorded(name))
    status = json.loads((FOLDER / "index.json").read_text())[name]["status"]
    assert (status == 0) == bool(result.complete and result.received)
    if result.complete and result.replies:
        assert result.received == len([reply for reply in result.replies if not reply.duplicate])


@pytest.mark.parametrize("name", names("ping"))
def test_cut_anywhere_no_number_is_wrong(name: str) -> None:
    output = recorded(name)
    whole = parse_ping(output)
    for length in range(len(output)):
        part = parse_ping(output[:length])
        assert not part.complete
        assert part.replies == whole.replies[: len(part.replies)]
        assert part.refusals == whole.refusals[: len(part.refusals)]
        assert part.transmitted in (None, whole.transmitted)
        assert part.loss in (None, whole.loss)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hello\n", "line 1: 'hello' is nothing that ping prints"),
        (HEADER + "64 bytes from b: icmp_seq=x ttl=64 time=1 ms\n", "line 2: '64 bytes from b: icmp_seq=x.* is a reply, damaged"),
        (HEADER + "64 bytes from b: icmp_seq=1 ttl=64 time=\n", "line 2: .* is a reply, damaged"),
        (HEADER + "\n--- b ping statistics ---\n3 packets transmitted, many received\n", "line 4: .* is the counts, damaged"),
        (HEADER + "a\0b\n", r"line 2: 'a\\x00b' is nothing that ping prints"),
        (b"PING \xff\n", "byte 5 \\(0xff\\) is not text"),
        ("64 bytes from 10.0.0.2: seq=0 ttl=64 time=0.1 ms\n", "line 1: .* is a reply, damaged"),
    ],
)
def test_garbage_is_refused_with_its_place(text: str | bytes, message: str) -> None:
    with pytest.raises(TraceError, match=f"^ping output(, |: ){message}"):
        parse_ping(text)


@given(st.binary(max_size=300))
def test_any_bytes_are_answered(data: bytes) -> None:
    with suppress(TraceError):
        parse_ping(data)


@given(
    st.lists(st.sampled_from([*recorded("ping/duplicates").splitlines(True), *recorded("ping/verbose").splitlines(True), b"\xff", b"64"]))
)
def test_lines_in_any_order_are_answered(lines: list[bytes]) -> None:
    with suppress(TraceError):
        parse_ping(b"".join(lines))


REPLIES = st.builds(
    PingReply,
    seq=st.integers(0, 65_535),
    ttl=st.integers(0, 255),
    rtt_s=st.none() | st.integers(0, 10**9).map(lambda us: float(f"{us // 1000}.{us % 1000:03}e-3")),
    at=st.none() | st.integers(0, 10**15).map(lambda us: float(f"{us // 10**6}.{us % 10**6:06}")),
    duplicate=st.booleans(),
    damaged=st.booleans(),
)


def line_of(reply: PingReply) -> str:
    at = "" if reply.at is None else f"[{reply.at:.6f}] "
    time = "" if reply.rtt_s is None else f" time={reply.rtt_s * 1e3:.3f} ms"
    marks = (" (BAD CHECKSUM!)" if reply.damaged else "") + (" (DUP!)" if reply.duplicate else "")
    return f"{at}64 bytes from b (10.0.0.2): icmp_seq={reply.seq} ttl={reply.ttl}{time}{marks}\n"


@given(st.lists(REPLIES, max_size=5))
def test_what_is_written_as_ping_does_is_read_back(replies: list[PingReply]) -> None:
    result = parse_ping(HEADER + "".join(map(line_of, replies)))
    assert result.replies == tuple(replies)


@given(transmitted=st.integers(0, 10**9), lost=st.integers(0, 10**9), duplicates=st.integers(0, 99), errors=st.integers(0, 99))
def test_counts_are_read_back(transmitted: int, lost: int, duplicates: int, errors: int) -> None:
    received = max(0, transmitted - lost)
    extra = (f", +{duplicates} duplicates" if duplicates else "") + (f", +{errors} errors" if errors else "")
    loss = f", {100 * (transmitted - received) / transmitted:g}% packet loss, time 5ms" if transmitted else ""
    text = f"{HEADER}\n--- b ping statistics ---\n{transmitted} packets transmitted, {received} received{extra}{loss}\n\n"
    result = parse_ping(text)
    assert summary(result) == (transmitted, received, duplicates, errors, 0, 0, True)
    assert result.loss == ((transmitted - received) / transmitted if transmitted else None)
