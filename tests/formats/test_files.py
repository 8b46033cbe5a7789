"""What files say: sections, sugar, values, credentials, and what is written back."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from nepi import Attribute, ExperimentController, Flags, ResourceManager, Retry
from nepi.errors import DescriptionError, PlanError, UsageError
from nepi.execution.completing import placeholder
from nepi.model.attributes import FromEnvironment, Reference
from nepi.model.conditions import Reached
from nepi.model.states import ResourceState
from tests.formats.conftest import Load, Mistakes

WHOLE = """\
experiment: whole
backend: netns
networks: [10.9.0.0/16]
deadline: 10m
stop_on_abort: true
nodes:
  a: {forwarding: false}
  b: {}
  far: {type: 'dummy::Node', failOn: deploy}
switches: [s]
links:
  - {ends: [a, s], rate: 10Mbit, delay: 20ms, loss: 0.1%}
  - ends: [b, s]
    name: cable
    mtu: 1400
    set:
      - {when: client.started + 10s, rate: 1Mbit}
      - {when: client.started + 20s, up: false}
applications:
  server: {type: Iperf3Server, on: b, retry: 3}
  client:
    type: Iperf3Client
    on: a
    target: b
    bytes: 10MB
    critical: false
    traces: [stderr]
    start: server.started + 1s & s.ready within 30s
    stop: ping.exited(0) | quorum(1, [server, ping], FAILED)
    retry: {delay: 2s}
  ping: {type: Ping, on: b, target: "a", interval: 200ms, attributes: {deadline: 5s}}
resources:
  route: {type: IPv4Route, connect: [a], network: default, nexthop: b}
