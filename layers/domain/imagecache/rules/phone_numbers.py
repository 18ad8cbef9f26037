"""The normal form of phone numbers: one key for one subscriber, however an app or an address book writes it.

Most numbers have one form, E.164. In a few countries a number has two, because the numbering plan has changed
and WhatsApp or old address books keep the earlier form. A form is only replaced by the present one if
libphonenumber's metadata shows that the result is valid.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from phonenumbers import PhoneNumber

# No notation of a number is longer. The limit keeps libphonenumber's patterns fast.
_MOST_CHARS = 254
# A spreadsheet writes a whole number as 491701234567.0 once it takes it for a fraction.
_FRACTION = re.compile(r"(\+?\d{5,})[.,]0{1,2}")
_POWER_OF_TEN = re.compile(r"(\d)(?:[.,](\d+))?[eE]\+?(\d{1,2})")
# WhatsApp's own notations always have the country code.
_WHATSAPP_LINK = re.compile(
    r"(?:https?://)?(?:wa\.me/|(?:api|web)\.whatsapp\.com/send/?\?(?:.*&)?phone=)\+?(\d+)(?:[/?&#].*)?",
    re.IGNORECASE,
)
_WHATSAPP_ID = re.compile(r"(\d+)@(?:s\.whatsapp\.net|c\.us)", re.IGNORECASE)
_SCHEME = re.compile(r"(?:whatsapp|sms|callto|facetime(?:-audio)?|signal):(?://)?", re.IGNORECASE)


@lru_cache(maxsize=4096)
def phone_number(text: str, region: str) -> str | None:
    """Returns the number's key (`+` and digits), or None if no number of its country has this length.

    A number without a country code belongs to `region`, a country such as GB. If that is empty, such a
    number is not valid. With neither code, it is not valid in any region, because different people have it.
    """
    if len(text) > _MOST_CHARS:
        return None
    written = _without_notation(text)
    if not written:
        return None
    candidates = _candidates(written, region)
    if not candidates:
        return None
    # Networks write the whole number behind a plus, also those of documentation, such as +1 555 0100.
    return _key(candidates[0]) if _has_plus(written) or _has_area(candidates[0]) else None


def phone_number_hint(text: str, region: str) -> str | None:
    """Returns what to do about an invalid number, or None if there is no better hint than the general one."""
    if _POWER_OF_TEN.fullmatch(_visible(text)) and _without_notation(text) is None:
        return "a spreadsheet has rounded it, so its last digits are lost; format the column as text first"
    if not region and not _visible(text).startswith("+") and sum(map(str.isdigit, text)) > 1:
        return (
            "it has no country code, and no country is set: write it like +44 20 7946 0958,"
            " or set DefaultRegion (DEFAULT_REGION at home)"
        )
    return None


def whatsapp_form(text: str) -> str:
    """Returns WhatsApp's own notation of a number with a plus, which it often omits."""
    digits = text.strip()
    return f"+{digits}" if re.fullmatch(r"[1-9][0-9]{6,14}", digits) and _parsed(f"+{digits}", "") else text


def _visible(text: str) -> str:
    """Returns the text without the marks of direction and width that are copied with a number."""
    return "".join(char for char in text if unicodedata.category(char) != "Cf").strip()


def _without_notation(text: str) -> str | None:
    """Returns the number in a link or in a spreadsheet's cell, or any other text unchanged.

    Returns None if a spreadsheet has rounded the number.
    """
    text = _SCHEME.sub("", _visible(text), count=1)
    if match := _WHATSAPP_LINK.fullmatch(text) or _WHATSAPP_ID.fullmatch(text):
        return f"+{match[1]}"
    if match := _FRACTION.fullmatch(text):
        return match[1]
    if match := _POWER_OF_TEN.fullmatch(text):
        digits = match[1] + (match[2] or "")
        return digits if len(digits) == int(match[3]) + 1 else None
    return text


def _candidates(text: str, region: str) -> list["PhoneNumber"]:
    """Returns the possible meanings of a text, the best first.

    Without a plus, a number is either one of the region or has its country code after all, as WhatsApp and
    spreadsheets write it. A mobile number is preferred, then a valid one, then the number of the region. Only
    a number that begins with the region's own country code is more likely to have that code.
    """
    national = _parsed(text, region)
    if _has_plus(text) or not region:
        return [national] if national else []
    digits = re.sub(r"[\s().\-/]", "", text)
    if re.fullmatch(r"00[1-9][0-9]{6,14}", digits):
        # The prefix of international numbers in most countries, but not in every region.
        candidates = [national, _parsed(f"+{digits[2:]}", region)]
    elif re.fullmatch(r"[1-9][0-9]{6,14}", digits):
        international = _parsed(f"+{digits}", region)
        candidates = [national, international]
        if international and _is_of(region, international):
            candidates.reverse()
    else:
        candidates = [national]
    return sorted(filter(None, candidates), key=_likelihood, reverse=True)


