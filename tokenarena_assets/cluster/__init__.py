"""Several machines: a shared clock, where services are, the worker of a host."""
