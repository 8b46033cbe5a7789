"""A program of the seed's time after a mechanical conversion to Python 3, with a resource manager of its own in the same style.

It describes by guids, reschedules itself while its node is not ready, and announces its own states. All of that still runs;
`own_resource.py` shows what such a resource manager looks like today.
"""

from nepi.execution.attribute import Attribute, Flags, Types
from nepi.execution.ec import ExperimentController
from nepi.execution.resource import (
    ResourceAction,
    ResourceFactory,
    ResourceManager,
    ResourceState,
    clsinit_copy,
    failtrap,
)

reschedule_delay = "1s"


@clsinit_copy
class Counter(ResourceManager):
    """Counts to `limit` on a node."""

    _rtype = "seed::Counter"

    @classmethod
    def _register_attributes(cls):
        cls._register_attribute(Attribute("limit", "Where to stop counting", type=Types.Integer, default=10, flags=Flags.ExecReadOnly))

    def __init__(self, ec, guid):
        super().__init__(ec, guid)
        self.counted = []

    @property
    def node(self):
        """The node that it counts on."""
        nodes = self.get_connected("dummy::Node")
        return nodes[0] if nodes else None

    @failtrap
    def deploy(self):
        """Wait for the node."""
        if not self.node or self.node.state < ResourceState.READY:
            self.ec.schedule(reschedule_delay, self.deploy)
            return
        self.discover()
        self.provision()
        super().deploy()

    @failtrap
    def start(self):
        """Count."""
        super().start()
        self.counted = list(range(self.get("limit")))
        self.set_finished()


ResourceFactory.register_type(Counter)

ec = ExperimentController(exp_id="seed-style")

node = ec.register_resource("dummy::Node")

first = ec.register_resource("seed::Counter")
ec.set(first, "limit", 5)
ec.register_connection(first, node)

second = ec.register_resource("seed::Counter")
ec.register_connection(second, node)
ec.register_condition(second, ResourceAction.START, first, ResourceState.STARTED, time="200ms")

ec.deploy()
ec.wait_finished([first, second])

for guid in (first, second):
    print(ec.get_resource(guid).counted, ec.state(guid, hr=True))
print((ec.get_start_time(second) - ec.get_start_time(first)).total_seconds() >= 0.2)

ec.shutdown()
