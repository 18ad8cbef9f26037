"""Reads how an image is to be turned from its EXIF data, and nothing else of them.

Browsers turn a picture only if its orientation is written as the standard says. A library that reads more of
the data than that would fail at what is wrong elsewhere in them.
"""

import struct

UPRIGHT = 1
_ORIENTATION = 0x0112
_SHORT = 3
_ENTRY_BYTES = 12


def orientation_of(tiff: bytes) -> int:
    """Returns the orientation from 1 to 8 that EXIF data have, or 1 if they have none that viewers use.

    `tiff` begins with the byte order. The orientation counts only as one number of 16 bits in the first
    directory, because Chromium ignores every other form.
    """
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None or len(tiff) < 8:
        return UPRIGHT
    (directory,) = struct.unpack_from(f"{order}I", tiff, 4)
    if directory + 2 > len(tiff):
        return UPRIGHT
    (count,) = struct.unpack_from(f"{order}H", tiff, directory)
    entries = tiff[directory + 2 : directory + 2 + count * _ENTRY_BYTES]
    for at in range(0, len(entries) - _ENTRY_BYTES + 1, _ENTRY_BYTES):
        tag, kind, values, value = struct.unpack_from(f"{order}HHIH", entries, at)
        if (tag, kind, values) == (_ORIENTATION, _SHORT, 1) and UPRIGHT <= value <= 8:
            return int(value)
    return UPRIGHT
