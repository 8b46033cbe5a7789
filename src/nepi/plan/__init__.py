"""Planning: every mistake is found, and every address, name and order decided, before anything runs."""

from nepi.plan.core import NETWORKS, plan
from nepi.plan.result import InterfacePlan, Needs, Plan

__all__ = ["NETWORKS", "InterfacePlan", "Needs", "Plan", "plan"]
