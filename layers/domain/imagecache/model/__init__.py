"""The data classes and enumerations that all other packages use. They do not access any service."""
