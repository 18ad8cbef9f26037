"""Every error that this package raises, grouped by how to react to it.

ImageCacheError
├── ConfigError                     an operator corrects the settings
├── RejectedSourceError             do not retry: this URL is never fetched
├── ImageFailedError                record the image as failed; the reason decides when it is tried again
├── OriginDownError                 try the same request later
│   ├── OriginUnreachableError      ... the origin can serve no image now
│   ├── OriginUnauthorizedError     ... after a person has connected Beeper again
│   ├── OriginBusyError             ... when the origin's rate limit allows it
│   └── OriginFaultyError           ... and expect that other requests to the origin may succeed now
├── OriginClosedError               try later: the origin's circuit is open, or its rate limit is reached
├── ClaimHeldError                  let SQS deliver the message again: another worker has the image
├── StoreUnavailableError           try later: an AWS service refused or did not answer
│   ├── ItemRefusedError            ... but not for this item, which DynamoDB can never store
│   ├── QueueRefusedError           ... SQS did not accept every message
│   └── InvalidationError           ... CloudFront did not accept an invalidation
├── InvalidAnswerError              ignore the answer of another service: it is not in the documented form
│   ├── ListingError                ... it is not a list of chats
│   ├── UnreadableChatError         ... one chat in the list has no usable id
│   ├── ChatUnavailableError        ... one chat is in the list, but cannot be read by its id
│   │   └── ChatNotRequestedError   ... and was not requested now, because others were answered slowly
│   ├── AnswerTooLargeError         ... it is larger than any answer that is expected
│   └── DexError                    ... it is not a list of Dex contacts
├── SupersededError                 stop, and write nothing more: another process has taken over
│   ├── LeaseLostError              ... the image
│   ├── FencedOffError              ... the sync
│   ├── JobTakenError               ... the job
│   └── JobOverError                ... the job, and has ended it
├── InvocationFailedError           read the function's log, which has the original error
└── RequestError                    the caller of the API corrects the request
    ├── InvalidRequestError         ... a parameter, a cursor or a body
    ├── UnauthorizedError           ... the token is missing or wrong
    ├── ForbiddenError              ... the admin token is needed
    ├── NotFoundError               ... the chat, image, contact or job does not exist
    ├── ConflictError               ... the image or contact has another state
    └── RequestTooLargeError        ... the body is too long

The API's HTTP statuses are in api/http.py. Exceptions of AWS clients are translated in stores and queues.
"""

from imagecache.model.image import FailureReason, RejectionReason


class ImageCacheError(Exception):
    """The base class of all errors of this package."""


class ConfigError(ImageCacheError):
    """A setting is missing or malformed. The message has its name."""


class RejectedSourceError(ImageCacheError):
    """A source URL has no image key and is never fetched, for the given reason."""

    def __init__(self, reason: RejectionReason) -> None:
        super().__init__(reason.value)
        self.reason = reason


class ImageFailedError(ImageCacheError):
    """This image cannot be cached now, or ever. `reason` decides when it is tried again.

    `retry_after` is the number of seconds that the origin asked to wait, or None if it did not say.
    """

    def __init__(self, reason: FailureReason, detail: str = "", *, retry_after: int | None = None) -> None:
        super().__init__(f"{reason.value}: {detail}" if detail else reason.value)
        self.reason = reason
        self.detail = detail
        self.retry_after = retry_after


class OriginDownError(ImageCacheError):
    """The origin did not answer, or another program answered: for example, the laptop is asleep.

    `retry_after` is the number of seconds that the origin asked to wait, or None if it did not say.
    """

    def __init__(self, detail: str = "", *, retry_after: int | None = None) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class OriginUnreachableError(OriginDownError):
    """There is no connection to the origin, so it can serve no image."""


class OriginUnauthorizedError(OriginDownError):
    """The origin refused the token. A person must connect Beeper again."""


class OriginBusyError(OriginDownError):
    """The origin answered 429 (too many requests)."""


