"""Class-level API of the seed: attributes and traces of types, inherited and taken away again."""

# mypy: ignore-errors
# ruff: noqa: UP031

import pytest

from nepi.errors import BadValueError, UnknownAttributeError
from nepi.execution.attribute import Attribute, Flags, Types
from nepi.execution.resource import ResourceFactory, ResourceManager, clsinit, clsinit_copy
from nepi.execution.trace import Trace
from nepi.testing import VirtualController
from tests.seed.managers import Application, Bare, Host, Ping


def names(things) -> set[str]:
    return {one.name for one in things}


def test_what_is_removed_by_a_child_stays_with_its_parent() -> None:
    assert "sudo" in names(Application.get_attributes())
    assert "sudo" not in names(Ping.get_attributes())
    assert names(Ping.get_traces()) == {"stdout"}
    assert names(Application.get_traces()) == {"stdout", "stderr"}


def test_three_levels_inherit_and_change_what_is_theirs() -> None:
    @clsinit_copy
    class Quiet(Ping):
        _rtype = "OldQuietPing"

        @classmethod
        def _register_attributes(cls):
            cls._remove_attribute("count")
            cls._register_attribute(Attribute("quiet", "Say little", type=Types.Bool, default=True))

        @classmethod
        def _register_traces(cls):
            cls._register_trace(Trace("summary", "The last lines"))

    assert names(Quiet.get_attributes()) - names(ResourceManager.get_attributes()) == {"command", "seconds", "target", "quiet"}
    assert names(Quiet.get_traces()) == {"stdout", "summary"}
    assert "count" in names(Ping.get_attributes())
    assert "summary" not in names(Ping.get_traces())


def test_a_decorated_child_that_registers_nothing_itself_has_all_of_its_parent() -> None:
    @clsinit_copy
    class Same(Application):
        _rtype = "OldSame"

    assert names(Same.get_attributes()) == names(Application.get_attributes())


def test_a_decorated_grandchild_does_not_trip_over_what_its_parent_removed() -> None:
    @clsinit_copy
    class Loud(Ping):
        _rtype = "OldLoudPing"

    assert names(Loud.get_attributes()) == names(Ping.get_attributes())
    assert names(Loud.get_traces()) == names(Ping.get_traces())


def test_removing_what_was_never_there_says_so() -> None:
    with pytest.raises(UnknownAttributeError, match="OldBroken has no attribute 'comand'"):

        @clsinit_copy
        class Broken(Application):
            _rtype = "OldBroken"

            @classmethod
            def _register_attributes(cls):
                cls._remove_attribute("comand")


def test_a_child_that_is_not_decorated_shares_its_parents_template() -> None:
    class Plain(Host):
        _rtype = "OldPlainHost"

    assert names(Plain.get_attributes()) == names(Host.get_attributes())


def test_clsinit_forgets_the_parents_and_keeps_the_common() -> None:
    @clsinit
    class Fresh(Application):
        _rtype = "OldFresh"

        @classmethod
        def _register_attributes(cls):
            cls._register_attribute(Attribute("own", "Its own"))

        @classmethod
        def _register_traces(cls):
            pass

    assert names(Fresh.get_attributes()) == {"critical", "hardRelease", "own"}
    assert Fresh.get_traces() == []
    assert names(Bare.get_attributes()) == {"critical", "hardRelease"}


def test_members_declared_in_the_class_and_registered_ones_mix_under_both_decorators() -> None:
    for decorator in (clsinit, clsinit_copy):

        @decorator
        class Mixed(ResourceManager):
            _rtype = "OldMixed"
            size = Attribute.integer(3, help="Declared.")
            log = Trace("log", "Declared too.")

            @classmethod
            def _register_attributes(cls):
                cls._register_attribute(Attribute("colour", "Registered", default="red"))

        assert {"size", "colour"} <= names(Mixed.get_attributes())
        assert "log" in names(Mixed.get_traces())
        ResourceFactory.register_type(Mixed)
        ec = VirtualController("mixed")
        manager = ec.resource(ec.register_resource("OldMixed"))
        assert (manager.size, manager.get("size"), manager.get("colour")) == (3, 3, "red")


