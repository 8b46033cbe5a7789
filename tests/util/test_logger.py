"""Log lines of components: what they say, who decides whether they are shown, and what they cost."""

from __future__ import annotations

import logging
from collections.abc import Generator

import pytest

from nepi.util import logger as module
from nepi.util.logger import Logger, configure

COMPONENT = "test-component"


class Speaker(Logger):
    """A component that says who it is, as resource managers do."""

    def log_message(self, msg: object) -> str:
        return f"guid 7 - {msg}"


@pytest.fixture(autouse=True)
def loggers_as_before() -> Generator[None]:
    root = logging.getLogger(module.ROOT)
    component = logging.getLogger(f"{module.ROOT}.{COMPONENT}")
    before = root.level, list(root.handlers), root.propagate
    yield
    component.setLevel(logging.NOTSET)
    root.setLevel(before[0])
    root.handlers[:] = before[1]
    root.propagate = before[2]


def test_each_method_logs_at_its_level_under_the_components_name(caplog: pytest.LogCaptureFixture) -> None:
    speaker = Logger(COMPONENT)
    with caplog.at_level(logging.DEBUG, logger="nepi"):
        speaker.debug("1")
        speaker.info("2")
        speaker.warn("3")
        speaker.warning("4")
        speaker.error("5")
        speaker.log("6", logging.CRITICAL)
    name = f"nepi.{COMPONENT}"
    assert caplog.record_tuples == [(name, 10, "1"), (name, 20, "2"), (name, 30, "3"), (name, 30, "4"), (name, 40, "5"), (name, 50, "6")]


def test_message_says_who_speaks_and_what_a_command_wrote(caplog: pytest.LogCaptureFixture) -> None:
    Speaker(COMPONENT).error("100 %s broken", out=b"caf\xc3\xa9\xff", err="no such file")
    assert caplog.messages == ["guid 7 - 100 %s broken - OUT: café\ufffd - ERROR: no such file"]


def test_message_that_nobody_wants_is_not_even_made() -> None:
    class Refuses(Logger):
        def log_message(self, msg: object) -> str:
            raise AssertionError("made in vain")

    Refuses(COMPONENT).debug("hidden")


def test_components_of_one_name_share_a_logger() -> None:
    assert Logger(COMPONENT).logger is Logger(COMPONENT).logger is logging.getLogger(f"nepi.{COMPONENT}")


def test_making_one_asks_logging_for_nothing() -> None:
    Logger("never-spoken")
    assert "nepi.never-spoken" not in logging.Logger.manager.loggerDict


def test_nothing_is_configured_when_the_environment_says_nothing() -> None:
    root = logging.getLogger("nepi")
    before = root.level, list(root.handlers), root.propagate
    configure({})
    assert (root.level, list(root.handlers), root.propagate) == before


def test_level_alone_is_for_every_component(capsys: pytest.CaptureFixture[str]) -> None:
    configure({"NEPI_LOGLEVEL": "debug"})
    Logger(COMPONENT).debug("seen")
    assert "DEBUG   nepi.test-component seen" in capsys.readouterr().err


def test_named_components_say_more_and_the_others_only_warn(capsys: pytest.CaptureFixture[str]) -> None:
    configure({"NEPI_LOG": f"other {COMPONENT}"})
    Logger(COMPONENT).info("seen")
    Logger("third").info("hidden")
    Logger("third").warning("heard")
    shown = capsys.readouterr().err
    assert "seen" in shown
    assert "hidden" not in shown
    assert "heard" in shown


def test_all_is_every_component(capsys: pytest.CaptureFixture[str]) -> None:
    configure({"NEPI_LOG": "ALL", "NEPI_LOGLEVEL": "INFO"})
    Logger("third").info("seen")
    assert "seen" in capsys.readouterr().err


def test_wrong_level_is_said_and_taken_for_info(capsys: pytest.CaptureFixture[str]) -> None:
    configure({"NEPI_LOGLEVEL": "loud"})
    Logger(COMPONENT).info("seen")
    shown = capsys.readouterr().err
    assert "NEPI_LOGLEVEL='loud' is no level" in shown
    assert "seen" in shown


def test_configuring_leaves_the_programs_own_logging_alone() -> None:
    root = logging.getLogger()
    before = root.level, list(root.handlers)
    configure({"NEPI_LOGLEVEL": "debug"})
    assert (root.level, list(root.handlers)) == before