"""


def test_a_file_says_what_a_program_says(load: Load) -> None:
    ec = ExperimentController("whole", backend="netns", networks=("10.9.0.0/16",), deadline="10m", stop_on_abort=True)
    a, b = ec.add("Node", name="a", forwarding=False), ec.add("Node", name="b")
    ec.add("dummy::Node", name="far", failOn="deploy")
    s = ec.add("Switch", name="s")
    ec.add("Link", a, s, rate="10Mbit", delay="20ms", loss="0.1%")
    cable = ec.add("Link", b, s, name="cable", mtu=1400)
    server = ec.add("Iperf3Server", b, name="server")
    ec.set_policy(server, Retry(3))
    client = ec.add("Iperf3Client", a, name="client", target=b, bytes="10MB", critical=False)
    ec.enable_trace(client, "stderr")
    ec.set_policy(client, Retry(delay_s=2))
    ping = ec.add("Ping", b, name="ping", target="a", interval="200ms", deadline="5s")
    ec.add("IPv4Route", a, name="route", network="default", nexthop=b)
    client.start_when(((server.started + "1s") & s.ready), deadline="30s")
    client.stop_when(ping.exited(0) | Reached((server.guid, ping.guid), ResourceState.FAILED, "strict", 1))
    cable.set_when(client.started + "10s", rate="1Mbit")
    cable.set_when(client.started + "20s", up=False)
    assert load(WHOLE).describe().to_record() == ec.describe().to_record()


def test_a_file_that_was_saved_is_as_people_write_it(load: Load, tmp_path: Path) -> None:
    expected = WHOLE.replace(", attributes: {deadline: 5s}", ", deadline: 5s")
    ec = load(WHOLE)
    assert ec.save(tmp_path / "saved.yaml").read_text() == expected
    assert ExperimentController.load(tmp_path / "saved.yaml").describe().to_record() == ec.describe().to_record()


def test_the_order_of_a_program_is_kept_where_the_sections_would_change_it(load: Load, tmp_path: Path) -> None:
    ec = ExperimentController("x", backend="dummy")
    a = ec.add("Node", name="a")
    ec.add("Application", a, name="app")
    ec.add("Node", name="b")
    ec.remove_resource(ec.add("Node"))
    ec.add("Node", name="c")
    text = ec.save(tmp_path / "x.yaml").read_text()
    assert text == (
        "experiment: x\nbackend: dummy\nnodes: [a, b, c]\napplications:\n  app: {type: Application, on: a}\n"
        "guids:\n  a: 1\n  app: 2\n  b: 3\n  c: 5\n"
    )
    loaded = ExperimentController.load(tmp_path / "x.yaml")
    assert [(guid, loaded.resource(guid).name) for guid in loaded.resources] == [(1, "a"), (2, "app"), (3, "b"), (5, "c")]


def test_anchors_and_merge_keys_work(load: Load) -> None:
    ec = load(
        """\
        experiment: x
        backend: netns
        nodes: [a, b, c]
        links:
          - &fast {ends: [a, b], rate: &rate 10Mbit, delay: 1ms}
          - {<<: *fast, ends: [b, c], delay: 2ms}
          - {ends: [a, c], rate: *rate}
        """
    )
    assert [ec.get(guid, "rate") for guid in (4, 5, 6)] == [10_000_000] * 3
    assert [ec.get(guid, "delay") for guid in (4, 5, 6)] == [0.001, 0.002, None]
    assert [ec.resource(5).name, sorted(ec.resource(5).connections)] == ["link-5", [2, 3]]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("b", Reference(2)),
        ('"b"', "b"),
        ("10.0.0.9", "10.0.0.9"),
        ("{resource: b}", Reference(2)),
        ("elsewhere", "elsewhere"),
        ("1.10", "1.10"),
        ("00:11", "00:11"),
        ("yes", "yes"),
        ("null", None),
    ],
)
def test_a_bare_name_is_a_resource_where_packets_go_there_and_else_a_text(load: Load, written: str, value: object) -> None:
    ec = load(f"experiment: x\nbackend: netns\nnodes: [a, b]\nresources: {{r: {{type: IPv4Route, connect: a, nexthop: {written}}}}}")
    found = ec.describe().resources[2].attributes.get("nexthop")
    same_resource = isinstance(value, Reference) and isinstance(found, Reference) and found.guid == value.guid
    assert same_resource or (found == value and not isinstance(value, Reference))


def test_a_name_in_another_text_stays_a_text(load: Load) -> None:
    ec = load("experiment: x\nbackend: netns\nnodes: [a]\napplications: {run: {type: Application, on: a, command: a}}")
    assert ec.get("run", "command") == "a"


def test_sections_and_keys_that_say_nothing_are_taken_for_empty(load: Load) -> None:
    ec = load("experiment: x\nbackend: netns\nnodes:\n  a:\n  b: {start: }\nlinks:\napplications:\n  # none yet\n")
    assert [ec.resource(guid).name for guid in ec.resources] == ["a", "b"]


def test_the_way_back_of_a_link_stands_below_back(tmp_path: Path) -> None:
    class TwoWay(ResourceManager, rtype="formats::Link"):
        """A link whose directions differ."""

        rate = Attribute.rate(help="There.")
        rateBack = Attribute.rate(help="Back.")

    text = "experiment: x\nbackend: formats\nresources:\n  a: {type: 'dummy::Node'}\n"
    path = tmp_path / "x.yaml"
    path.write_text(
        "experiment: x\nbackend: formats\nnodes:\n  a: {type: 'dummy::Node'}\n  b: {type: 'dummy::Node'}\n"
        "links:\n  - {ends: [a, b], rate: 10Mbit, back: {rate: 1Mbit}}\n"
    )
    text = path.read_text()
    ec = ExperimentController.load(path)
    assert (ec.get(3, "rate"), ec.get(3, "rateBack")) == (10_000_000, 1_000_000)
    assert ec.save(path).read_text() == text


# Credentials.


class Login(ResourceManager, rtype="formats::Login"):
    """Something that needs a password."""

    user = Attribute.string(help="Who.")
    password = Attribute.string(help="What nobody may read.", flags=Flags.Credential)


def test_credentials_are_never_written_and_taken_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ec = ExperimentController("x")
    ec.add("formats::Login", name="my-login", user="me", password="hunter2hunter2")
    for name in ("x.yaml", "x.json"):
        path = ec.save(tmp_path / name)
        assert "hunter2" not in path.read_text()
        monkeypatch.delenv("NEPI_MY_LOGIN_PASSWORD", raising=False)
        with pytest.raises(PlanError) as caught:
            ExperimentController.load(path)
        assert caught.value.mistakes[0].endswith(
            "attribute 'password' is a credential: set the environment variable NEPI_MY_LOGIN_PASSWORD, from which it is taken"
        )
        monkeypatch.setenv("NEPI_MY_LOGIN_PASSWORD", "hunter3hunter3")
        loaded = ExperimentController.load(path)
        assert loaded.resource("my-login").get("password") == "hunter3hunter3"
    assert "  my-login: {type: 'formats::Login', user: me, password: '${NEPI_MY_LOGIN_PASSWORD}'}\n" in (tmp_path / "x.yaml").read_text()


def test_a_credential_in_a_file_is_refused_and_not_repeated(mistakes: Mistakes) -> None:
    assert mistakes("experiment: x\nresources: {l: {type: 'formats::Login', password: hunter2hunter2}}") == [
        "x.yaml, line 2, column 51: resources.l.password: attribute 'password' is a credential, and those stand in no file: write ${NAME}, "
        "and set the environment variable NAME before loading it"
    ]


def test_the_placeholder_of_a_credential_is_a_variable_of_the_shell() -> None:
    ec = ExperimentController("x")
    guid = ec.add("formats::Login", name="n-1.lan@x").guid
    assert placeholder(ec.resource(guid), "passWord") == FromEnvironment("NEPI_N_1_LAN_X_PASSWORD")


# Files.


def test_a_file_that_cannot_be_read_or_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(DescriptionError, match=r"^cannot read .*none.yaml: No such file or directory$"):
        ExperimentController.load(tmp_path / "none.yaml")
    with pytest.raises(UsageError, match=r"^cannot write .*x.yaml: No such file or directory$"):
        ExperimentController("x").save(tmp_path / "none" / "x.yaml")


def test_saving_leaves_no_other_file_and_takes_the_usual_rights(tmp_path: Path) -> None:
    path = ExperimentController("x").save(tmp_path / "x.json")
    assert [one.name for one in tmp_path.iterdir()] == ["x.json"]
    assert stat.S_IMODE(path.stat().st_mode) & stat.S_IRUSR


def test_settings_of_the_run_are_given_when_loading(load: Load, tmp_path: Path) -> None:
    load("experiment: x\nbackend: netns\nnodes: [a]")
    ec = ExperimentController.load(tmp_path / "x.yaml", backend="dummy", run_id="r1", local_dir=tmp_path, deadline="1m")
    assert (ec.run_id, ec.local_dir, ec.resource("a").rtype(), ec.describe().deadline_s) == ("r1", str(tmp_path), "dummy::Node", 60.0)


def test_the_file_is_kept_with_the_run(load: Load, tmp_path: Path) -> None:
    load("# mine\nexperiment: x\nbackend: dummy\nnodes: [a]\n")
    with ExperimentController.load(tmp_path / "x.yaml", local_dir=tmp_path) as ec:
        ec.run()
    assert (Path(ec.run_dir) / "experiment.yaml").read_text() == "# mine\nexperiment: x\nbackend: dummy\nnodes: [a]\n"
    again = ExperimentController.load(Path(ec.run_dir) / "experiment.json")
    assert again.describe().to_record() == ec.describe().to_record()


def test_changes_and_policies_of_a_program_are_in_the_record_of_its_run(tmp_path: Path) -> None:
    with ExperimentController("x", backend="dummy", local_dir=tmp_path) as ec:
        node = ec.add("Node", name="a")
        ec.set_policy(node, Retry(2))
        node.set_when(node.started, stopTime="1ms")
        ec.run()
    loaded = ExperimentController.load(Path(ec.run_dir) / "experiment.json")
    assert loaded.describe().resources[0].changes == ((Reached((1,), ResourceState.STARTED), {"stopTime": 0.001}),)
    assert loaded.describe().resources[0].policy == {
        "retry": {"attempts": 2, "delay_s": 1.0, "factor": 2.0, "jitter": 0.0, "longest_s": None, "runs": False, "seed": 0}
    }
