"""The demo account: what Beeper would know of a made-up person's chats, and the changes a test may make."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from threading import Lock

from demo.chats import Chat, Person
from demo.invention import invent
from demo.media import Media, Picture
from demo.portraits import Finish, portrait

# A fixed day, so that every start serves the same answers.
DEFAULT_NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)

# The first deliverable pictures get the formats that decoders stumble over.
RARE_FINISHES = (
    *(Finish.ANIMATED_GIF, Finish.CMYK_JPEG, Finish.PALETTE_PNG),
    *(Finish.ROTATED_JPEG, Finish.ROTATED_JPEG, Finish.ROTATED_JPEG),
)


class Account:
    """Reads need no lock: every change replaces the whole dictionary of chats."""

    def __init__(self, *, seed: int = 7, scale: float = 1.0, now: datetime = DEFAULT_NOW) -> None:
        invention = invent(seed, scale, now)
        self.seed = seed
        self._changing = Lock()
        self._chats = {chat.id: chat for chat in invention.chats}
        self._known = {media.key for media in self._media_in_use()}
        self._gone = set(invention.gone)
        self.not_on_disk = self._never_downloaded()
        deliverable = list(islice(self._in_order_of_use(), 10))
        self._finishes = dict(zip(deliverable, RARE_FINISHES, strict=False))
        # One person reached through two accounts: two ids with the same bytes (reference C 3.3).
        self._same_bytes_as = {deliverable[8]: deliverable[9]}

    @property
    def chats(self) -> list[Chat]:
        """Newest activity first, as the list endpoint sorts them."""
        return sorted(self._chats.values(), key=lambda chat: (chat.activity_ms, chat.id), reverse=True)

    def find_chat(self, chat_id: str) -> Chat | None:
        """By id or by local id: the real server takes both."""
        found = self._chats.get(chat_id)
        return found or next((chat for chat in self._chats.values() if chat.local_id == chat_id), None)

    def deliverable(self) -> list[str]:
        """Keys `<server>/<mediaId>` of the images that chats show now and assets/serve can deliver."""
        return sorted(set(self._in_order_of_use()))

    def gone(self) -> list[str]:
        return sorted(self._gone)

    def download(self, media: Media) -> bytes | None:
        """What assets/serve finds, at the source if need be; None for media that is gone or never was."""
        if media.key not in self._known or media.key in self._gone:
            return None
        self.not_on_disk.discard(media.key)
        finish = self._finishes.get(media.key)
        return portrait(self.seed, self._same_bytes_as.get(media.key, media.key), finish)

    def read_from_disk(self, media: Media) -> bytes | None:
        """What the media folder holds: some files are absent until assets/serve was asked for them."""
        return None if media.key in self.not_on_disk else self.download(media)

    def has_folder(self, server: str) -> bool:
        return any(key.startswith(f"{server}/") for key in self._known)

    def set_avatar(self, owner_id: str, picture: Picture | None) -> None:
        """Changes the picture of a person in every chat, or of the chat that has this id."""
        if picture and picture.media:
            self._known.add(picture.media.key)

        def repaint(chat: Chat) -> Chat:
            if chat.id == owner_id:
                return replace(chat, picture=picture)
            return _with_people(chat, lambda p: replace(p, picture=picture) if p.id == owner_id else p)

        self._change(repaint)

    def show_as_file(self, key: str) -> None:
        """Beeper has downloaded the file: its URL turns from mxc: to file: everywhere."""
        self.not_on_disk.discard(key)

        def flip(picture: Picture | None) -> Picture | None:
            if picture is None or picture.media is None or picture.media.key != key:
                return picture
            return Picture.on_disk(picture.media)

        def flip_all(chat: Chat) -> Chat:
            chat = replace(chat, picture=flip(chat.picture))
            return _with_people(chat, lambda person: replace(person, picture=flip(person.picture)))

        self._change(flip_all)

    def lose_media(self, key: str) -> None:
        """The bytes disappear at their source; the URL stays in the chats."""
        self._gone.add(key)

    def add_chat(self, chat: Chat) -> None:
        self._known.update(picture.media.key for picture in chat.pictures if picture.media)
        with self._changing:
            self._chats = {**self._chats, chat.id: chat}

    def remove_chat(self, chat_id: str) -> None:
        with self._changing:
            self._chats = {known: chat for known, chat in self._chats.items() if known != chat_id}

    def add_member(self, chat_id: str, person: Person) -> None:
        chat = self._chats[chat_id]
        self.add_chat(replace(chat, people=(*chat.people, person)))

    def remove_member(self, chat_id: str, person_id: str) -> None:
        chat = self._chats[chat_id]
        self.add_chat(replace(chat, people=tuple(p for p in chat.people if p.id != person_id)))

    def receive_message(self, chat_id: str, text: str) -> None:
        """A new message makes its chat the newest: one minute after the last activity of all."""
        newest = self.chats[0].last_activity or DEFAULT_NOW
        moved = replace(self._chats[chat_id], last_activity=newest + timedelta(minutes=1), last_message=text)
        self.add_chat(replace(moved, quirks={}))

    def _change(self, change: Callable[[Chat], Chat]) -> None:
        with self._changing:
            self._chats = {chat_id: change(chat) for chat_id, chat in self._chats.items()}

    def _pictures(self) -> Iterator[Picture]:
        return (picture for chat in self._chats.values() for picture in chat.pictures)

    def _media_in_use(self) -> Iterable[Media]:
        return dict.fromkeys(picture.media for picture in self._pictures() if picture.media)

    def _in_order_of_use(self) -> Iterator[str]:
        return (media.key for media in self._media_in_use() if media.key not in self._gone)

    def _never_downloaded(self) -> set[str]:
        """Every tenth of the media that no chat shows as a file."""
        files = {p.media for p in self._pictures() if p.media and p.url != p.media.mxc_url}
        remote = [media.key for media in self._media_in_use() if media not in files]
        return set(remote[::10])


def _with_people(chat: Chat, change: Callable[[Person], Person]) -> Chat:
    return replace(chat, people=tuple(change(person) for person in chat.people))
