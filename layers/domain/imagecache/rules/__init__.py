"""Pure functions: decisions that need no network and no clock of their own."""
