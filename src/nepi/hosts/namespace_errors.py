"""What the kernel's refusals mean to a user: what was done, to what, what came back, what to try."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from typing import Any

from nepi.errors import CommandError, ResourceError
from nepi.hosts.namespace_host import CommandRequest, missing_tools

_ADVICE = {
    errno.EPERM: "the right is missing: see `nepi doctor`",
    errno.EMFILE: "each node takes two open files: raise the limit (ulimit -n)",
    errno.ENFILE: "this machine has no open files left (sysctl fs.file-max)",
    errno.ENOSPC: "the limit of namespaces is reached (sysctl user.max_net_namespaces)",
    errno.ENOMEM: "memory is short",
    errno.EEXIST: "it is there already",
    errno.EXFULL: "a bridge takes 1,023 ports: use more switches",
    errno.ENETUNREACH: "the gateway must be reachable by an address of the node",
}


def step_error(what: str, place: str, result: Mapping[str, Any], *, shaping: bool) -> ResourceError:
    """Return the error of a step that failed.

    Args:
        what: like "make node 'a'".
        result: the agent's word: `error` and `errno`.
        shaping: whether a queueing discipline was asked for.
    """
    code = result["errno"]
    advice = _ADVICE.get(code)
    if shaping and code in (errno.ENOENT, errno.EOPNOTSUPP):
        advice = "this kernel lacks the queueing discipline that is needed: see `nepi doctor`"
    where = f" ({errno.errorcode[code]})" if code in errno.errorcode else ""
    message = f"could not {what}: {result['error']}{where}" + (f"; {advice}" if advice else "")
    return ResourceError(message, resource=place, backend="netns")


def command_error(asked: CommandRequest, result: Mapping[str, Any]) -> CommandError:
    """Return the error of a command that could not be executed; the agent's word is `what` and `errno`."""
    code, what = result["errno"], result["what"]
    reason = f"{what}: {os.strerror(code)}" if code else what
    if what == "program":
        program = asked.argv[0]
        reason = f"{program}: {os.strerror(code)}" if code else program
        # A folder of PATH that may not be entered makes the kernel say "permission denied" of a program that is nowhere.
        if code == errno.ENOENT or (code == errno.EACCES and "/" not in program and missing_tools([program])):
            reason = f"{program}: no such program; is it installed? `nepi doctor` says which package has it"
    elif code == errno.EAGAIN:
        reason += "; the limit of processes is reached (ulimit -u)"
    return CommandError(asked.argv, None, reason, resource=asked.node, action="start", backend="netns")
