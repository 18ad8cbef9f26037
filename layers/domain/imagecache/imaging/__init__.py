"""Decoding and encoding of pictures. Needs Pillow, which only functions with the imaging layer have."""
