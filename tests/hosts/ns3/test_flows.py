import pytest

from nepi.errors import TraceError
from nepi.hosts.ns3.flows import FlowRow, parse_flows

WRITTEN = """<?xml version="1.0" ?>
<FlowMonitor>
  <FlowStats>
    <Flow flowId="1" timeFirstTxPacket="+0ns" delaySum="+3e+07ns" jitterSum="+2e+06ns" lastDelay="+1e+07ns" txBytes="300" rxBytes="300"
      txPackets="4" rxPackets="3" lostPackets="1" timesForwarded="0"></Flow>
    <Flow flowId="2" delaySum="+0ns" jitterSum="+0ns" txBytes="100" rxBytes="0" txPackets="1" rxPackets="0" lostPackets="0"></Flow>
  </FlowStats>
  <Ipv4FlowClassifier>
    <Flow flowId="1" sourceAddress="10.0.0.1" destinationAddress="10.0.0.2" protocol="6" sourcePort="49153" destinationPort="50000"></Flow>
    <Flow flowId="2" sourceAddress="10.0.0.2" destinationAddress="10.0.0.1" protocol="17" sourcePort="7" destinationPort="9"></Flow>
  </Ipv4FlowClassifier>
</FlowMonitor>
"""


def test_flows_are_read_as_rows() -> None:
    assert parse_flows(WRITTEN) == (
        FlowRow("10.0.0.1", "10.0.0.2", 6, 49153, 50000, 4, 3, 300, 300, 1, 0.01, 0.001),
        FlowRow("10.0.0.2", "10.0.0.1", 17, 7, 9, 1, 0, 100, 0, 0, None, None),
    )


def test_what_is_no_document_of_flow_monitor_is_refused() -> None:
    with pytest.raises(TraceError, match="not what FlowMonitor writes"):
        parse_flows("<FlowMonitor><FlowStats><Flow flowId='1'/></FlowStats></FlowMonitor>")
