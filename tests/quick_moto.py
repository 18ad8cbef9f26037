"""Makes moto answer calls of DynamoDB in less time.

For each value that it returns, moto looks for the ten members of an AttributeValue under several spellings,
which takes longer than the rest of a call. It keeps simple values in the very form that it returns, so they
can be passed on.
"""

from typing import Any

from moto.core.serialize import BaseJSONSerializer

_PASSED_ON = ({"S"}, {"N"}, {"BOOL"}, {"SS"})


def pass_simple_values_on() -> None:
    """Replaces one method of moto's serializer. A second call changes nothing."""
    serialize = BaseJSONSerializer._serialize_type_structure
    if serialize.__name__ == "serialize_structure":
        return

    def serialize_structure(
        self: BaseJSONSerializer, serialized: Any, value: Any, shape: Any, key: str
    ) -> None:
        if key and shape.name == "AttributeValue" and isinstance(value, dict) and value.keys() in _PASSED_ON:
            serialized[key] = value
        else:
            serialize(self, serialized, value, shape, key)

    BaseJSONSerializer._serialize_type_structure = serialize_structure  # type: ignore[method-assign]  # on purpose
