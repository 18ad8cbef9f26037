"""The state of the demo account: its chats and media files, and the changes that tests make to them."""

import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from threading import Lock

from demo.chats import Chat, ChatEvent, EventType, Json, Person
from demo.invention import invent, union_of
from demo.logins import Logins
from demo.media import ATTACHMENTS, Media, Picture
from demo.portraits import Finish, portrait

DEFAULT_NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
"""The date of an account in tests. With a fixed date, the answers are the same in every run."""

# The formats of the first pictures that can be delivered. Decoders often fail on these formats.
RARE_FINISHES = (
    *(Finish.ANIMATED_GIF, Finish.CMYK_JPEG, Finish.PALETTE_PNG),
    *(Finish.ROTATED_JPEG, Finish.ROTATED_JPEG, Finish.ROTATED_JPEG),
)


MEDIA_GONE = ("Media not found or no longer available", "Asset not found", "Avatar is no longer available")
"""The messages of assets/serve for media that usually are gone for good."""

# The ids of WhatsApp's people, with a phone number, and after WhatsApp has moved them.
_WHATSAPP_ID = "@whatsapp_"
_LID = "@whatsapp_lid-"


class Account:
    """An invented account. The same seed, scale and date always give the same account.

    `scale` is its size relative to a real account. Its chats were active in the two years before `now`.
    Reading needs no lock, because every change replaces the whole dictionary of chats. `on_change` is called
    with the events of each change. `is_old` makes it the
    account of an older version of Beeper, which knows no unions.
    """

    def __init__(
        self, *, seed: int = 7, scale: float = 1.0, now: datetime = DEFAULT_NOW, is_old: bool = False
    ) -> None:
        invention = invent(seed, scale, now)
        self.seed = seed
        self.is_old = is_old
        self.on_change: Callable[[Sequence[ChatEvent]], None] = lambda _: None
        self._now = now
        self._changing = Lock()
        self._chats = {chat.id: chat for chat in invention.chats}
        self._media_keys = {media.key for media in self._media_in_use()}
        self._gone = set(invention.gone)
        self._serve_errors: dict[str, str] = {}
        self._logins = Logins(self._chats.values(), scale)
        self._media_keys.update(media.key for media in self._logins.media())
        self._hidden_numbers: dict[str, str | None] = {}
        self.not_on_disk = self._choose_media_not_on_disk()
        deliverable = list(islice(self._deliverable_in_order_of_use(), 10))
        self._finishes = dict(zip(deliverable, RARE_FINISHES, strict=False))
        # A person who is reached through two accounts has two media ids with the same bytes.
        self._same_bytes_as = {deliverable[8]: deliverable[9]}

    @property
    def chats(self) -> list[Chat]:
        """All chats that Beeper lists, newest activity first, which is the order of its list.

        The members of a union are not listed. Older versions list them instead of the union.
        """
        listed = (chat for chat in self._chats.values() if self._is_listed(chat))
        return sorted(listed, key=lambda chat: (chat.activity_ms, chat.id), reverse=True)

    def logins(self) -> list[Json]:
        """Returns the owner's accounts on the networks, as Beeper shows them."""
        return self._logins.as_json(self._chats.values(), is_old=self.is_old)

    def contacts(self, account_id: str) -> list[Person] | None:
        """Returns the contacts of an account on a network, sorted by id, or None if it does not exist."""
        return self._logins.contacts(account_id, self._chats.values())

    def set_login_status(self, account_id: str, status: str) -> None:
        """Changes the status of an account. Raises KeyError or ValueError if one of them is unknown."""
        self._logins.set_status(account_id, status)

    def set_contact(self, account_id: str, person: Person) -> None:
        """Adds a contact, or replaces the one with the same id. Raises KeyError if the account is unknown."""
        if person.picture and person.picture.media:
            self._media_keys.add(person.picture.media.key)
        self._logins.set_contact(account_id, person)

    def remove_contact(self, account_id: str, person_id: str) -> None:
        """Removes a contact who has no chat. Raises KeyError if there is none with this id."""
        self._logins.remove_contact(account_id, person_id)

    def _is_listed(self, chat: Chat) -> bool:
        if self.is_old:
            return chat.merge is None
        union = self._chats.get(chat.merged_into or "")
        return union is None or union.merge is None

    def find_chat(self, chat_id: str) -> Chat | None:
        """Returns the chat with this id or local id, because the real server accepts both, or None."""
        if chat_id in self._chats:
            return self._chats[chat_id]
        return next((chat for chat in self._chats.values() if chat.local_id == chat_id), None)

    def deliverable(self) -> list[str]:
        """Returns the keys (`<server>/<mediaId>`) of all media in chats that assets/serve can deliver."""
        return sorted(set(self._deliverable_in_order_of_use()))

    def gone(self) -> list[str]:
        """Returns the keys of all media in chats whose bytes no longer exist."""
        return sorted(self._gone)

    def download(self, media: Media) -> bytes | None:
        """Returns the bytes that assets/serve delivers. From then on, the media folder has the file.

        Returns None if the media are gone or never existed.
        """
        if media.key not in self._media_keys or media.key in self._gone:
            return None
        self.not_on_disk.discard(media.key)
        return portrait(
            self.seed, self._same_bytes_as.get(media.key, media.key), self._finishes.get(media.key)
        )

    def read_from_disk(self, media: Media) -> bytes | None:
        """Returns the bytes in the media folder, or None. Some files are there only after a `download`."""
        is_elsewhere = media.media_id.startswith(ATTACHMENTS) or media.key in self.not_on_disk
        return None if is_elsewhere else self.download(media)

    def serve_error(self, media: Media) -> str:
        """Returns the message with which assets/serve says that it cannot deliver these media."""
        return self._serve_errors.get(media.key, MEDIA_GONE[len(media.media_id) % len(MEDIA_GONE)])

    def has_folder(self, server: str) -> bool:
        """Returns True if the media folder has a folder for this server."""
        return any(key.startswith(f"{server}/") for key in self._media_keys)

    def set_avatar(self, owner_id: str, picture: Picture | None) -> None:
        """Changes the picture of the chat with this id, or of the person with this id in every chat."""
        if picture and picture.media:
            self._media_keys.add(picture.media.key)

        def with_avatar(person: Person) -> Person:
            return replace(person, picture=picture) if person.id == owner_id else person

        def change(chat: Chat) -> Chat:
            if chat.id == owner_id:
                return replace(chat, picture=picture)
            return _with_people(chat, with_avatar)

        self._change_all(change)

    def move_people_to_other_ids(self) -> None:
        """Moves the people of WhatsApp to other ids, and hides their pictures, like WhatsApp in 2026.

        Every third phone number is missing until `reveal_phone_numbers`. Every fourth single chat gets
        another id, too.
        """

        def moved(person: Person) -> Person:
            if person.is_self or not person.id.startswith(_WHATSAPP_ID) or person.id.startswith(_LID):
                return person
            number = person.id.removeprefix(_WHATSAPP_ID).partition(":")[0]
            lid = 90_000_000_000_000 + zlib.crc32(number.encode())
            new_id = f"{_LID}{lid}:beeper.local"
            if lid % 3 == 0:
                self._hidden_numbers[new_id] = person.phone_number
                person = replace(person, phone_number=None)
            return replace(person, id=new_id, picture=None)

        def change(chat: Chat) -> Chat:
            moved_chat = _with_people(chat, moved)
            stays = chat.is_group or chat.merge or zlib.crc32(chat.id.encode()) % 4
            if moved_chat == chat or stays:
                return moved_chat
            return replace(moved_chat, id=f"!lid{zlib.crc32(chat.id.encode())}:beeper.local")

        with self._changing:
            changed = {chat_id: change(chat) for chat_id, chat in self._chats.items()}
            new_ids = {chat_id: chat.id for chat_id, chat in changed.items()}
            self._replace({chat.id: chat.with_member_ids(new_ids) for chat in changed.values()})

    def reveal_phone_numbers(self) -> None:
        """Gives the people whom `move_people_to_other_ids` has left without a number their numbers again."""
        self._change_all(
            lambda chat: _with_people(
                chat,
                lambda person: replace(
                    person, phone_number=person.phone_number or self._hidden_numbers.get(person.id)
                ),
            )
        )

    def show_as_file(self, key: str) -> None:
        """Changes the URL of these media from mxc: to file: in every chat, like Beeper after a download."""
        self.not_on_disk.discard(key)

        def as_file(picture: Picture | None) -> Picture | None:
            if picture is None or picture.media is None or picture.media.key != key:
                return picture
            return Picture.on_disk(picture.media)

        def change(chat: Chat) -> Chat:
            chat = replace(chat, picture=as_file(chat.picture))
            return _with_people(chat, lambda person: replace(person, picture=as_file(person.picture)))

        self._change_all(change)

    def lose_media(self, key: str, message: str | None = None) -> None:
        """Deletes the bytes of these media everywhere. The chats still have the URL.

        `message` is the message with which assets/serve then fails.
        """
        if message:
            self._serve_errors[key] = message
        self._gone.add(key)

    def add_chat(self, chat: Chat) -> None:
        """Adds a chat, or replaces the chat with the same id."""
        self._media_keys.update(picture.media.key for picture in chat.pictures if picture.media)
        with self._changing:
            self._replace({**self._chats, chat.id: chat})

    def remove_chat(self, chat_id: str) -> None:
        """Removes a chat. The members of a union are then chats like all others."""
        with self._changing:
            self._replace(
                {
                    key: replace(chat, merged_into=None) if chat.merged_into == chat_id else chat
                    for key, chat in self._chats.items()
                    if key != chat_id
                }
            )

    def merge_chats(self, union_id: str, chat_ids: Sequence[str]) -> None:
        """Makes a union of these chats, or gives a union these members. `remove_chat` dissolves it.

        Chats that were in the union before and are not any more are then chats like all others. Raises
        KeyError if a chat does not exist.
        """
        members = [replace(self._chats[chat_id], merged_into=union_id) for chat_id in chat_ids]
        union = union_of(union_id, members)
        self.remove_chat(union_id)
        with self._changing:
            self._replace({**self._chats, union_id: union, **{member.id: member for member in members}})

    def remove_all_chats(self) -> None:
        """Removes every chat, also the members of unions."""
        with self._changing:
            self._replace({})

    def add_member(self, chat_id: str, person: Person) -> None:
        chat = self._chats[chat_id]
        self.add_chat(replace(chat, people=(*chat.people, person)))

    def remove_member(self, chat_id: str, person_id: str) -> None:
        chat = self._chats[chat_id]
        remaining = tuple(person for person in chat.people if person.id != person_id)
        self.add_chat(replace(chat, people=remaining))

    def receive_message(self, chat_id: str, text: str | None, **fields: object) -> None:
        """Adds a message one minute after the latest activity of all chats. This chat is then the newest.

        `fields` are further fields of the message, such as its type. A message in a member of a union is the
        latest message of the union, too.
        """
        latest = self.chats[0].last_activity or self._now
        chat = replace(self._chats[chat_id], last_activity=latest + timedelta(minutes=1))
        # A quirk could replace the moment of the activity, and fields of the last message its type.
        self.add_chat(replace(chat, last_message=text, message_fields=fields, quirks={}))
        union = self._chats.get(chat.merged_into or "")
        if union is not None and union.merge:
            members = [self._chats[member_id] for member_id in union.member_ids if member_id in self._chats]
            self.add_chat(union_of(union.id, members))

    def set_fields(self, chat_id: str, fields: Mapping[str, object]) -> None:
        """Replaces fields of the JSON of a chat, until its next message."""
        chat = self._chats[chat_id]
        self.add_chat(replace(chat, quirks={**chat.quirks, **fields}))

    def _change_all(self, change: Callable[[Chat], Chat]) -> None:
        with self._changing:
            self._replace({chat_id: change(chat) for chat_id, chat in self._chats.items()})

    def _replace(self, chats: dict[str, Chat]) -> None:
        """Replaces all chats, and tells of each that is new, changed or gone. The caller holds the lock."""
        before, self._chats = self._chats, chats
        gone = [ChatEvent(EventType.CHAT_DELETED, chat_id) for chat_id in before.keys() - chats.keys()]
        changed = [_event(before.get(chat_id), chat) for chat_id, chat in chats.items()]
        if events := [*gone, *(event for event in changed if event)]:
            self.on_change(events)

    def _pictures(self) -> Iterator[Picture]:
        return (picture for chat in self._chats.values() for picture in chat.pictures)

    def _media_in_use(self) -> Iterable[Media]:
        """Returns all media in chats without duplicates, in the order of the chats."""
        return dict.fromkeys(picture.media for picture in self._pictures() if picture.media)

    def _deliverable_in_order_of_use(self) -> Iterator[str]:
        return (media.key for media in self._media_in_use() if media.key not in self._gone)

    def _choose_media_not_on_disk(self) -> set[str]:
        """Returns the keys of every tenth of the media for which no chat has a file: URL."""
        with_file_url = {
            picture.media
            for picture in self._pictures()
            if picture.media and picture.url != picture.media.mxc_url
        }
        remote = [media.key for media in self._media_in_use() if media not in with_file_url]
        return set(remote[::10])


def _event(before: Chat | None, chat: Chat) -> ChatEvent | None:
    """Returns the event of a change of this chat, or None if it has not changed."""
    if before == chat:
        return None
    is_message = before is not None and before.last_activity != chat.last_activity
    return ChatEvent(EventType.MESSAGE_UPSERTED if is_message else EventType.CHAT_UPSERTED, chat.id)


def _with_people(chat: Chat, change: Callable[[Person], Person]) -> Chat:
    return replace(chat, people=tuple(change(person) for person in chat.people))
