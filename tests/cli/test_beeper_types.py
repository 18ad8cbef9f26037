"""The types of Beeper's API that the command line knows are those of Beeper's SDK."""

import re

from imagecache_cli.beeper_types import TYPES
from tools.beeper_types import MODULE, write


def test_the_types_are_those_of_the_sdk() -> None:
    """If this fails after an update of the SDK, run `make contract`."""
    assert MODULE.read_text() == write()


def test_every_type_that_a_field_may_have_is_defined() -> None:
    kinds = {kind for fields in TYPES.values() for known in fields.values() for kind in known.split(" | ")}
    names = {re.sub("^(list|map) of ", "", kind) for kind in kinds}
    assert names <= {*TYPES, "text", "number", "bool", "null", "missing", "any"}
