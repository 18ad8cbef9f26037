"""Paints random pictures of faces and landscapes that look like photos: with soft edges and grain."""

from colorsys import hls_to_rgb
from random import Random

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageOps

# Pixels. A picture is painted in this size, which needs only milliseconds, and then enlarged.
CANVAS = 240
# The sizes in which the networks' bridges store pictures, in pixels.
SIDES = (256, 280, 320, 360, 400, 480, 640)
# Steps of brightness. With more grain, large pictures would have more than 100 KB.
GRAIN = 22

Colour = tuple[int, int, int]

SKINS: tuple[Colour, ...] = (
    *((250, 218, 190), (238, 192, 150), (222, 172, 118), (196, 138, 88), (150, 96, 58), (104, 64, 42)),
)
HAIRS: tuple[Colour, ...] = ((40, 30, 26), (96, 62, 38), (184, 134, 78), (178, 84, 48), (196, 194, 196))
EYES: tuple[Colour, ...] = ((62, 40, 28), (84, 58, 36), (70, 98, 118), (84, 104, 72))
LIPS: Colour = (172, 84, 80)


def paint(rng: Random) -> Image.Image:
    """Returns a square RGB picture: a face, or one time in five a landscape."""
    hue = rng.random()
    canvas = _backdrop(rng, hue)
    if rng.random() < 0.8:
        _draw_face(rng, canvas)
    else:
        _draw_landscape(rng, canvas, hue)
    soft = _with_vignette(canvas.filter(ImageFilter.BoxBlur(0.8)))
    side = rng.choice(SIDES)
    return _with_grain(rng, soft.resize((side, side), Image.Resampling.BILINEAR))


def _colour(hue: float, lightness: float, saturation: float) -> Colour:
    red, green, blue = hls_to_rgb(hue % 1, lightness, saturation)
    return round(red * 255), round(green * 255), round(blue * 255)


def _backdrop(rng: Random, hue: float) -> Image.Image:
    """Returns a slanted gradient between two similar hues."""
    slope = Image.linear_gradient("L").resize((400, 400)).rotate(rng.uniform(-40, 40))
    # Turning the gradient leaves black corners, so only its middle is used.
    middle = slope.crop((80, 80, 80 + CANVAS, 80 + CANVAS))
    return ImageOps.colorize(middle, _colour(hue, 0.9, 0.6), _colour(hue + 0.08, 0.55, 0.4))


def _draw_face(rng: Random, canvas: Image.Image) -> None:
    pen = ImageDraw.Draw(canvas)
    skin = rng.choice(SKINS)
    hair = rng.choice(HAIRS)
    x = 120 + rng.randint(-10, 10)
    y = 108 + rng.randint(-6, 8)
    width = rng.randint(42, 50)
    height = rng.randint(54, 62)
    fringe = rng.randint(16, 32)
    if rng.random() < 0.5:
        pen.rounded_rectangle((x - width - 10, y - 40, x + width + 10, y + 92), 34, fill=hair)
    pen.rounded_rectangle((x - 19, y + 30, x + 19, y + 98), 16, fill=_shaded(skin))
    pen.ellipse((x - 98, y + 80, x + 98, y + 260), fill=_colour(rng.random(), 0.45, 0.4))
    pen.ellipse((x - width - 7, y - height - 12, x + width + 7, y + 20), fill=hair)
    pen.ellipse((x - width, y - height + fringe, x + width, y + height), fill=skin)
    _draw_features(rng, pen, x, y, skin)


def _draw_features(rng: Random, pen: ImageDraw.ImageDraw, x: int, y: int, skin: Colour) -> None:
    iris = rng.choice(EYES)
    smile = rng.randint(14, 22)
    has_glasses = rng.random() < 0.25
    for eye_x in (x - 18, x + 18):
        pen.ellipse((eye_x - 8, y - 5, eye_x + 8, y + 5), fill=(250, 248, 244))
        pen.ellipse((eye_x - 5, y - 5, eye_x + 5, y + 5), fill=iris)
        pen.line((eye_x - 10, y - 13, eye_x + 10, y - 14), fill=(60, 44, 36), width=3)
        if has_glasses:
            pen.rounded_rectangle((eye_x - 15, y - 11, eye_x + 15, y + 12), 8, outline=(30, 30, 40), width=2)
    pen.arc((x - 7, y + 4, x + 7, y + 20), 20, 160, fill=_shaded(skin), width=3)
    pen.chord((x - smile, y + 14, x + smile, y + 38), 30, 150, fill=LIPS)


def _draw_landscape(rng: Random, canvas: Image.Image, hue: float) -> None:
    pen = ImageDraw.Draw(canvas)
    x = rng.randint(30, 210)
    y = rng.randint(25, 80)
    radius = rng.randint(12, 26)
    pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=(255, 246, 214))
    drift = rng.uniform(0.02, 0.1)
    for ridge in range(5):
        base = 105 + ridge * 28
        tops = [(at, base + rng.randint(-26, 14)) for at in range(-20, 281, 30)]
        shade = _colour(hue + drift * ridge, 0.62 - ridge * 0.1, 0.35)
        pen.polygon([(-20, 260), *tops, (280, 260)], fill=shade)


def _shaded(colour: Colour) -> Colour:
    red, green, blue = colour
    return red * 4 // 5, green * 3 // 4, blue * 3 // 4


def _with_vignette(picture: Image.Image) -> Image.Image:
    """Darkens the corners, like the lens of a camera."""
    falloff = Image.radial_gradient("L").point(lambda distance: 255 - distance // 4)
    return ImageChops.multiply(picture, falloff.resize(picture.size).convert("RGB"))


def _with_grain(rng: Random, picture: Image.Image) -> Image.Image:
    # Made at half size and then enlarged, grain looks like that of film and compresses better in JPEG.
    half = picture.width // 2
    noise = Image.frombytes("L", (half, half), rng.randbytes(half * half))
    grain = noise.point(lambda level: level * GRAIN // 255).resize(picture.size, Image.Resampling.BILINEAR)
    return ImageChops.add(picture, grain.convert("RGB"), offset=-GRAIN // 2)
