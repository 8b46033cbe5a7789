"""Resource managers as people wrote them in October 2013, converted mechanically to Python 3; they know of nothing that came later."""

# mypy: ignore-errors
# ruff: noqa: UP008, UP031

import functools
import threading

from nepi.execution.attribute import Attribute, Flags, Types
from nepi.execution.resource import (
    ResourceAction,
    ResourceFactory,
    ResourceManager,
    ResourceState,
    clsinit,
    clsinit_copy,
    failtrap,
    reschedule_delay,
)
from nepi.execution.trace import Trace, TraceAttr
from nepi.util.timefuncs import tdiffsec, tnow

CALLS = []
"""What was called, as (rtype, guid, verb)."""


def called(rm, verb):
    CALLS.append((rm.rtype(), rm.guid, verb))


@clsinit_copy
class Host(ResourceManager):
    """A machine; its applications must be over before it is given back."""

    _rtype = "OldHost"
    _help = "A machine that runs applications"
    _backend = "old"

    @classmethod
    def _register_attributes(cls):
        hostname = Attribute("hostname", "Hostname of the machine", flags=Flags.ExecReadOnly)
        username = Attribute("username", "Who logs in", flags=Flags.Credential)
        clean = Attribute("cleanHome", "Remove everything first", type=Types.Bool, default=False, flags=Flags.ExecReadOnly)
        load = Attribute("maxLoad", "Most load", type=Types.Double, range=(0, 2**31), flags=Flags.Filter)
        system = Attribute("operatingSystem", "Which one", type=Types.Enumerate, allowed=["f8", "f12", "other"], default="f12")
        cls._register_attribute(hostname)
        cls._register_attribute(username)
        cls._register_attribute(clean)
        cls._register_attribute(load)
        cls._register_attribute(system)

    def __init__(self, ec, guid):
        super(Host, self).__init__(ec, guid)
        self._home = "host-%d" % guid
        self._lock = threading.Lock()

    def log_message(self, msg):
        return " guid %d - host %s - %s " % (self.guid, self.get("hostname"), msg)

    @failtrap
    def discover(self):
        called(self, "discover")
        super(Host, self).discover()

    @failtrap
    def provision(self):
        called(self, "provision")
        with self._lock:
            self.debug("provisioned", "some output", "some error")
        super(Host, self).provision()

    @failtrap
    def deploy(self):
        if self.state == ResourceState.NEW:
            self.discover()
            self.provision()
        for guid in self.connections:
            rm = self.ec.get_resource(guid)
            if rm.rtype() == "OldInterface" and rm.state < ResourceState.READY:
                self.ec.schedule(reschedule_delay, self.deploy)
                return
        super(Host, self).deploy()

    def release(self):
        for guid in self.connections:
            rm = self.ec.get_resource(guid)
            if rm.state < ResourceState.STOPPED:
                self.ec.schedule(reschedule_delay, self.release)
                return
        called(self, "release")
        super(Host, self).release()

    def valid_connection(self, guid):
        return self.ec.get_resource(guid).rtype() != "OldHost"


@clsinit_copy
class Interface(ResourceManager):
    """An interface of a machine, deployed before it."""

    _rtype = "OldInterface"

    def connect(self, guid):
        called(self, "connect")

    def disconnect(self, guid):
        called(self, "disconnect")

    def deploy(self):
        functools.partial(self.set_ready)()


@clsinit_copy
class Application(ResourceManager):
    """A program that ends after a while; `state` finds out that it has."""

    _rtype = "OldApplication"
    _help = "A program on a machine"
    _backend = "old"

    @classmethod
    def _register_attributes(cls):
        cls._register_attribute(Attribute("command", "What to run", flags=Flags.ExecReadOnly))
        cls._register_attribute(Attribute("sudo", "As root", type=Types.Bool, default=False, flags=Flags.ExecReadOnly))
        cls._register_attribute(Attribute("seconds", "How long it runs", type=Types.Double, default=3.0))

    @classmethod
    def _register_traces(cls):
        cls._register_trace(Trace("stdout", "Standard output"))
        cls._register_trace(Trace("stderr", "Standard error"))

    def __init__(self, ec, guid):
        super(Application, self).__init__(ec, guid)
        self._pid = None
        self._looked_at = tnow()
        self.looks = 0

    @property
    def host(self):
        hosts = self.get_connected("OldHost")
        if hosts:
            return hosts[0]
        return None

    @failtrap
    def deploy(self):
        if not self.host or self.host.state < ResourceState.READY:
            self.ec.schedule(reschedule_delay, self.deploy)
        else:
            self.discover()
            self.provision()
            called(self, "deploy")
            super(Application, self).deploy()

    @failtrap
    def start(self):
        called(self, "start")
        if not self.get("command"):
            self.set_stopped()
            return
        self._pid = 4711
        self.over = False
        self.ec.schedule("%gs" % self.get("seconds"), self._end)
        super(Application, self).start()

    def _end(self):
        self.over = True

    @failtrap
    def stop(self):
        if self.state == ResourceState.STARTED:
            called(self, "stop")
            super(Application, self).stop()

    def release(self):
        called(self, "release")
        if self.state == ResourceState.STARTED:
            self.stop()
        super(Application, self).release()

    def trace(self, name, attr=TraceAttr.ALL, block=512, offset=0):
        text = "%s of %s" % (name, self.get("command"))
        if attr == TraceAttr.SIZE:
            return len(text)
        if attr == TraceAttr.PATH:
            return "/somewhere/%s" % name
        if attr == TraceAttr.STREAM:
            return text[block * offset : block * (offset + 1)]
        return text

    @property
    def state(self):
        if self._state == ResourceState.STARTED:
            self.looks += 1
            if self.over:
                self.finish()
        return self._state


