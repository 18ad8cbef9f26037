"""Finds the frame of an animation that stands for it in a still picture, and draws frames on each other.

Many animations begin with a blank frame or fade in from black. Such a frame would look like a picture that is
missing. So the first frames are looked at until one has more than one color. A short animation also gets a
moving copy, for which all its frames are decoded.
"""

from collections.abc import Callable, Iterator, Sequence
from enum import Enum, IntEnum
from functools import partial
from itertools import islice, pairwise
from typing import NamedTuple

from PIL import Image

MOST_FRAMES = 10
MOST_PIXELS = 10_000_000
"""The most pixels that are decoded to find a frame that shows something."""
MOST_MOVING_FRAMES = 90
"""The most frames of a moving copy: 30 a second."""
_LONGEST_PLAYING_MS = 3000
_SHORTEST_FRAME_MS, _MS_OF_SHORTER_FRAMES = 11, 100  # as browsers play them
SAME = 8
"""Samples of 8 bits that differ by no more count as equal, as lossy compression changes them a little."""

Box = tuple[int, int, int, int]


class Shown(IntEnum):
    """Says how much can be seen in a frame. Of several frames, the one with the highest number is shown."""

    NOTHING = 0
    BLACK_OR_WHITE = 1  # which a picture fades in from
    ONE_COLOR = 2
    SOMETHING = 3


class Disposal(Enum):
    """Says how the area of a frame is changed before the next one is drawn."""

    KEEP = "keep"
    CLEAR = "clear"
    RESTORE = "restore"


class Frame(NamedTuple):
    """A part of an animation. `decode` returns its pixels, which are as large as `box`.

    `is_blended` means that what was drawn before is seen through its transparent pixels. `duration` is in ms,
    as the file has it.
    """

    decode: Callable[[], Image.Image]
    box: Box
    disposal: Disposal = Disposal.KEEP
    is_blended: bool = True
    duration: int = 0


class Animation(NamedTuple):
    """An animation of which a moving copy is made.

    `durations` (ms) says for how long each frame is shown. `frames` decodes the frames one after the other,
    and yields the whole picture each time, which may be the same image as before.
    """

    durations: tuple[int, ...]
    frames: Callable[[], Iterator[Image.Image]]


def frames_looked_at(size: tuple[int, int], frames: int) -> int:
    """Returns how many frames of this size may be decoded: at least one."""
    width, height = size
    return max(1, min(frames, MOST_FRAMES, MOST_PIXELS // max(1, width * height)))


def short_animation(
    size: tuple[int, int], durations: Sequence[int], frames: Callable[[], Iterator[Image.Image]]
) -> Animation | None:
    """Returns an animation whose frames have these durations (ms), or None if it gets no moving copy.

    It gets none if it has one frame, plays for more than three seconds, or takes too long to decode.
    """
    width, height = size
    played = [duration if duration >= _SHORTEST_FRAME_MS else _MS_OF_SHORTER_FRAMES for duration in durations]
    if not 1 < len(played) <= min(MOST_MOVING_FRAMES, MOST_PIXELS // max(1, width * height)):
        return None
    return Animation(tuple(played), frames) if sum(played) <= _LONGEST_PLAYING_MS else None


def animation_of(size: tuple[int, int], frames: Sequence[Frame]) -> Animation | None:
    """Does the same as `short_animation` for frames that are drawn on each other."""
    return short_animation(size, [frame.duration for frame in frames], partial(composed, size, frames))


def how_much_is_shown(image: Image.Image) -> Shown:
    """Returns how much is seen in an image. Colors that hardly differ count as one."""
    # A palette can have the same color twice, so its indexes are not compared.
    pixels = image if image.mode in {"L", "RGB", "RGBA"} else image.convert("RGBA")
    ranges = [_range(pixels.getchannel(band)) for band in pixels.getbands()]
    if pixels.mode == "RGBA":
        least, most = ranges.pop()
        if most <= SAME:
            return Shown.NOTHING
        if most - least > SAME:
            return Shown.SOMETHING
    if any(most - least > SAME for least, most in ranges):
        return Shown.SOMETHING
    is_plain = all(most <= SAME for _, most in ranges) or all(least >= 255 - SAME for least, _ in ranges)
    return Shown.BLACK_OR_WHITE if is_plain else Shown.ONE_COLOR


def _range(band: Image.Image) -> tuple[int, int]:
    least, most = band.getextrema()
    return int(least), int(most)  # type: ignore[arg-type] # of one band


def first_frame_shown(size: tuple[int, int], frames: Sequence[Frame]) -> Image.Image:
    """Returns the composed frame that shows most, or the first one if several frames show as much.

    Frames behind one that is damaged are not looked at. Raises its error if no frame before it has a color.
    """
    images = composed(size, frames)
    if len(frames) == 1:
        return next(images)
    best, most = 0, Shown.NOTHING
    for index in range(len(frames)):
        try:
            image = next(images)
        except MemoryError:
            raise
        except Exception:  # decoders raise exceptions of any type for broken bytes
            if most < Shown.ONE_COLOR:
                raise
            break
        shown = how_much_is_shown(image)
        if shown is Shown.SOMETHING:
            return image
        if shown > most:
            best, most = index, shown
    return next(islice(composed(size, frames), best, None))


def composed(size: tuple[int, int], frames: Sequence[Frame]) -> Iterator[Image.Image]:
    """Yields the canvas after each frame. It is the same image each time, but for the first."""
    first = frames[0].decode()
    # The usual case is not drawn on anything, which saves a copy of all its pixels.
    covers_all = frames[0].box == (0, 0, *size)
    if covers_all:
        yield first
    canvas = Image.new("RGBA", size)
    area = canvas.crop(frames[0].box) if frames[0].disposal is Disposal.RESTORE else None
    canvas.paste(first, frames[0].box[:2])  # takes less memory than composing, as nothing is below it
    if not covers_all:
        yield canvas
    for before, frame in pairwise(frames):
        _dispose(canvas, before, area)
        area = _draw(canvas, frame, frame.decode())
        yield canvas


def _draw(canvas: Image.Image, frame: Frame, image: Image.Image) -> Image.Image | None:
    """Draws a frame, and returns what its area had before if that is to be restored."""
    before = canvas.crop(frame.box) if frame.disposal is Disposal.RESTORE else None
    pixels = image if image.mode == "RGBA" else image.convert("RGBA")
    if frame.is_blended:
        canvas.alpha_composite(pixels, dest=frame.box[:2])
    else:
        canvas.paste(pixels, frame.box[:2])
    return before


def _dispose(canvas: Image.Image, frame: Frame, before: Image.Image | None) -> None:
    if frame.disposal is Disposal.CLEAR:
        canvas.paste((0, 0, 0, 0), frame.box)
    elif before is not None:
        canvas.paste(before, frame.box[:2])


def first_shown_of(image: Image.Image, frames: int) -> Image.Image:
    """Seeks in an animation that Pillow composes. Returns it at the frame that is shown, decoded."""
    image.load()
    if frames == 1:
        return image
    best, most = 0, Shown.NOTHING
    for number in range(frames):
        try:
            image.seek(number)
            image.load()
        except (EOFError, OSError, SyntaxError, ValueError):  # what follows is damaged
            break
        shown = how_much_is_shown(image)
        if shown is Shown.SOMETHING:
            return image
        if shown > most:
            best, most = number, shown
    image.seek(best)
    image.load()
    return image