def _has_plus(text: str) -> bool:
    return text.startswith(("+", "\uff0b"))


def _is_of(region: str, number: "PhoneNumber") -> bool:
    import phonenumbers  # noqa: PLC0415 - see _parsed

    return phonenumbers.country_code_for_region(region) == number.country_code


def _has_area(number: "PhoneNumber") -> bool:
    """Returns False if an invalid number is so short that it can only be dialled within its area.

    In some countries, services such as call centers have numbers as short as that, which are valid.
    """
    import phonenumbers  # noqa: PLC0415 - see _parsed

    if _likelihood(number):
        return True
    present = phonenumbers.parse(_key(number))
    types = phonenumbers.PhoneNumberType
    lengths = {
        phonenumbers.is_possible_number_for_type_with_reason(present, kind)
        for kind in (types.FIXED_LINE, types.MOBILE)
    }
    results = phonenumbers.ValidationResult
    return results.IS_POSSIBLE in lengths or results.IS_POSSIBLE_LOCAL_ONLY not in lengths


def _likelihood(number: "PhoneNumber") -> int:
    """Returns 2 for a mobile number, 1 for another valid number, and 0 for a possible one."""
    import phonenumbers  # noqa: PLC0415 - see _parsed

    present = phonenumbers.parse(_key(number))
    types = phonenumbers.PhoneNumberType
    kind = phonenumbers.number_type(present)
    if kind in {types.MOBILE, types.FIXED_LINE_OR_MOBILE}:
        return 2
    return int(kind != types.UNKNOWN)


def _parsed(text: str, region: str) -> "PhoneNumber | None":
    """Returns the number that the text has, or None if no such number is possible.

    An earlier form of a number is tested in its present form.
    """
    import phonenumbers  # noqa: PLC0415 - 100 ms of a cold start, and most invocations never need it

    try:
        number = phonenumbers.parse(text, region or None)
    except phonenumbers.NumberParseException:
        return None
    return number if phonenumbers.is_possible_number(phonenumbers.parse(_key(number))) else None


def _key(number: "PhoneNumber") -> str:
    """Returns the number in E.164, in the present form of its country's numbering plan."""
    import phonenumbers  # noqa: PLC0415 - see _parsed

    national = phonenumbers.national_significant_number(number)
    present_form = _PRESENT_FORMS.get(number.country_code or 0)
    present = present_form(national) if present_form else None
    if present and present != national:
        changed = f"+{number.country_code}{present}"
        if phonenumbers.is_valid_number(phonenumbers.parse(changed)):
            return changed
    return f"+{number.country_code}{national}"


def _argentina(national: str) -> str | None:
    """Returns a mobile number without its token 9, which callers from abroad and WhatsApp insert."""
    return national[1:] if re.fullmatch(r"9\d{10}", national) else None


def _benin(national: str) -> str | None:
    """Returns a number of 8 digits with the 01 that every number has had since 2024."""
    return f"01{national}" if len(national) == 8 else None


def _brazil(national: str) -> str | None:
    """Returns a mobile number of 8 digits after the area with the 9 that every one has had since 2016.

    WhatsApp knows older accounts without it. Fixed lines begin with 2 to 5.
    """
    return f"{national[:2]}9{national[2:]}" if re.fullmatch(r"\d\d[6-9]\d{7}", national) else None


def _cameroon(national: str) -> str | None:
    """Returns a mobile number of 8 digits with the 6 that every one has had since 2014."""
    return f"6{national}" if re.fullmatch(r"[5-9]\d{7}", national) else None


def _ivory_coast(national: str) -> str | None:
    """Returns a mobile number of 8 digits with the prefix of its operator, which the second digit shows.

    Numbers have had 10 digits since 2021.
    """
    if not re.fullmatch(r"[04-9]\d{7}", national):
        return None
    return f"{'01' if national[1] < '4' else '05' if national[1] < '7' else '07'}{national}"


def _mexico(national: str) -> str | None:
    """Returns a number without the 1 of mobile numbers, and without 01, 044 and 045, all abolished in 2019.

    WhatsApp still knows accounts with the 1.
    """
    match = re.fullmatch(r"(?:1|01|044|045)(\d{10})", national)
    return match[1] if match else None


_PRESENT_FORMS: Mapping[int, Callable[[str], str | None]] = {
    52: _mexico,
    54: _argentina,
    55: _brazil,
    225: _ivory_coast,
    229: _benin,
    237: _cameroon,
}
"""The present form of a national number by country code, or None if the number is not an earlier form."""