def test_what_the_type_says_of_itself() -> None:
    assert (Host.rtype(), Host.get_help(), Host.get_backend()) == ("OldHost", "A machine that runs applications", "old")
    attribute = next(one for one in Host.get_attributes() if one.name == "operatingSystem")
    assert (attribute.type, attribute.default, attribute.allowed, attribute.range) == (Types.Enumerate, "f12", ["f8", "f12", "other"], None)
    assert next(one for one in Host.get_attributes() if one.name == "hostname").has_flag(Flags.ExecReadOnly)


def test_the_other_name_of_the_backend_variable() -> None:
    class Elsewhere(ResourceManager):
        _rtype = "OldElsewhere"
        _backend_type = "elsewhere"

    assert Elsewhere.get_backend() == "elsewhere"


def test_copies_of_the_template_change_nothing(ec: VirtualController) -> None:
    guid = ec.register_resource("OldHost")
    ec.get_attributes(guid)[0].value = None
    for attribute in Host.get_attributes():
        if attribute.name == "cleanHome":
            attribute.value = True
    assert ec.get(guid, "cleanHome") is False
    assert ec.get(ec.register_resource("OldHost"), "cleanHome") is False


def test_one_resources_attributes_are_its_own(ec: VirtualController) -> None:
    one, other = ec.register_resource("OldHost"), ec.register_resource("OldHost")
    ec.set(one, "hostname", "alpha")
    ec.get_resource(other)._attrs["hostname"].value = "beta"
    assert (ec.get(one, "hostname"), ec.get(other, "hostname")) == ("alpha", "beta")
    assert "hostname" in ec.get_resource(one)._attrs
    assert ec.get_resource(one)._attrs["cleanHome"].value is False


def test_an_attribute_that_a_constructor_adds_to_one_resource(ec: VirtualController) -> None:
    class Extended(Host):
        _rtype = "OldExtended"

        def __init__(self, ec, guid):
            super().__init__(ec, guid)
            self._attrs["extra"] = Attribute("extra", "Only here", type=Types.Integer, default=1)
            self._trcs["extra"] = Trace("extra", "Only here")

    ResourceFactory.register_type(Extended)
    guid = ec.register_resource("OldExtended")
    ec.set(guid, "extra", 5)
    ec.enable_trace(guid, "extra")
    assert ec.get(guid, "extra") == 5
    assert ec.trace_enabled(guid, "extra")
    ec.describe()
    ec.deploy()
    assert ec.wait_started(guid)


def test_values_are_checked_where_the_seed_took_anything(ec: VirtualController) -> None:
    guid = ec.register_resource("OldHost")
    for name, value in [("cleanHome", "yes"), ("maxLoad", -1), ("maxLoad", "much"), ("operatingSystem", "f9")]:
        with pytest.raises(BadValueError, match=name):
            ec.set(guid, name, value)
    with pytest.raises(KeyError):
        ec.set(guid, "hostnam", "x")
    with pytest.raises(KeyError):
        ec.get(guid, "hostnam")


def test_a_hook_may_change_the_value_and_one_of_its_own_may_refuse(ec: VirtualController) -> None:
    class Even(Attribute):
        def is_valid_value(self, value):
            return value % 2 == 0

    @clsinit_copy
    class Hooked(ResourceManager):
        _rtype = "OldHooked"

        @classmethod
        def _register_attributes(cls):
            cls._register_attribute(Attribute("path", "Where", set_hook=lambda old, new: "%s/%s" % (old or "", new)))
            cls._register_attribute(Even("even", "Even", type=Types.Integer, default=0))

    ResourceFactory.register_type(Hooked)
    guid = ec.register_resource("OldHooked")
    ec.set(guid, "path", "a")
    ec.set(guid, "path", "b")
    assert ec.get(guid, "path") == "/a/b"
    ec.set(guid, "even", 4)
    with pytest.raises(BadValueError, match="even"):
        ec.set(guid, "even", 5)
