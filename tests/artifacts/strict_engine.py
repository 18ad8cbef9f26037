"""Runs the embedded engine with a CloudFormation that cannot delete a bucket with content, as on AWS.

The embedded engine deletes it all the same. Tests start this module in place of `local.engine_gate`.
"""

import importlib
from typing import Any

from local import engine_gate


def main() -> None:
    """Serves the engine until a signal stops it."""
    s3: Any = importlib.import_module("ministack.services.s3")
    provisioners: Any = importlib.import_module("ministack.services.cloudformation.provisioners")
    handlers = provisioners._RESOURCE_HANDLERS["AWS::S3::Bucket"]
    delete = handlers["delete"]

    def delete_if_empty(name: str, properties: Any) -> None:
        bucket = s3._buckets.get(name)
        versions = [key for owner, key in s3._object_versions if owner == name]
        if bucket and (bucket["objects"] or versions):
            raise ValueError(f"The bucket you tried to delete is not empty: {name}")
        delete(name, properties)

    handlers["delete"] = delete_if_empty
    engine_gate.main()


if __name__ == "__main__":
    main()
