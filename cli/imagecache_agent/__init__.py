"""The agent: syncs and fetches pictures on Beeper's own computer, for a stack on AWS with `Source=agent`."""
