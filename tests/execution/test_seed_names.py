"""Every public name of the seed exists where the seed's programs import it from, with the seed's numbers and arguments."""

from __future__ import annotations

import inspect
from importlib import import_module

import pytest

from nepi.execution.ec import ECState, ExperimentController
from nepi.execution.resource import ResourceAction, ResourceFactory, ResourceManager, ResourceState, ResourceState2str
from nepi.execution.trace import TraceAttr

NAMES = {
    "nepi.execution.ec": ["ExperimentController", "ECState", "FailureManager", "FailureLevel"],
    "nepi.execution.resource": [
        "ResourceManager",
        "ResourceFactory",
        "ResourceAction",
        "ResourceState",
        "ResourceState2str",
        "clsinit",
        "clsinit_copy",
        "failtrap",
        "find_types",
        "populate_factory",
        "reschedule_delay",
    ],
    "nepi.execution.attribute": ["Attribute", "Flags", "Types"],
    "nepi.execution.trace": ["Trace", "TraceAttr"],
    "nepi.execution.scheduler": ["HeapScheduler", "Task", "TaskStatus"],
    "nepi.util.timefuncs": ["tnow", "tdiff", "tdiffsec", "tsformat", "stformat", "stabsformat", "compute_delay_ms"],
    "nepi.util.logger": ["Logger"],
    "nepi.util.parallel": ["ParallelRun"],
    "nepi.util.guid": ["GuidGenerator"],
}

CONTROLLER = {
    "register_resource": ["rtype", "guid"],
    "register_connection": ["guid1", "guid2"],
    "register_condition": ["guids1", "action", "guids2", "state", "time"],
    "set_with_conditions": ["name", "value", "guids1", "guids2", "state", "time"],
    "deploy": ["guids", "wait_all_ready", "group"],
    "release": ["guids"],
    "shutdown": [],
    "schedule": ["date", "callback", "track"],
    "get_task": ["tid"],
    "get_resource": ["guid"],
    "get_resources_by_type": ["rtype"],
    "filter_resources": ["rtype"],
    "get_attributes": ["guid"],
    "get_attribute": ["guid", "name"],
    "get_traces": ["guid"],
    "enable_trace": ["guid", "name"],
    "trace_enabled": ["guid", "name"],
    "trace": ["guid", "name", "attr", "block", "offset"],
    "discover": ["guid"],
    "provision": ["guid"],
    "start": ["guid"],
    "stop": ["guid"],
    "get": ["guid", "name"],
    "set": ["guid", "name", "value"],
    "get_global": ["rtype", "name"],
    "set_global": ["rtype", "name", "value"],
    "state": ["guid", "hr"],
    "wait": ["guids", "state"],
    "wait_finished": ["guids"],
    "wait_started": ["guids"],
    "wait_deployed": ["guids"],
    "wait_released": ["guids"],
    "get_start_time": ["guid"],
    "get_stop_time": ["guid"],
    "get_discover_time": ["guid"],
    "get_provision_time": ["guid"],
    "get_ready_time": ["guid"],
    "get_release_time": ["guid"],
    "get_failed_time": ["guid"],
}
CONTROLLER_PROPERTIES = [
    "exp_id",
    "run_id",
    "ecstate",
    "abort",
    "fm",
    "failure_level",
    "local_dir",
    "exp_dir",
    "run_dir",
    "resources",
    "logger",
]

MANAGER = {
    "connect": ["guid"],
    "disconnect": ["guid"],
    "valid_connection": ["guid"],
    "register_connection": ["guid"],
    "unregister_connection": ["guid"],
    "register_condition": ["action", "group", "state", "time"],
    "unregister_condition": ["group", "action"],
    "get_connected": ["rtype"],
    "set": ["name", "value"],
    "get": ["name"],
    "enable_trace": ["name"],
    "trace_enabled": ["name"],
    "trace": ["name", "attr", "block", "offset"],
    "set_with_conditions": ["name", "value", "group", "state", "time"],
    "set_state": ["state", "state_time_attr"],
    "_needs_reschedule": ["group", "state", "time"],
    "log_message": ["msg"],
    **{verb: [] for verb in ("discover", "provision", "deploy", "start", "stop", "release", "finish", "fail")},
    **{f"{verb}_with_conditions": [] for verb in ("deploy", "start", "stop")},
    **{f"set_{state}": [] for state in ("discovered", "provisioned", "ready", "started", "stopped", "finished", "failed", "released")},
}
MANAGER_PROPERTIES = ["guid", "ec", "connections", "conditions", "state"] + [
    f"{state}_time" for state in ("start", "stop", "discover", "provision", "ready", "release", "finish", "failed")
]
MANAGER_CLASS = ["rtype", "get_attributes", "get_traces", "get_help", "get_backend", "_clsinit", "_clsinit_copy"] + [
    f"_{what}"
    for what in ("register_attribute", "remove_attribute", "register_trace", "remove_trace", "register_attributes", "register_traces")
]


