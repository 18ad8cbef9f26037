"""Decodes and encodes pictures. Needs Pillow, which only functions with the imaging layer have."""
