"""Beeper's client API, which the Beeper Desktop app serves on the laptop that it runs on."""
