"""The run's nodes, switches and links: what exists, and the steps that change it.

Interface indices are chosen here, unique in the whole run and above those that the kernel gives by itself: links need no
question to the kernel, and every request can be written before the first one is sent.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from typing import Any

from . import namespaces, queues, requests, tunnels
from .netlink import NetlinkSocket
from .places import DEFAULT_MTU, Batch, Interface, Place, Step, StepError, both_ends
from .sysctls import Sysctls
from .userspace import UserspaceLinks, far_end

FIRST_INDEX = 1001
TRASH_GROUP = 0x4E455049
TRASH_AT_ONCE = 25
ETHERNET_HEADER = 14


class Network:
    """Carries out batches of steps. Made in the namespace that the switches will share.

    Args:
        underlay: the machine's own network, if links to other machines are to be made.
    """

    def __init__(self, underlay: tunnels.Underlay | None = None) -> None:
        self._underlay = underlay
        self._home_fd = namespaces.open_netns()
        self._home = NetlinkSocket()
        self._sysctls = Sysctls()
        self.places: dict[str, Place] = {}
        self._indices = itertools.count(FIRST_INDEX)
        self._trash: list[Interface] = []
        self.userspace = UserspaceLinks(self._open_wire_namespace)
        self._steps: dict[str, Callable[[Step, int, Batch], dict[str, Any] | None]] = {
            "node": self._node,
            "switch": self._switch,
            "veth": self._veth,
            "tunnel": self._tunnel,
            "shape": self._shape,
            "trace": lambda step, number, batch: self.userspace.trace(self._interface(step)[1], step, number, batch),
            "set": self._set,
            "address": self._address,
            "route": self._route,
            "routes": self._several_routes,
            "neighbours": self._neighbours,
            "delete_link": self._delete_link,
            "close_node": self._close,
            "close_switch": self._close,
        }
        prepare_namespace(self._home, self._sysctls, ipv6=False)

    def node_fd(self, name: str) -> int:
        """Return the descriptor of a node's namespace.

        Raises:
            StepError: there is no such node.
        """
        place = self._place(name)
        if place.bridge is not None:
            raise StepError(f"{name!r} is a switch: commands run on nodes")
        return place.fd

    def place_fd(self, name: str) -> int:
        """Return the descriptor of the namespace that a node is, or that the ports of a switch are in.

        Raises:
            StepError: there is no such node or switch.
        """
        return self._place(name).fd

    def run(self, steps: list[Step], results: list[dict[str, Any]]) -> Iterator[None]:
        """Carry out `steps`, filling `results` (one for each; `error` in those that failed); yields to let others work."""
        batch = Batch(results)
        try:
            for number, step in enumerate(steps):
                results.append({})
                try:
                    handler = self._steps[step["do"]]
                    results[number] = handler(step, number, batch) or {}
                except (StepError, ValueError, TypeError, KeyError) as error:
                    message = f"missing field {error}" if isinstance(error, KeyError) else str(error)
                    results[number] = {"error": message, "errno": 0}
                except OSError as error:
                    results[number] = {"error": error.strerror or str(error), "errno": error.errno}
                if number % 20 == 19:
                    namespaces.setns(self._home_fd)
                    yield
            for failed in batch.plan.send():
                batch.take(failed)
                yield
            for done, (number, work) in enumerate(batch.afterwards, 1):
                if "error" not in results[number]:
                    try:
                        work()
                    except OSError as error:
                        results[number] = {"error": error.strerror or str(error), "errno": error.errno}
                if done % 20 == 0:
                    yield
            batch.take(self.userspace.send([one for one in batch.wire if "error" not in results[one[0]]]))
        finally:
            namespaces.setns(self._home_fd)

    def empty_trash(self) -> Iterator[None]:
        """Really delete the links that `delete_link` took down: together, because the kernel takes 25 ms for one alone."""
        while self._trash:
            via = self._socket_of(self._trash[-1])
            some = [gone for gone in self._trash if self._socket_of(gone) is via][:TRASH_AT_ONCE]
            self._trash = [gone for gone in self._trash if gone not in some]
            moves = [requests.set_link(gone.index, group=TRASH_GROUP) for gone in some]
            via.transact([*moves, requests.delete_group(TRASH_GROUP)])
            yield

    def _socket_of(self, interface: Interface) -> NetlinkSocket:
        place = self.places.get(interface.place)
        return self._home if place is None else place.socket

    @property
    def has_trash(self) -> bool:
        """Whether `empty_trash` has something to do."""
        return bool(self._trash)

    def inventory(self) -> dict[str, Any]:
        """Return what exists, for a controller that attaches."""
        return {
            place.name: {
                "switch": place.bridge is not None,
                "fd": place.fd,
                "interfaces": {
                    i.ifname: {
                        "index": i.index,
                        "mtu": i.mtu,
                        "up": i.up,
                        "shape": i.shape._asdict() if i.shape else None,
                        "userspace": bool(i.far),
                    }
                    for i in place.interfaces.values()
                },
            }
            for place in self.places.values()
        }

    # -- finding

    def _place(self, name: str) -> Place:
        try:
            return self.places[name]
        except KeyError:
            raise StepError(f"no node or switch {name!r} in this run") from None

    def _interface(self, step: Step) -> tuple[Place, Interface]:
        place = self._place(step["place"])
        try:
            return place, place.interfaces[step["ifname"]]
        except KeyError:
            raise StepError(f"{place.name!r} has no interface {step['ifname']!r}") from None

    def _new_place(self, name: str) -> None:
        if name in self.places:
            raise StepError(f"there is a node or switch {name!r} already")

    # -- steps

    def _node(self, step: Step, number: int, batch: Batch) -> dict[str, Any]:
        name = step["name"]
        self._new_place(name)
        namespaces.unshare(namespaces.CLONE_NEWNET)
        fd = namespaces.open_netns()
        try:
            socket = NetlinkSocket()
        except OSError:
            os.close(fd)
            raise
        place = self.places[name] = Place(name, fd, socket)
        batch.undo[number] = lambda: self._drop(place)
        prepare_namespace(socket, self._sysctls)
        settings = dict(step.get("sysctls") or {})
        if step.get("forward"):
            settings = {"net.ipv4.ip_forward": "1", "net.ipv6.conf.all.forwarding": "1", **settings}
        for key, value in settings.items():
            done = self._sysctls.write(key.replace(".", "/"), str(value))
            if not done and not (step.get("forward") and key == "net.ipv6.conf.all.forwarding"):
                self._drop(place)
                raise StepError(f"sysctl {key} = {value} was refused on node {name!r}")
        return {"fd": fd}

    def _open_wire_namespace(self) -> tuple[int, NetlinkSocket]:
        """Make the namespace that has the far ends of user-space links."""
        namespaces.unshare(namespaces.CLONE_NEWNET)
        try:
            fd, socket = namespaces.open_netns(), NetlinkSocket()
            prepare_namespace(socket, self._sysctls, ipv6=False)
        finally:
            namespaces.setns(self._home_fd)
        return fd, socket

    def _switch(self, step: Step, number: int, batch: Batch) -> dict[str, Any]:
        name = step["name"]
        self._new_place(name)
        index = next(self._indices)
        bridge = Interface(f"br{index}", index, name)
        place = self.places[name] = Place(name, self._home_fd, self._home, bridge)
        batch.undo[number] = lambda: self._drop(place)
        batch.plan.add(self._home, (self._home_fd,), requests.bridge(bridge.ifname, index), number)
        return {"ifname": bridge.ifname}

    def _veth(self, step: Step, number: int, batch: Batch) -> dict[str, Any]:
        first, second = step["ends"]
        swapped = False
        if self._place(second["place"]).bridge is not None:
            first, second, swapped = second, first, True
        a, b = self._place(first["place"]), self._place(second["place"])
        for place, end in ((a, first), (b, second)):
            self._check_new(place, end.get("ifname"))
        one, two = self._new_interface(a, first), self._new_interface(b, second)
        one.peer, two.peer = two, one
        names = [two.ifname, one.ifname] if swapped else [one.ifname, two.ifname]
        if step.get("userspace"):
            self._userspace_pair(((a, one, first), (b, two, second)), number, batch)
            return {"ifnames": names}
        batch.undo[number] = lambda: self._forget(one)
        request = requests.veth(self._end(a, one, first), self._end(b, two, second))
        # It waits for nothing that is going on in the two namespaces: only the bridge must be there, and that is the home socket's.
        batch.plan.add(self._home, (self._home_fd,), request, number, makes=(a.fd, b.fd))
        for place, interface, end in ((a, one, first), (b, two, second)):
            if place is b and (end.get("up", True) or b.bridge):
                master = b.bridge.index if b.bridge else None
                request = requests.set_link(interface.index, up=end.get("up", True), master=master)
                batch.plan.add(b.socket, (b.fd,), request, number)
            self._add_inside(place, interface, end, number, batch)
            if not end.get("offloads", True):
                batch.afterwards.append((number, self._asking(place, interface, namespaces.disable_offloads)))
        # The first end came up before the second one was there.
        batch.afterwards.append((number, self._asking(a, one, namespaces.settle_carrier)))
        return {"ifnames": names}

    def _tunnel(self, step: Step, number: int, batch: Batch) -> dict[str, Any]:
        """One end of a link to another machine: a VXLAN interface, behind the wire process if the link is in user space."""
        if self._underlay is None:
            raise StepError("this agent was started for one machine: it makes no links to others")
        end = step["end"]
        place = self._place(end["place"])
        self._check_new(place, end.get("ifname"))
        interface = self._new_interface(place, end)
        batch.undo[number] = lambda: self._throw_away(interface)
        way = {"vni": step["vni"], "local": step["local"], "remote": step["remote"], "mtu": interface.mtu}
        if step.get("userspace"):
            self._userspace_tunnel(place, interface, step, way, number, batch)
            return {"ifname": interface.ifname}
        ready = self._end(place, interface, end)
        request = tunnels.vxlan(ready.ifname, ready.index, place.fd, mac=ready.mac, **way)
        batch.plan.add(self._underlay.socket, (self._underlay.fd,), request, number, makes=(place.fd,))
        if end.get("up", True) or place.bridge:
            request = requests.set_link(interface.index, up=end.get("up", True), master=ready.master)
            batch.plan.add(place.socket, (place.fd,), request, number)
        self._add_inside(place, interface, end, number, batch)
        return {"ifname": interface.ifname}

    def _userspace_tunnel(self, place: Place, interface: Interface, step: Step, way: dict[str, Any], number: int, batch: Batch) -> None:
        assert self._underlay is not None
        wire, end = self.userspace.wire(), step["end"]
        interface.far, interface.tunnel = next(self._indices), next(self._indices)
        request = requests.veth(self._end(place, interface, end), far_end(interface.far, wire.fd))
        batch.plan.add(self._home, (self._home_fd,), request, number, makes=(place.fd, wire.fd))
        request = tunnels.vxlan(f"t{interface.tunnel}", interface.tunnel, wire.fd, mac=None, **way)
        batch.plan.add(self._underlay.socket, (self._underlay.fd,), request, number, makes=(wire.fd,))
        for index in (interface.far, interface.tunnel):
            batch.plan.add(wire.socket, (wire.fd,), requests.set_link(index, up=True), number)
        self._add_inside(place, interface, end, number, batch)
        for ask in (namespaces.disable_all_offloads, namespaces.settle_carrier):
            batch.afterwards.append((number, self._asking(place, interface, ask)))
        batch.afterwards.append((number, lambda: namespaces.disable_offloads(wire.socket.fileno(), f"t{interface.tunnel}")))
        self.userspace.join(interface.far, interface.tunnel, (step["seed"], 0), number, batch)

    @staticmethod
    def _add_inside(place: Place, interface: Interface, end: Step, number: int, batch: Batch) -> None:
        for value in end.get("addresses", ()):
            batch.plan.add(place.socket, (place.fd,), requests.address(interface.index, value), number)
        for value, mac in end.get("neighbours", ()):
            batch.plan.add(place.socket, (place.fd,), requests.neighbour(interface.index, value, mac), number)

    def _userspace_pair(self, ends: tuple[tuple[Place, Interface, Step], ...], number: int, batch: Batch) -> None:
        """Two veth pairs whose far ends the wire process has; each end sees of the other what it would see of a veth."""
        wire = self.userspace.wire()
        batch.undo[number] = lambda: self._throw_away(ends[0][1])
        for (place, interface, end), (_, _, other) in zip(ends, reversed(ends), strict=True):
            interface.far = next(self._indices)
            request = requests.veth(self._end(place, interface, end), far_end(interface.far, wire.fd))
            batch.plan.add(self._home, (self._home_fd,), request, number, makes=(place.fd, wire.fd))
            # An end that is down takes the other one's carrier.
            batch.plan.add(wire.socket, (wire.fd,), requests.set_link(interface.far, up=other.get("up", True)), number)
            self._add_inside(place, interface, end, number, batch)
            for ask in (namespaces.disable_all_offloads, namespaces.settle_carrier):
                batch.afterwards.append((number, self._asking(place, interface, ask)))
        (_, one, first), (_, two, second) = ends
        self.userspace.join(one.far, two.far, (first["seed"], second["seed"]), number, batch)

    def _throw_away(self, interface: Interface) -> None:
        """Forget a link and have it deleted when there is time."""
        self._forget(interface)
        peer = interface.peer
        on_switch = peer is not None and peer.place in self.places and self.places[peer.place].bridge is not None
        self._trash.append(peer if peer is not None and on_switch else interface)
        if interface.far and peer is not None:
            self._trash.append(interface if on_switch else peer)

    def _check_new(self, place: Place, ifname: str | None) -> None:
        if ifname is not None and not 0 < len(ifname.encode()) < 16:
            raise StepError(f"interface name {ifname!r}: 1 to 15 characters")
        if ifname in place.interfaces:
            raise StepError(f"{place.name!r} has an interface {ifname!r} already")
        if self._trash and any(gone.ifname == ifname and gone.place == place.name for gone in both_ends(self._trash)):
            for _ in self.empty_trash():
                pass

    def _new_interface(self, place: Place, end: Step) -> Interface:
        index = next(self._indices)
        interface = Interface(end.get("ifname") or f"p{index}", index, place.name, end.get("mtu") or DEFAULT_MTU)
        interface.up = end.get("up", True)
        place.interfaces[interface.ifname] = interface
        return interface

    def _end(self, place: Place, interface: Interface, end: Step) -> requests.LinkEnd:
        bridge = place.bridge
        return requests.LinkEnd(
            # Ports of all switches share one namespace: there the name is the port's number.
            interface.ifname if bridge is None else f"p{interface.index}",
            interface.index,
            place.fd,
            end.get("mac"),
            end.get("mtu"),
            end.get("up", True),
            None if bridge is None else bridge.index,
        )

    def _shape(self, step: Step, number: int, batch: Batch) -> dict[str, Any]:
        place, interface = self._interface(step)
        old = interface.shape
        base = queues.Shape() if step.get("replace", True) or old is None else old
        new = base._replace(**step["shape"]) if step["shape"] is not None else None
        if interface.far:
            return self.userspace.shape(interface, new, number, batch)
        wanted = queues.stages(new, interface.mtu + ETHERNET_HEADER)
        if not wanted:
            new = None
        messages = queues.changes(interface.index, interface.stages, wanted)
        if not messages:
            return {"shape": new._asdict() if new else None}
        interface.shape, interface.stages = new, wanted

        def undo() -> None:
            interface.shape, interface.stages = old, None

        batch.undo[number] = undo
        for request in messages:
            batch.plan.add(place.socket, (place.fd,), request, number)
        if new is not None and old is None:
            for end in (interface, interface.peer):
                if end is not None and (other := self.places.get(end.place)) is not None:
                    batch.afterwards.append((number, self._asking(other, end, namespaces.disable_offloads)))
        return {"shape": new._asdict() if new else None}

    @staticmethod
    def _asking(place: Place, interface: Interface, ask: Callable[[int, str], None]) -> Callable[[], None]:
        kernel_name = interface.ifname if place.bridge is None else f"p{interface.index}"
        return lambda: ask(place.socket.fileno(), kernel_name)

    def _set(self, step: Step, number: int, batch: Batch) -> None:
        place, interface = self._interface(step)
        request = requests.set_link(interface.index, up=step.get("up"), mtu=step.get("mtu"), mac=step.get("mac"))
        interface.mtu = step.get("mtu") or interface.mtu
        interface.up = step["up"] if step.get("up") is not None else interface.up
        batch.plan.add(place.socket, (place.fd,), request, number)
        if interface.far and interface.peer is not None and step.get("up") is not None:
            self.userspace.show_carrier(interface.peer, step["up"], number, batch)

    def _address(self, step: Step, number: int, batch: Batch) -> None:
        place, interface = self._interface(step)
        request = requests.address(interface.index, step["address"], delete=step.get("delete", False))
        batch.plan.add(place.socket, (place.fd,), request, number)

    def _route(self, step: Step, number: int, batch: Batch) -> None:
        place = self._place(step["place"])
        index = self._interface(step)[1].index if step.get("ifname") else None
        request = requests.route(
            step["to"],
            via=step.get("via"),
            index=index,
            metric=step.get("metric"),
            onlink=step.get("onlink", False),
            delete=step.get("delete", False),
        )
        batch.plan.add(place.socket, (place.fd,), request, number)

    def _several_routes(self, step: Step, number: int, batch: Batch) -> None:
        place = self._place(step["place"])
        for request in requests.routes(step["to"], step["via"], delete=step.get("delete", False)):
            batch.plan.add(place.socket, (place.fd,), request, number)

    def _neighbours(self, step: Step, number: int, batch: Batch) -> None:
        place, interface = self._interface(step)
        for value, mac in step["entries"]:
            request = requests.neighbour(interface.index, value, mac, delete=step.get("delete", False))
            batch.plan.add(place.socket, (place.fd,), request, number)

    def _delete_link(self, step: Step, number: int, batch: Batch) -> None:
        place, interface = self._interface(step)
        self._throw_away(interface)
        batch.plan.add(place.socket, (place.fd,), requests.set_link(interface.index, up=False), number)
        if interface.far and interface.peer is not None:
            self.userspace.show_carrier(interface.peer, False, number, batch)
            self.userspace.part(interface.far, interface.peer.far, number, batch)
        self._close_tunnel(interface, number, batch)

    def _close_tunnel(self, interface: Interface, number: int, batch: Batch) -> None:
        """Delete what the wire process has of an end whose other end is on another machine."""
        if interface.tunnel:
            wire = self.userspace.wire()
            self.userspace.part(interface.far, interface.tunnel, number, batch)
            batch.plan.add(wire.socket, (wire.fd,), requests.delete_link(interface.tunnel), number)

    def _close(self, step: Step, number: int, batch: Batch) -> None:
        place = self._place(step["name"])
        if (place.bridge is None) != (step["do"] == "close_node"):
            raise StepError(f"{place.name!r} is a {'node' if place.bridge is None else 'switch'}")
        for failed in batch.plan.send():
            batch.take(failed)
        for interface in list(place.interfaces.values()):
            self._forget(interface)
            # Deleted from the other end: this one goes with its namespace.
            self._trash.append(interface.peer if place.bridge is None and interface.peer else interface)
            if interface.far and interface.peer is not None:
                if place.bridge is not None:
                    self._trash.append(interface.peer)
                self.userspace.part(interface.far, interface.peer.far, number, batch)
            self._close_tunnel(interface, number, batch)
        self._trash = [gone for gone in self._trash if gone.place != place.name or place.bridge is not None]
        if place.bridge is not None:
            batch.plan.add(self._home, (self._home_fd,), requests.delete_link(place.bridge.index), number)
        self._drop(place)

    # -- state

    def _forget(self, interface: Interface) -> None:
        for end in (interface, interface.peer):
            if end is not None and (place := self.places.get(end.place)) is not None:
                place.interfaces.pop(end.ifname, None)

    def _drop(self, place: Place) -> None:
        if self.places.pop(place.name, None) is not None and place.bridge is None:
            place.socket.close()
            os.close(place.fd)


def prepare_namespace(socket: NetlinkSocket, sysctls: Sysctls, *, ipv6: bool = True) -> None:
    """Bring the loopback up in the current namespace, whose `socket` it is; IPv6 addresses are usable at once, or IPv6 is off."""
    sysctls.next_namespace()
    if ipv6:
        sysctls.write("net/ipv6/conf/all/accept_dad", "0")
        sysctls.write("net/ipv6/conf/default/accept_dad", "0")
    else:
        sysctls.write("net/ipv6/conf/default/disable_ipv6", "1")
    error = socket.transact([requests.set_link(1, up=True)])[0]
    if error is not None:
        raise error
