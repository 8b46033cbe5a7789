"""`python dying.py STEP FOLDER`: begins to make a lab, and is killed when it comes to a step."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from nepi.lab import Lab


def die(*_: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    step, folder = sys.argv[1:]
    type("Dying", (Lab,), {step: die})(2, jump=True, folder=folder, tied=False).up()