class OriginFaultyError(OriginDownError):
    """The answer was late, incomplete, or a server error. Other requests may be answered well now."""


class OriginClosedError(ImageCacheError):
    """No request may be sent to this origin before `until` (ms since 1970).

    `outage` is True if the origin's circuit is open, False if only its rate limit has been reached.
    """

    def __init__(self, until: int, *, outage: bool) -> None:
        super().__init__("the origin's circuit is open" if outage else "too many requests at once")
        self.until = until
        self.outage = outage


class ClaimHeldError(ImageCacheError):
    """Another worker has this image, until `held_until` (ms since 1970) at the latest."""

    def __init__(self, held_until: int) -> None:
        super().__init__("another worker has this image")
        self.held_until = held_until


class StoreUnavailableError(ImageCacheError):
    """An AWS service did not answer, or refused a request. A condition that does not hold is not an error."""


class ItemRefusedError(StoreUnavailableError):
    """DynamoDB refused a request as invalid: an item is larger than 400 KB, or a key is empty or too long.

    Other items are not affected, and the same request would be refused again.
    """


class QueueRefusedError(StoreUnavailableError):
    """SQS did not accept every message. No row of these images is marked as queued, so all are sent again."""


class InvalidationError(StoreUnavailableError):
    """The invalidation failed, so CloudFront keeps its copies. The message is the name of the AWS error."""


class InvalidAnswerError(ImageCacheError):
    """The answer of another service does not have the form that its documentation describes."""


class ListingError(InvalidAnswerError):
    """The answer is not the list that Beeper was asked for, or the list does not end.

    Nothing may be deleted because it is missing from such a list.
    """


class UnreadableChatError(InvalidAnswerError):
    """A listed chat has no id that can be a key. It is skipped, counted and logged; other chats are stored.

    `chat_id` is the id if it cannot be a key, because it is too long or begins like the key of a person, or
    empty if there is none.
    """

    def __init__(self, chat_id: str = "") -> None:
        super().__init__("its id cannot be a key" if chat_id else "it has no id")
        self.chat_id = chat_id


class AnswerTooLargeError(InvalidAnswerError):
    """The answer is larger than is ever read. The message says how large, and what to do."""


class ChatUnavailableError(InvalidAnswerError):
    """Beeper lists this chat but answers with an error for the chat itself. Other chats are not affected."""


class ChatNotRequestedError(ChatUnavailableError):
    """The chat was not requested, because Beeper has answered requests for other chats too slowly."""


class DexError(InvalidAnswerError):
    """The answer is not a list of contacts, or the list does not end."""


class SupersededError(ImageCacheError):
    """Another process has taken over. This one must stop and write nothing more."""


class LeaseLostError(SupersededError):
    """Another worker claimed the image, or it was forgotten. This worker's outcome must not be recorded."""


class FencedOffError(SupersededError):
    """A newer sync run has written the row. This run has lost its lock and must end."""


class JobTakenError(SupersededError):
    """Another invocation works on this job: Lambda has delivered one event twice, or this one is late."""


class JobOverError(SupersededError):
    """The job of this event does not exist or has ended, so there is nothing to do."""


class InvocationFailedError(ImageCacheError):
    """The invocation of a function has failed. The message is the type of the error, which was logged."""


class RequestError(ImageCacheError):
    """The API cannot serve this request. The message says what is wrong and what to do."""


class InvalidRequestError(RequestError):
    """A parameter, a cursor or the body is not valid."""


class UnauthorizedError(RequestError):
    """The request has no valid token."""


class ForbiddenError(RequestError):
    """The request has the read token, but the operation needs the admin token."""


class NotFoundError(RequestError):
    """The chat, image, contact or job that the request names does not exist."""


class ConflictError(RequestError):
    """The image or contact that the request names has a state that does not allow this operation."""


class RequestTooLargeError(RequestError):
    """The body is longer than the API accepts."""
