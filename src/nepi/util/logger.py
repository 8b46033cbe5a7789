"""Log lines of components, by the standard library's logging under the logger "nepi".

Without anything set, the program decides what is shown, as with any library (Python's own default is WARNING and above,
on standard error). Two variables of the environment, read at the first line logged, show more without a line of code:

- NEPI_LOGLEVEL: debug, info, warning or error, for every component; lines go to standard error.
- NEPI_LOG: names of components separated by spaces, or ALL; only these log at NEPI_LOGLEVEL (default info), others warn.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from typing import Final

from nepi.util.redaction import without_secrets

ROOT: Final = "nepi"
_FORMAT: Final = "%(asctime)s %(levelname)-7s %(name)s %(message)s"
_loggers: dict[str, logging.Logger] = {}


class Logger:
    """Base of everything that logs in the name of a component.

    Making one costs next to nothing: what is behind it is looked up at the first line logged.
    """

    __slots__ = ("_component",)

    def __init__(self, component: str) -> None:
        self._component = component

    @property
    def logger(self) -> logging.Logger:
        """The standard library's logger of this component, shared by all of the same name."""
        component = self._component
        return _loggers.get(component) or _new_logger(component)

    def log_message(self, msg: object) -> str:
        """Return the text to log for `msg`; components override it to say who speaks."""
        return str(msg)

    def log(self, msg: object, level: int, out: object = None, err: object = None) -> None:
        """Log `msg`, and what a command wrote when it is given.

        Args:
            msg: what to say; "%" has no meaning in it.
            level: one of logging's numbers.
            out: standard output of a command, or None.
            err: standard error of a command, or None.
        """
        logger = self.logger
        if not logger.isEnabledFor(level):
            return
        text = self.log_message(msg)
        if out:
            text = f"{text} - OUT: {_text(out)}"
        if err:
            text = f"{text} - ERROR: {_text(err)}"
        # Half of a character, from a file's name or a command's output, must not stop the line from being written.
        logger.log(level, without_secrets(text).encode("utf-8", "backslashreplace").decode())

    def debug(self, msg: object, out: object = None, err: object = None) -> None:
        """Log for those who look for a mistake."""
        self.log(msg, logging.DEBUG, out, err)

    def info(self, msg: object, out: object = None, err: object = None) -> None:
        """Log what is going on."""
        self.log(msg, logging.INFO, out, err)

    def warning(self, msg: object, out: object = None, err: object = None) -> None:
        """Log what the user should know although the work goes on."""
        self.log(msg, logging.WARNING, out, err)

    warn = warning

    def error(self, msg: object, out: object = None, err: object = None) -> None:
        """Log what went wrong."""
        self.log(msg, logging.ERROR, out, err)


def configure(environ: Mapping[str, str] = os.environ) -> None:
    """Do what NEPI_LOGLEVEL and NEPI_LOG ask for; only loggers under "nepi" are touched, and none when neither is set."""
    level_name, components = environ.get("NEPI_LOGLEVEL", ""), environ.get("NEPI_LOG", "").split()
    if not level_name and not components:
        return
    level = logging.getLevelNamesMapping().get(level_name.upper() or "INFO")
    root = logging.getLogger(ROOT)
    if not root.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter(_FORMAT))
        root.addHandler(handler)
        root.propagate = False  # or a program that shows its own log would show each line twice
    if level is None:
        root.warning(f"NEPI_LOGLEVEL={level_name!r} is no level; use debug, info, warning or error")
        level = logging.INFO
    if not components or "ALL" in components:
        root.setLevel(level)
        return
    root.setLevel(logging.WARNING)
    for component in components:
        logging.getLogger(f"{ROOT}.{component}").setLevel(level)


def _new_logger(component: str) -> logging.Logger:
    if not _loggers:
        configure()
    return _loggers.setdefault(component, logging.getLogger(f"{ROOT}.{component}"))


def _text(output: object) -> str:
    return output.decode(errors="replace") if isinstance(output, bytes) else str(output)
