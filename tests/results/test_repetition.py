from nepi.apps.iperf3_result import Iperf3Flow, Iperf3Result
from nepi.apps.ping_output import PingResult
from nepi.results.repetition import Repetition, figures_of, values_by_metric


def test_the_numbers_of_a_result_are_its_figures_and_what_is_not_known_is_none() -> None:
    result = PingResult("b", "10.0.0.2", transmitted=3, received=2, loss=1 / 3, rtt_avg_s=0.02, complete=True)
    assert dict(figures_of("p", result)) == {"p transmitted": 3.0, "p received": 2.0, "p loss": 1 / 3, "p rtt_avg_s": 0.02}


def test_the_way_back_of_a_bidirectional_test_has_figures_of_its_own() -> None:
    result = Iperf3Result(throughput_bps=9e6, retransmits=3, started_at=1.0, backward=Iperf3Flow(throughput_bps=8e6))
    assert dict(figures_of("c", result)) == {"c throughput_bps": 9e6, "c retransmits": 3.0, "c backward throughput_bps": 8e6}


def test_what_is_no_result_has_no_figures() -> None:
    assert list(figures_of("server", (1, 2))) == list(figures_of("node", None)) == []


def test_values_are_gathered_by_metric_in_the_order_of_the_repetitions() -> None:
    runs = [
        Repetition("netns", 1, 1, {"p rtt_avg_s": 1.0, "p loss": 0.0, "p received": 5.0}),
        Repetition("netns", 2, 2, failure="it broke"),
        Repetition("netns", 3, 3, {"p loss": 1.0}),
    ]
    assert values_by_metric(runs, ["rtt_avg_s", "loss"]) == {"p rtt_avg_s": [1.0], "p loss": [0.0, 1.0]}
