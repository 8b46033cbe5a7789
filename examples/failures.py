"""What a failure means is said for each resource: it aborts the run, or it does not, or it is tried again first."""

from nepi import ExperimentController, ExperimentError, Retry

# A resource that is not critical may fail; the others go on.
ec = ExperimentController("failures-continue", backend="dummy")
node = ec.add("Node")
fragile = ec.add("Application", node, name="fragile", exitStatus=3, critical=False)
solid = ec.add("Application", node, name="solid", duration="100ms")
ec.run()
print(f"fragile: {fragile.failure}; solid finished: {solid.finish_time is not None}")

# A critical one (the default) aborts: nothing new is started, everything is released, and the run says why.
ec = ExperimentController("failures-abort", backend="dummy")
node = ec.add("Node")
ec.add("Application", node, name="important", failOn="start", failReason="no licence left")
ec.add("Application", node, duration="1h")
try:
    ec.run()
except ExperimentError as error:
    print(str(error).splitlines()[0])

# Some failures pass: three attempts, with a pause that doubles, before it counts.
ec = ExperimentController("failures-retry", backend="dummy")
node = ec.add("Node")
shaky = ec.add("Application", node, name="shaky", failOn="start", failTimes=2)
ec.set_policy(shaky, Retry(attempts=3, delay_s=0.05))
ec.run()
print("shaky finished at the third attempt:", shaky.finish_time is not None)

# A wait never raises: it returns a result that is false and says why.
with ExperimentController("failures-wait", backend="dummy") as ec:
    slow = ec.add("Application", ec.add("Node"), duration="1h")
    ec.deploy()
    result = ec.wait_finished(slow, deadline="200ms")
    print("waited in vain:", not result)
