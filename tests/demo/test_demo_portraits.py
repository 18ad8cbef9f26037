"""The pictures: their formats, their sizes, and that each is always the same."""

import io

from PIL import Image

from demo.account import Account
from demo.media import Media
from demo.portraits import EXIF_ORIENTATION, Finish, portrait


def _download(account: Account, key: str) -> bytes:
    image = account.download(Media(*key.split("/", 1)))
    assert image is not None
    return image


def test_pictures_decode_and_weigh_between_3_and_100_kb(full_account: Account) -> None:
    formats = set()
    for key in full_account.deliverable()[::8]:
        image = _download(full_account, key)
        assert 3_000 <= len(image) <= 100_000
        with Image.open(io.BytesIO(image)) as picture:
            picture.load()
            formats.add(picture.format)
    assert formats >= {"JPEG", "PNG", "WEBP"}


def test_only_two_of_the_images_share_their_bytes() -> None:
    account = Account(scale=0.1)
    keys = account.deliverable()
    assert len({_download(account, key) for key in keys}) == len(keys) - 1


def test_the_formats_that_decoders_fail_on_occur_in_every_account() -> None:
    account = Account(scale=0.1)
    pictures = []
    for key in account.deliverable():
        with Image.open(io.BytesIO(_download(account, key))) as picture:
            is_turned = EXIF_ORIENTATION in picture.getexif()
            pictures.append((picture.format, picture.mode, getattr(picture, "n_frames", 1), is_turned))
    assert pictures.count(("GIF", "P", 4, False)) == 1
    assert pictures.count(("JPEG", "CMYK", 1, False)) == 1
    assert pictures.count(("PNG", "P", 1, False)) == 1
    assert pictures.count(("JPEG", "RGB", 1, True)) == 3


def test_every_finish_weighs_between_3_and_100_kb() -> None:
    for finish in Finish:
        for number in range(3):
            assert 3_000 <= len(portrait(7, f"beeper.com/{number}", finish)) <= 100_000


def test_seed_and_subject_alone_decide_the_picture() -> None:
    first = portrait(7, "beeper.com/one")
    portrait.cache_clear()
    assert portrait(7, "beeper.com/one") == first
    assert portrait(7, "beeper.com/two") != first
    assert portrait(8, "beeper.com/one") != first
