"""Planning: every mistake is found, and every address, name and order decided, before anything runs."""

from nepi.plan.core import NETWORKS, plan
from nepi.plan.render import Section, describe_plan, plan_text
from nepi.plan.result import InterfacePlan, Needs, Plan
from nepi.plan.wording import condition_text

__all__ = ["NETWORKS", "InterfacePlan", "Needs", "Plan", "Section", "condition_text", "describe_plan", "plan", "plan_text"]
