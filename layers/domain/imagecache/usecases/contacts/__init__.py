"""Contacts are kept, imported and matched with chat members."""
