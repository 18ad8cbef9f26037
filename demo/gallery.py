"""Invents picture URLs, with the same kinds of URLs in the same proportions as in a real account."""

import base64
import io
import string
from random import Random

from PIL import Image

from demo.media import Media, Picture

LETTERS_AND_DIGITS = string.ascii_letters + string.digits
HOME_SERVER = "local.beeper.com"
HOME_ID_LENGTHS = (72, 74)
FOREIGN_ID_LENGTH = 24
TINY_SIDE = 48  # pixels of a picture in a data: URL


class Gallery:
    """Creates pictures. `gone` has the keys of media whose bytes do not exist.

    The kind of a picture depends on its number instead of chance, so that each kind occurs in every account.
    """

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._media_count = 0
        self.gone: set[str] = set()

    def contact_picture(self, number: int) -> Picture | None:
        """Returns the picture of the n-th contact, or None: one in seven has none."""
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
        """Returns the picture of the n-th member of the largest group, or None.

        37 % of the members have a picture. Beeper has already downloaded about one in 20 of those pictures.
        """
        if number * 37 % 100 >= 37:
            return None
        if number == 200:
            return Picture("https://64.media.example.invalid/avatar_512.png")
        media = self.new_media()
        if number % 200 == 100:
            return Picture.served(media)
        return Picture.on_disk(media) if number % 20 == 3 else Picture.remote(media)

    def group_picture(self, number: int) -> Picture | None:
        """Returns the picture of the n-th group, or None: one in three has none."""
        if number % 3 == 2:
            return None
        # The path of a picture is not percent-encoded, so its id must consist of plain letters.
        media = self._home_media()
        if number % 6 == 3:
            return Picture.by_windows_path(media)
        return Picture.by_path(media) if number % 3 == 0 else Picture.on_disk(media)

    def new_media(self) -> Media:
        """Returns new media. Most are on the owner's server, some on beeper.com, and a few elsewhere."""
        self._media_count += 1
        number = self._media_count
        if number == 9:
            return Media("beeper.com", "a#b c%d")  # an id that needs percent-encoding
        if number % 25 == 3:
            bridge = "whatsapp" if number % 2 else "signal"
            return Media(f"localhostlocal-{bridge}", str(self._rng.randrange(10**9, 10**11)))
        if number % 40 in (7, 8):
            server = "matrix.org" if number % 40 == 7 else "maunium.net"
            return Media(server, self._random_id(FOREIGN_ID_LENGTH))
        if number % 5 == 1:
            return Media("beeper.com", f"{self._rng.getrandbits(160):040x}")
        return self._home_media()

    def _home_media(self) -> Media:
        return Media(HOME_SERVER, f"alex_{self._random_id(self._rng.randint(*HOME_ID_LENGTHS))}")

    def _random_id(self, length: int) -> str:
        return "".join(self._rng.choices(LETTERS_AND_DIGITS, k=length))

    def _data_url(self) -> str:
        png = io.BytesIO()
        coloured_squares = Image.frombytes("RGB", (12, 12), self._rng.randbytes(12 * 12 * 3))
        coloured_squares.resize((TINY_SIDE, TINY_SIDE)).save(png, "PNG")
        return f"data:image/png;base64,{base64.b64encode(png.getvalue()).decode()}"
