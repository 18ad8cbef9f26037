"""Compares the fields that the command reads with those that the API answers: the two share no code."""

import dataclasses
import re
from typing import Any, get_type_hints

import pytest

from imagecache.api import (
    chat_shapes,
    contact_shapes,
    image_shapes,
    operation_shapes,
    person_shapes,
    shapes,
)
from imagecache_cli import answers
from tests.cli import contract

SHAPES = [name for name, kind in vars(answers).items() if dataclasses.is_dataclass(kind)]


ANSWERED = {
    name: kind
    for module in (shapes, chat_shapes, image_shapes, contact_shapes, operation_shapes, person_shapes)
    for name, kind in vars(module).items()
}


def shape(name: str) -> Any:
    """Returns the API's shape of this name."""
    return ANSWERED[name]


@pytest.mark.parametrize("name", SHAPES)
def test_every_field_that_is_read_is_answered(name: str) -> None:
    read = {
        re.sub(r"_([a-z])", lambda match: match[1].upper(), field.name)
        for field in dataclasses.fields(getattr(answers, name))
    }

    assert read <= get_type_hints(shape(name)).keys()


@pytest.mark.parametrize(
    ("name", "example"),
    [
        ("Image", contract.CACHED),
        ("Chat", contract.CHAT),
        ("Reference", contract.REFERENCE),
        ("ShownPicture", contract.SHOWN_PICTURE),
        ("ImageRow", contract.FAILED_ROW),
        ("Story", contract.STORY),
        ("Health", contract.HEALTH),
        ("Status", contract.STATUS),
        ("Stats", contract.STATS),
        ("Job", contract.job("sync", "done")),
        ("Forgotten", contract.FORGOTTEN),
        ("Clash", contract.CLASH),
        ("Contact", contract.CONTACT),
        ("Participant", contract.MEMBER),
        ("FormerPicture", contract.FORMER_PICTURE),
        ("FormerPictures", contract.FORMER_PICTURES),
    ],
)
def test_the_examples_of_these_tests_are_whole_answers(name: str, example: contract.Json) -> None:
    answered = shape(name)
    assert answered.__required_keys__ <= example.keys() <= get_type_hints(answered).keys()
