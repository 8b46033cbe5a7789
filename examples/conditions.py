"""Conditions are values: when things start, stop and change, with &, |, delays, deadlines, exit statuses and lines of output."""

from nepi import ExperimentController, quorum, trace_matches

with ExperimentController("conditions", backend="netns") as ec:
    nodes = [ec.add("Node", name=f"n{number}") for number in range(4)]
    switch = ec.add("Switch")
    links = [ec.add("Link", node, switch) for node in nodes]

    # A service says when it is ready; two clients wait for that line, the second for a moment longer.
    service = ec.add("Server", nodes[0], name="service", command="sleep 0.2; echo listening; exec sleep 60")
    early, late = (ec.add("Application", node, command="date +%s.%N") for node in nodes[1:3])
    early.start_when(trace_matches(service, "listening"), deadline="10s")
    late.start_when(early.finished + "300ms")

    # Whoever comes first: one exit status or another. What can no longer become true is told, not waited for.
    checker = ec.add("Application", nodes[3], command="exit 3", expectedStatus="0,3")
    on_3 = ec.add("Application", nodes[3], command="echo it was 3")
    on_3.start_when(checker.exited(3))

    # Three of the four pings will do.
    pings = [ec.add("Ping", nodes[0], target=node, count=1) for node in nodes]
    most = ec.add("Application", nodes[0], command="echo most have answered")
    most.start_when(quorum(0.75, pings, "FINISHED"))

    # A cable is pulled when both clients are done, and plugged in again a little later.
    links[3].set_when(early.finished & late.finished, up=False)
    links[3].set_when(late.finished + "500ms", up=True)
    after = ec.add("Ping", nodes[3], target=nodes[0], count=1, name="after")
    after.start_when(late.finished + "800ms")
    service.stop_when(after.ended)

    ec.run(deadline="30s")
    gap = float(late.trace()) - float(early.trace())
    print("late came after early:", gap >= 0.3)
    print(on_3.trace().strip())
    print(most.trace().strip())
    print("after the cable was back:", after.result.received, "of", after.result.transmitted)
