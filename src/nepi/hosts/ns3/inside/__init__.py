"""The process that holds a simulation: the standard library and the ns3 wheel only, so that this folder can be copied to another host."""
