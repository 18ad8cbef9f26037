"""CloudFront in front of the image bucket: it serves its copies of an object for up to a year."""

from collections.abc import Callable
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from imagecache.errors import InvalidationError
from imagecache.stores.blobs import image_paths

PATIENCE = Config(connect_timeout=1, read_timeout=4, retries={"total_max_attempts": 2})
"""Timeouts in seconds for SSM and CloudFront. If neither answers, we still answer the request within 29 s."""


class Cdn:
    """The stack's CloudFront distribution.

    The functions read its id from an SSM parameter, because the distribution is created after them.
    `make_client` creates the boto3 client of a service. It is called only when an image is forgotten, because
    clients of SSM and CloudFront would slow down every cold start.
    """

    def __init__(self, *, parameter: str, make_client: Callable[[str], Any]) -> None:
        self._parameter = parameter
        self._make_client = make_client

    def drop(self, blob_id: str, *, now: int) -> None:
        """Invalidates CloudFront's copies of every size of this blob. `now` is in ms.

        Raises InvalidationError if SSM or CloudFront refuses or does not answer.
        """
        try:
            parameter = self._make_client("ssm").get_parameter(Name=self._parameter)["Parameter"]
            self._make_client("cloudfront").create_invalidation(
                DistributionId=parameter["Value"],
                InvalidationBatch={
                    "Paths": {"Quantity": 1, "Items": [image_paths(blob_id)]},
                    # CloudFront ignores a second invalidation with the same reference.
                    "CallerReference": f"{blob_id}-{now}",
                },
            )
        except ClientError as error:
            raise InvalidationError(error.response["Error"]["Code"]) from error
        except BotoCoreError as error:
            raise InvalidationError(type(error).__name__) from error
