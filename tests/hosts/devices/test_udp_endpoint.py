from __future__ import annotations

import os
from collections.abc import Sequence

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from nepi.hosts.devices.udp_endpoint import WINDOW, Seal, Window, direction_key

KEY, FIRST, SECOND = b"k" * 32, b"1" * 16, b"2" * 16


def pair(cipher: str, key: bytes = KEY, other_key: bytes = KEY) -> tuple[Seal, Seal]:
    return Seal(cipher, key, FIRST, SECOND), Seal(cipher, other_key, SECOND, FIRST)


@pytest.mark.parametrize("cipher", ["PLAIN", "AES", "ChaCha20"])
@given(packets=st.lists(st.binary(min_size=1, max_size=2000), max_size=5))
def test_what_one_end_seals_the_other_one_opens(cipher: str, packets: list[bytes]) -> None:
    first, second = pair(cipher)
    assert [second.open(first.seal(packet)) for packet in packets] == packets
    assert [first.open(second.seal(packet)) for packet in packets] == packets


@pytest.mark.parametrize("cipher", ["AES", "ChaCha20"])
def test_a_changed_or_foreign_datagram_is_dropped(cipher: str) -> None:
    first, second = pair(cipher)
    datagram = first.seal(b"packet")
    for place in range(len(datagram)):
        assert second.open(datagram[:place] + bytes([datagram[place] ^ 1]) + datagram[place + 1 :]) is None
    assert first.open(datagram) is None  # nor is what one has sent taken for the other's
    assert pair(cipher, other_key=b"x" * 32)[1].open(datagram) is None
    assert second.open(b"short") is None
    assert second.open(datagram) == b"packet"


@pytest.mark.parametrize("cipher", ["PLAIN", "AES"])
def test_nothing_is_taken_twice(cipher: str) -> None:
    first, second = pair(cipher)
    datagrams = [first.seal(bytes([number])) for number in range(3)]
    assert [second.open(one) for one in (datagrams[2], datagrams[0], datagrams[2], datagrams[0], datagrams[1])] == [
        b"\2",
        b"\0",
        None,
        None,
        b"\1",
    ]


def test_a_packet_is_never_sealed_in_the_same_way_twice() -> None:
    first, _ = pair("AES")
    again, _ = pair("AES")
    assert first.seal(b"same") != first.seal(b"same")
    assert Seal("AES", KEY, os.urandom(16), SECOND).seal(b"same") != again.seal(b"same")


def test_each_direction_of_each_session_has_a_key_of_its_own() -> None:
    keys = {direction_key(KEY, FIRST, SECOND), direction_key(KEY, SECOND, FIRST), direction_key(KEY, FIRST, b"3" * 16)}
    assert len(keys) == 3
    hkdf = HKDF(SHA256(), 32, FIRST + SECOND, b"nepi udp tunnel 1" + FIRST + SECOND)
    assert direction_key(KEY, FIRST, SECOND) == hkdf.derive(KEY)


def taken(counters: Sequence[int]) -> list[int]:
    window, found = Window(), []
    for counter in counters:
        if window.is_new(counter):
            window.note(counter)
            found.append(counter)
    return found


@given(st.lists(st.integers(0, 3 * WINDOW), max_size=200))
def test_a_window_takes_each_counter_once_unless_it_is_too_old(counters: list[int]) -> None:
    seen: set[int] = set()
    wanted = []
    for counter in counters:
        if counter not in seen and counter > max(seen, default=-1) - WINDOW:
            seen.add(counter)
            wanted.append(counter)
    assert taken(counters) == wanted
