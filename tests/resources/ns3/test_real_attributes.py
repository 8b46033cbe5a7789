"""Every attribute of every type that the original had can be set in the real ns-3: each is set to its own default."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nepi.execution.factory import ResourceFactory
from nepi.hosts.ns3 import protocol
from nepi.hosts.ns3.protocol import Operation, ref
from nepi.model.attributes import Flags
from nepi.resources.ns3.attributes import Ns3Attribute
from nepi.resources.ns3.catalogue import catalogue
from nepi.resources.ns3.gone import GONE_TYPES
from nepi.resources.ns3.kinds.wifi import recipe
from nepi.resources.ns3.types import RENAMED
from tests.hosts.ns3.child import Child

pytestmark = pytest.mark.ns3
ORIGINAL = json.loads(Path(__file__).with_name("original.json").read_text(encoding="utf-8"))
NEEDS_DEVICE = "ns3::WifiMac"


def settable(rtype: str) -> tuple[str, dict[str, str]]:
    """Return the TypeId of a type, and its attributes that can be set and have a default, as ns-3 takes them."""
    found = ResourceFactory.get_resource_type(rtype)
    assert found is not None
    typeid = RENAMED.get(rtype, rtype)
    values = {
        name: attribute.text(attribute.default)
        for name, attribute in found._attributes.items()
        if isinstance(attribute, Ns3Attribute) and attribute.default is not None and not attribute.flags & Flags.NoWrite
    }
    return typeid, {name: text for name, text in values.items() if text != ""}


def test_every_attribute_of_the_original_can_be_set_to_its_default(tmp_path: Path) -> None:
    child = Child(tmp_path / "stderr")
    refused: dict[str, str] = {}
    count = 0
    node = child.number()
    child.ask(protocol.create(node, "ns3::Node", {}), protocol.load("wifi.h"))
    for rtype in ORIGINAL:
        if rtype in GONE_TYPES or RENAMED.get(rtype, rtype) not in catalogue():
            continue
        typeid, values = settable(rtype)
        count += len(values)
        (answer,) = child.ask(made(child, node, typeid, values))
        if answer is not None:
            refused[rtype] = answer
    assert refused == {}
    assert count == 597
    assert child.close() == 0


def made(child: Child, node: int, typeid: str, values: dict[str, str]) -> Operation:
    """Return how one is made: what cannot live alone is made with a device."""
    if not catalogue().is_a(typeid, NEEDS_DEVICE):
        return protocol.create(child.number(), typeid, values)
    air, is_mesh = child.number(), typeid == "ns3::MeshWifiInterfaceMac"
    child.ask(protocol.create(air, "ns3::YansWifiChannel", {}))
    if is_mesh:  # these are its, whatever is said
        values = {name: text for name, text in values.items() if name not in ("QosSupported", "Ssid")}
    values.pop("PowerSaveMode", None)  # it is set once the MAC is there, as its kind does
    parts = [recipe("ns3::YansWifiPhy", {}), recipe(typeid, values), recipe("ns3::ArfWifiManager", {})]
    parts.append(recipe("ns3::TableBasedErrorRateModel", {}))
    more = [recipe("ns3::Dot11sStack", {}), 1, False] if is_mesh else []
    function = "MakeMesh" if is_mesh else "MakeWifi"
    return protocol.static(f"nepi::{function}", ref(node), ref(air), "802.11a", *parts, *more, store=child.number())
