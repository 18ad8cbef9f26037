"""Makes chats and images up, and stores them as sync and the cacher do."""

from imagecache.model.chat import Chat, Participant
from imagecache.model.image import Blob, Failure, FailureReason, ImageMessage, ImageRef
from imagecache.stores.chats.chats import ChatToStore, preview_of
from tests.integration.conftest import NOW, Stack

PLACEHOLDER = "3OcRJYB4d3h/iIeHeEh3eIhw+j2w"


def person(
    name: str, image: str | None = None, *, is_self: bool = False, is_bot: bool = False
) -> Participant:
    """Returns a member: `Ada Lovelace` has the id `@ada`. `image` is the key of their picture."""
    return Participant(
        participant_id=f"@{name.split(maxsplit=1)[0].lower()}",
        full_name=name,
        username=None,
        phone_number=None,
        email=None,
        is_self=is_self,
        is_network_bot=is_bot,
        source_url=f"mxc://{image}" if image else None,
        image=ImageRef(image) if image else None,
    )


ME = person("Me", is_self=True)
ADA = person("Ada Lovelace", "s/ada")
CHAT = Chat(
    chat_id="!ada",
    account_id="whatsapp",
    network="WhatsApp",
    type="single",
    title=None,
    description=None,
    last_activity=NOW,
    unread_count=0,
    is_archived=False,
    is_muted=False,
    is_pinned=False,
    last_message=None,
    merged_into=None,
    source_url=None,
    image=None,
    participants=(ME, ADA),
    participant_count=2,
    roster_is_partial=False,
)


def put(stack: Stack, chat: Chat) -> None:
    """Stores the chat and its roster as a run of sync does."""
    stack.participants_table.put(chat.chat_id, list(chat.participants), fence=1)
    put_chat(stack, chat)


def put_chat(stack: Stack, chat: Chat) -> None:
    """Stores the chat without its roster."""
    to_store = ChatToStore(
        chat=chat, preview_json=preview_of(chat), list_fingerprint="l", roster_fingerprint="r"
    )
    stack.chats_table.put([to_store], fence=1)


def request(key: str) -> ImageMessage:
    return ImageMessage(key, f"mxc://{key}", NOW)


def cache(stack: Stack, key: str, blob: str, size: int = 10, *, is_animated: bool = False) -> None:
    claim = stack.won(request(key))
    stack.claims.commit(
        claim,
        Blob(blob, "image/png", size, 640, 480, PLACEHOLDER, "#204060", "#ffffff", is_animated),
        now=stack.now,
    )


def fail(stack: Stack, key: str, *, next_attempt_at: int = NOW + 1) -> None:
    claim = stack.won(request(key))
    stack.claims.fail(claim, Failure(FailureReason.GONE, stack.now, next_attempt_at))
