"""The part of the controller that says what failures mean: policies and deadlines, for one resource or for all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from nepi.engine import events as ev
from nepi.errors import BadValueError, UsageError
from nepi.execution.part import Part
from nepi.model.conditions import action_named
from nepi.model.policies import Policy, Replace, Retry, policy_of
from nepi.model.states import ResourceAction, ResourceState
from nepi.units import duration_s

if TYPE_CHECKING:
    from nepi.execution.dispatch import Interference
    from nepi.execution.registry import Guid
    from nepi.execution.resource import ResourceManager

NO_POLICY: Final = Policy()
Deadlines = Mapping[ResourceAction, float | None]


class Policies(Part):
    """What `ExperimentController` knows of policies. Not for use by itself.

    Attributes:
        default_policy: completes the policies of all resources.
        default_deadlines: seconds that actions may take where neither the resource nor its class says so.
        seed: what the jitter of retries depends on.
        interference: what comes between the engine's orders and the resources; for fault injection, set before the first deploy.
    """

    default_policy: Policy = NO_POLICY
    default_deadlines: Deadlines = {}
    seed: int
    interference: Interference | None = None

    def set_policy(self, resource: Guid, *policy: str | Retry | Replace) -> None:
        """Say what a failure of a resource means.

        Args:
            resource: which one; it must not be deployed yet.
            policy: any of `Retry(attempts, delay_s)` (it is tried again first), `Replace(times)` (then another candidate is taken),
                and "abort" (the run is aborted after that) or "continue" (it goes on without it).

        Raises:
            BadValueError: no such policy, or two of a kind.
            UsageError: the resource is deployed.
        """
        manager = self._undeployed(resource, "policy")
        wanted = policy_of(*policy)
        if wanted.critical is not None:
            manager.set("critical", wanted.critical)
        manager._policy = wanted.over(manager._policy or NO_POLICY)

    def set_default_policy(self, *policy: str | Retry | Replace) -> None:
        """Say what failures mean of resources whose own policy does not say it; what is deployed already keeps what it has.

        Types that cannot be replaced leave `Replace` out.
        """
        self.default_policy = policy_of(*policy).over(self.default_policy)

    def set_deadlines(self, resource: Guid | None = None, **limits: str | float | None) -> None:
        """Say how long actions may take: `set_deadlines(x, deploy="2m", start=10)`. None is no limit.

        Args:
            resource: which one; None for all that are not deployed yet and whose class says nothing else.
            limits: by action (deploy, start, stop, release), a duration.

        Raises:
            BadValueError: no such action, or no duration.
            UsageError: the resource is deployed.
        """
        wanted = {action_named(name): None if limit is None else duration_s(limit) for name, limit in limits.items()}
        if resource is None:
            self.default_deadlines = {**self.default_deadlines, **wanted}
            return
        manager = self._undeployed(resource, "deadlines")
        manager._own_deadlines = {**(manager._own_deadlines or {}), **wanted}

    def _undeployed(self, resource: Guid, what: str) -> ResourceManager:
        manager = self.resource(resource)
        if self.is_deployed(manager.guid):
            verb = "is" if what == "policy" else "are"
            raise UsageError(f"the {what} of {manager.name} {verb} set before it is deployed only")
        return manager

    def takes_failure(self, manager: ResourceManager) -> bool:
        """A resource says that it has failed: leave it to its policy, and return true, if that would try again or replace it."""
        policy, state = effective_policy(manager, self.default_policy), manager._current
        runs = policy.retry is not None and (policy.retry.runs or state != ResourceState.STARTED)
        if not (runs or policy.replace) or state >= ResourceState.STOPPED or self._controller.abort:
            return False
        action = ResourceAction.DEPLOY if state < ResourceState.READY else ResourceAction.START
        return self._controller.tell(ev.Failed(manager.guid, action, manager._failure or "it announced its failure"))


def effective_policy(manager: ResourceManager, default: Policy) -> Policy:
    """Return the policy of a resource, completed by the default."""
    own = manager._policy
    if not default.replace or manager.replaceable:
        return default if own is None else own.over(default)
    return (own or NO_POLICY).over(Policy(default.retry, None, default.critical))


def check_quorum(quorum: Any) -> float | None:
    """Return a quorum as a share of a deployment group.

    Raises:
        BadValueError: it is none.
    """
    if quorum is None:
        return None
    if isinstance(quorum, bool) or not isinstance(quorum, int | float) or not 0 < quorum <= 1:
        raise BadValueError(f"deploy: quorum {quorum!r}: use a share of the group in (0, 1], such as 0.95")
    return float(quorum)
