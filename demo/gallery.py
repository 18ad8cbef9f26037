"""Hands out picture URLs in the shapes and shares of a real account (reference A 1.3 and C 3.1)."""

import base64
import io
import string
from random import Random

from PIL import Image

from demo.media import Media, Picture

LETTERS_AND_DIGITS = string.ascii_letters + string.digits


class Gallery:
    """Every n-th picture is special, rather than a random one: each kind then occurs in every account."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._media_made = 0
        self.gone: set[str] = set()

    def contact_picture(self, number: int) -> Picture | None:
        """The picture of the n-th contact; one in seven has none."""
        if number % 7 == 6:
            return None
        if number % 60 == 31:
            return Picture(f"https://pictures.example.invalid/p/{number}.jpg?expires=1780000000")
        if number % 45 == 12:
            return Picture(self._data_url())
        media = self.new_media()
        if number % 19 == 5:
            self.gone.add(media.key)
        return Picture.on_disk(media) if number % 2 else Picture.remote(media)

    def crowd_picture(self, number: int) -> Picture | None:
        """A member of the big group: 37 % have a picture, nearly all of them not yet downloaded."""
        if number * 37 % 100 >= 37:
            return None
        if number == 200:
            return Picture("https://64.media.example.invalid/avatar_512.png")
        media = self.new_media()
        return Picture.on_disk(media) if number % 20 == 3 else Picture.remote(media)

    def group_picture(self, number: int) -> Picture | None:
        if number % 3 == 2:
            return None
        media = self._home_media()  # a path is not percent-encoded, so only plain ids stand in one
        return Picture.by_path(media) if number % 3 == 0 else Picture.on_disk(media)

    def new_media(self) -> Media:
        """Mostly the owner's own server, then beeper.com, rarely a bridge or a stranger's server."""
        self._media_made += 1
        number = self._media_made
        if number == 9:
            return Media("beeper.com", "a#b c%d")
        if number % 25 == 3:
            bridge = "whatsapp" if number % 2 else "signal"
            return Media(f"localhostlocal-{bridge}", str(self._rng.randrange(10**9, 10**11)))
        if number % 40 in (7, 8):
            return Media("matrix.org" if number % 40 == 7 else "maunium.net", self._random_id(24))
        if number % 5 == 1:
            return Media("beeper.com", f"{self._rng.getrandbits(160):040x}")
        return self._home_media()

    def _home_media(self) -> Media:
        return Media("local.beeper.com", f"alex_{self._random_id(self._rng.randint(72, 74))}")

    def _random_id(self, length: int) -> str:
        return "".join(self._rng.choices(LETTERS_AND_DIGITS, k=length))

    def _data_url(self) -> str:
        png = io.BytesIO()
        Image.frombytes("RGB", (12, 12), self._rng.randbytes(12 * 12 * 3)).resize((48, 48)).save(png, "PNG")
        return f"data:image/png;base64,{base64.b64encode(png.getvalue()).decode()}"
