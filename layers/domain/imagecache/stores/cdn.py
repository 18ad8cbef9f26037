"""CloudFront before the image bucket: it keeps what it has served, for up to a year."""

from collections.abc import Callable
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from imagecache.errors import InvalidationError
from imagecache.stores.blobs import image_paths

PATIENCE = Config(connect_timeout=1, read_timeout=4, retries={"total_max_attempts": 2})
"""For both clients: whatever they meet, the request that they are made for must be answered within 29 s."""


class Cdn:
    """The distribution whose id stands in this SSM parameter: it is made after the functions.

    `client` makes one of a service. Not before it is needed: both would take a while at every cold start.
    """

    def __init__(self, *, parameter: str, make_client: Callable[[str], Any]) -> None:
        self._parameter = parameter
        self._make_client = make_client

    def drop(self, blob_id: str, *, now: int) -> None:
        """Every size of this content, wherever it is kept. Raises EdgeNotToldError."""
        try:
            known = self._make_client("ssm").get_parameter(Name=self._parameter)["Parameter"]
            self._make_client("cloudfront").create_invalidation(
                DistributionId=known["Value"],
                InvalidationBatch={
                    "Paths": {"Quantity": 1, "Items": [image_paths(blob_id)]},
                    "CallerReference": f"{blob_id}-{now}",  # a second one with the same would do nothing
                },
            )
        except ClientError as error:
            raise InvalidationError(error.response["Error"]["Code"]) from error
        except BotoCoreError as error:
            raise InvalidationError(type(error).__name__) from error
