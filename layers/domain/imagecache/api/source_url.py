"""The field of requests that contains the URL of an image. Routes of chats do not import this module."""

from imagecache.api.fields import MOST_URL_CHARS, Text
from imagecache.rules.source_urls import FETCHED_URLS

SOURCE_URL = Text(
    "sourceUrl",
    MOST_URL_CHARS,
    required=True,
    about=f"the URL of the image: {FETCHED_URLS}",
)
