"""Pure functions that make decisions. They do not use the network, and get the time as an argument."""
