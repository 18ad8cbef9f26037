"""Runs the embedded engine with a CloudFormation that cannot delete a bucket with content, as on AWS.

The embedded engine deletes it all the same. `local.engine` starts this module in place of `local.engine_gate`.
"""

from typing import Any

from local import engine_gate


def main() -> None:
    """Serves the engine until a signal stops it."""
    from ministack.services import s3  # type: ignore[import-untyped]  # noqa: PLC0415 - takes a second
    from ministack.services.cloudformation import provisioners  # noqa: PLC0415 - as above

    handlers = provisioners._RESOURCE_HANDLERS["AWS::S3::Bucket"]  # noqa: SLF001 - there is no other way
    delete = handlers["delete"]

    def delete_if_empty(name: str, properties: Any) -> None:
        bucket = s3._buckets.get(name)  # noqa: SLF001
        versions = [key for owner, key in s3._object_versions if owner == name]  # noqa: SLF001
        if bucket and (bucket["objects"] or versions):
            raise ValueError(f"The bucket you tried to delete is not empty: {name}")
        delete(name, properties)

    handlers["delete"] = delete_if_empty
    engine_gate.main()


if __name__ == "__main__":
    main()