def first_arguments(function: object, count: int) -> list[str]:
    names = [one for one in inspect.signature(function).parameters if one != "self"]  # type: ignore[arg-type]  # a function
    return names[:count]


@pytest.mark.parametrize("module", NAMES)
def test_the_seeds_names_are_importable_from_the_seeds_path(module: str) -> None:
    assert [name for name in NAMES[module] if not hasattr(import_module(module), name)] == []


@pytest.mark.parametrize("name", CONTROLLER)
def test_the_controller_has_the_seeds_method_with_its_arguments_in_order(name: str) -> None:
    method = getattr(ExperimentController("names"), name)
    assert first_arguments(method, len(CONTROLLER[name])) == CONTROLLER[name]


@pytest.mark.parametrize("name", MANAGER)
def test_a_manager_has_the_seeds_method_with_its_arguments_in_order(name: str) -> None:
    assert first_arguments(getattr(ResourceManager, name), len(MANAGER[name])) == MANAGER[name]


def test_a_fresh_controller_answers_all_of_the_seeds_properties() -> None:
    ec = ExperimentController("names")
    values = {name: getattr(ec, name) for name in CONTROLLER_PROPERTIES}
    assert (values["exp_id"], values["ecstate"], values["abort"], values["resources"]) == ("names", ECState.RUNNING, False, [])
    assert (len(values["run_id"]), values["run_id"].isdigit()) == (20, True)


def test_a_fresh_manager_answers_all_of_the_seeds_properties() -> None:
    ec = ExperimentController("names", backend="dummy")
    manager = ec.resource(ec.register_resource("Node"))
    values = {name: getattr(manager, name) for name in MANAGER_PROPERTIES}
    assert values == {
        **dict.fromkeys(MANAGER_PROPERTIES),
        "guid": 1,
        "ec": ec,
        "connections": set(),
        "conditions": {},
        "state": ResourceState.NEW,
    }
    assert [name for name in MANAGER_CLASS if not callable(getattr(type(manager), name))] == []


def test_the_experiments_name_is_made_up_when_it_is_not_given() -> None:
    assert ExperimentController().exp_id.startswith("exp-")
    assert len(ExperimentController().exp_id) == len("exp-") + 16


def test_the_seeds_numbers() -> None:
    assert {state.name: state.value for state in ResourceState} == {
        "NEW": 0,
        "DISCOVERED": 1,
        "PROVISIONED": 2,
        "READY": 3,
        "STARTED": 4,
        "STOPPED": 5,
        "FINISHED": 6,
        "FAILED": 7,
        "RELEASED": 8,
    }
    assert ResourceState2str == {state.value: state.name for state in ResourceState}
    assert (ResourceAction.DEPLOY, ResourceAction.START, ResourceAction.STOP) == (0, 1, 2)
    assert (ECState.RUNNING, ECState.FAILED, ECState.TERMINATED) == (1, 2, 3)
    assert (TraceAttr.ALL, TraceAttr.STREAM, TraceAttr.PATH, TraceAttr.SIZE) == ("all", "stream", "path", "size")


def test_the_factory_has_the_seeds_methods() -> None:
    assert ResourceFactory.get_resource_type("dummy::Node") is ResourceFactory.resource_types()["dummy::Node"]
    ec = ExperimentController("names")
    assert ResourceFactory.create("dummy::Node", ec, 7).guid == 7
    assert ResourceFactory.get_resource_type("no::Such") is None
