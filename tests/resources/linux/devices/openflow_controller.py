"""An OpenFlow 1.3 controller on os-ken: a learning switch, whose UDP flows go through a meter when a rate is given.

openflow_controller.py PORT [RATE_KBPS]
"""

from __future__ import annotations

import sys
from typing import Any

from os_ken import cfg
from os_ken.base import app_manager
from os_ken.controller import dpset, ofp_event  # noqa: F401  # dpset declares options that the controller reads
from os_ken.controller.handler import CONFIG_DISPATCHER, MAIN_DISPATCHER, set_ev_cls
from os_ken.lib.packet import ethernet, packet
from os_ken.ofproto import ofproto_v1_3

METER, BURST_KBIT = 1, 1000
UDP = {"eth_type": 0x0800, "ip_proto": 17}
RATE_KBPS = int(sys.argv[2]) if len(sys.argv) > 2 else 0


class Learning(app_manager.OSKenApp):  # type: ignore[misc]  # os-ken has no types
    """Learns who is behind which port."""

    OFP_VERSIONS = (ofproto_v1_3.OFP_VERSION,)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.ports: dict[tuple[int, str], int] = {}

    @set_ev_cls(ofp_event.EventOFPSwitchFeatures, CONFIG_DISPATCHER)  # type: ignore[untyped-decorator]
    def begins(self, event: Any) -> None:
        """Have everything that is not known sent here."""
        switch = event.msg.datapath
        ofp, parser = switch.ofproto, switch.ofproto_parser
        if RATE_KBPS:
            band = parser.OFPMeterBandDrop(rate=RATE_KBPS, burst_size=BURST_KBIT)
            flags = ofp.OFPMF_KBPS | ofp.OFPMF_BURST
            switch.send_msg(parser.OFPMeterMod(datapath=switch, command=ofp.OFPMC_ADD, flags=flags, meter_id=METER, bands=[band]))
        self.flow(switch, 0, parser.OFPMatch(), [parser.OFPActionOutput(ofp.OFPP_CONTROLLER, ofp.OFPCML_NO_BUFFER)])

    @set_ev_cls(ofp_event.EventOFPPacketIn, MAIN_DISPATCHER)  # type: ignore[untyped-decorator]
    def arrives(self, event: Any) -> None:
        """Learn from whom a frame is; when it is known where it goes, so do all like it from now on."""
        message, switch = event.msg, event.msg.datapath
        ofp, parser, in_port = switch.ofproto, switch.ofproto_parser, event.msg.match["in_port"]
        header = packet.Packet(message.data).get_protocols(ethernet.ethernet)[0]
        self.ports[switch.id, header.src] = in_port
        out = self.ports.get((switch.id, header.dst), ofp.OFPP_FLOOD)
        actions = [parser.OFPActionOutput(out)]
        if out != ofp.OFPP_FLOOD:
            self.flow(switch, 1, parser.OFPMatch(in_port=in_port, eth_dst=header.dst), actions)
            if RATE_KBPS:
                self.flow(switch, 2, parser.OFPMatch(in_port=in_port, eth_dst=header.dst, **UDP), actions, METER)
        whole = message.data if message.buffer_id == ofp.OFP_NO_BUFFER else None
        switch.send_msg(parser.OFPPacketOut(datapath=switch, buffer_id=message.buffer_id, in_port=in_port, actions=actions, data=whole))

    def flow(self, switch: Any, priority: int, match: Any, actions: list[Any], meter: int = 0) -> None:
        """Add a flow."""
        ofp, parser = switch.ofproto, switch.ofproto_parser
        then = [parser.OFPInstructionActions(ofp.OFPIT_APPLY_ACTIONS, actions)]
        if meter:
            then.insert(0, parser.OFPInstructionMeter(meter, ofp.OFPIT_METER))
        switch.send_msg(parser.OFPFlowMod(datapath=switch, priority=priority, match=match, instructions=then))


if __name__ == "__main__":
    cfg.CONF(["--ofp-tcp-listen-port", sys.argv[1]], project="os_ken")
    app_manager.AppManager.run_apps([__file__.removesuffix(".py").rpartition("/")[2], "os_ken.controller.ofp_handler"])
