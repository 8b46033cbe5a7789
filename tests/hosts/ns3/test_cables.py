from nepi.hosts.agent.queues import Shape
from nepi.hosts.ns3.cables import CableSocket, cable, shaped
from nepi.hosts.wire.parameters import MOST_FRAMES


def test_a_cable_is_a_channel_with_an_end_at_each_node() -> None:
    sockets = [CableSocket(1, "02:00:00:00:00:01", -5, 7000), CableSocket(2, "02:00:00:00:00:02", -6, 8000)]
    assert cable(-4, sockets, mtu_bytes=1400) == [
        ["create", -4, "ns3::SimpleChannel", {}],
        ["static", "nepi::AddEnd", [{"ref": 1}, {"ref": -4}, "02:00:00:00:00:01", 1400, 7000], -5],
        ["static", "nepi::AddEnd", [{"ref": 2}, {"ref": -4}, "02:00:00:00:00:02", 1400, 8000], -6],
    ]


def words_of(shape: Shape, *, up: bool = True) -> dict[str, str]:
    _, function, arguments, *_ = shaped(-5, shape, mtu_bytes=1500, up=up)
    assert (function, arguments[0]) == ("nepi::ShapeEnd", {"ref": -5})
    words = arguments[1].split()
    return dict(zip(words[::2], words[1::2], strict=True))


def test_a_shape_is_told_in_the_numbers_of_links_in_user_space() -> None:
    shape = Shape(rate_bps=1e7, delay_s=0.01, jitter_s=0.001, distribution="pareto", loss=0.5, bursts=None, discipline="red", ecn=True)
    words = words_of(shape)
    expected = {
        "up": "1",
        "rate": "10000000",
        "delay_ns": "10000000",
        "jitter_ns": "1000000",
        "distribution": "2",
        "loss": str(2**31),
        "discipline": "2",
        "ecn": "1",
        "limit": "82",  # 100 ms of the rate
        "bursty": "0",
    }
    assert {name: words[name] for name in expected} == expected
    assert int(words["red_most"]) > int(words["red_least"]) > 0


def test_nothing_asked_is_a_cable_that_does_nothing() -> None:
    words = words_of(Shape(), up=False)
    assert words["up"] == "0"
    assert {name for name, value in words.items() if value != "0"} == {"limit", "red_weight", "red_idle_ns"}


def test_the_queue_of_the_highest_rate_is_the_longest_that_there_is() -> None:
    assert words_of(Shape(rate_bps=1e13))["limit"] == str(MOST_FRAMES)