@clsinit_copy
class Ping(Application):
    """Inherits all, and fixes one attribute."""

    _rtype = "OldPing"

    @classmethod
    def _register_attributes(cls):
        cls._remove_attribute("sudo")
        cls._register_attribute(Attribute("count", "How often", type=Types.Integer))
        cls._register_attribute(Attribute("target", "Whom"))

    @classmethod
    def _register_traces(cls):
        cls._remove_trace("stderr")

    @failtrap
    def deploy(self):
        if not self.get("command"):
            self.set("command", "ping -c %s %s" % (self.get("count"), self.get("target")))
        super(Ping, self).deploy()


@clsinit_copy
class Route(ResourceManager):
    """An entry of a table that pings its target when it is asked for a trace: it registers that ping itself, while it is deployed."""

    _rtype = "OldRoute"

    @classmethod
    def _register_attributes(cls):
        cls._register_attribute(Attribute("target", "Whom", flags=Flags.ExecReadOnly))

    @classmethod
    def _register_traces(cls):
        cls._register_trace(Trace("ping", "Whether the target answers"))

    def __init__(self, ec, guid):
        super(Route, self).__init__(ec, guid)
        self._ping = None

    @property
    def host(self):
        found = self.get_connected(Host.rtype())
        return found[0] if found else None

    def trace(self, name, attr=TraceAttr.ALL, block=512, offset=0):
        if name == "ping":
            return self.ec.trace(self._ping, "stdout", attr, block, offset)
        return super(Route, self).trace(name, attr, block, offset)

    @failtrap
    def deploy(self):
        if not self.host or self.host.state < ResourceState.READY:
            self.ec.schedule(reschedule_delay, self.deploy)
            return
        if self.trace_enabled("ping") and not self._ping:
            self._ping = self.ec.register_resource("OldPing")
            self.ec.set(self._ping, "target", self.get("target"))
            self.ec.set(self._ping, "count", 2)
            self.ec.register_connection(self._ping, self.host.guid)
            self.ec.register_condition(self._ping, ResourceAction.START, self.guid, ResourceState.STARTED)
            self.ec.deploy(guids=[self._ping], group=self.deployment_group)
        self.discover()
        self.provision()
        super(Route, self).deploy()


@clsinit_copy
class Beacon(ResourceManager):
    """Stops by itself after five seconds, by the scheduler."""

    _rtype = "OldBeacon"

    def __init__(self, ec, guid):
        super(Beacon, self).__init__(ec, guid)
        self.runs_for = "5s"
        self.tid = None

    def start(self):
        self._start_time = tnow()
        self._state = ResourceState.STARTED
        self.tid = self.ec.schedule(self.runs_for, self.stop)

    def stop(self):
        self.lasted = tdiffsec(tnow(), self._start_time)
        self._stop_time = tnow()
        self._state = ResourceState.STOPPED


@clsinit_copy
class Tunnel(ResourceManager):
    """Between two interfaces; given back before them."""

    _rtype = "OldTunnel"

    def release(self):
        called(self, "release")
        self.set_released()


@clsinit_copy
class Tap(Interface):
    """Waits for its tunnel when it is given back."""

    _rtype = "OldTap"

    def release(self):
        tunnels = self.get_connected("OldTunnel")
        if tunnels and tunnels[0].state != ResourceState.RELEASED:
            self.ec.schedule(reschedule_delay, self.release)
            return
        called(self, "release")
        super(Tap, self).release()


@clsinit
class Bare(ResourceManager):
    """Says nothing of attributes and traces."""

    _rtype = "OldBare"


ALL = [Host, Interface, Application, Ping, Route, Beacon, Tunnel, Tap, Bare]
FACTORY = ResourceFactory
