"""The use cases of contacts: reading and changing them, importing them, and matching them with members."""
