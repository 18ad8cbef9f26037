"""Source URLs: an image has one key in every form of URL, and each scheme has one meaning."""

import base64
import hashlib
import json
import re
from pathlib import Path
from random import Random
from urllib.parse import quote, quote_plus, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagecache.api.story import story_json
from imagecache.errors import RejectedSourceError
from imagecache.model.image import ImageRef, LocationKind, RejectionReason
from imagecache.rules.failure_reasons import REJECTIONS
from imagecache.rules.source_urls import (
    SCHEMES,
    MediaLocation,
    StorableSource,
    image_key,
    image_ref,
    is_on_disk,
    location_kind,
    may_change,
    parse_source_url,
    storable_source,
    storable_url,
)
from imagecache.usecases.reading.explain_image import ImageStory
from imagecache_cli import contacts, explanations

ROOT = Path(__file__).parents[2]
VECTORS = json.loads((ROOT / "tests" / "vectors" / "image_keys.json").read_text())
OUTSIDE_BEEPER = [scheme for scheme in SCHEMES if location_kind(f"{scheme}:") is not LocationKind.BEEPER]


def glossary_row(term: str) -> str:
    [row] = re.findall(rf"^\| {term} \|.+$", (ROOT / "docs" / "glossary.md").read_text(), re.MULTILINE)
    return str(row)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_scheme_has_an_example_and_is_named_in_the_glossary(scheme: str) -> None:
    assert scheme in {case["sourceUrl"].partition(":")[0].lower() for case in VECTORS["accepted"]}
    assert scheme in glossary_row("source URL")


@pytest.mark.parametrize("scheme", OUTSIDE_BEEPER)
def test_every_scheme_that_people_write_themselves_is_named_to_them(scheme: str) -> None:
    """The texts for people call all others Beeper's own."""
    assert scheme in REJECTIONS[RejectionReason.UNSUPPORTED_SCHEME]
    assert scheme in explanations.FAILURES["unsupported_scheme"].text
    assert scheme in contacts.HELP_ON_IMAGE


@pytest.mark.parametrize("kind", [kind for kind in LocationKind if kind is not LocationKind.REJECTED])
def test_every_kind_of_location_has_a_scheme_and_a_sentence_for_people(kind: LocationKind) -> None:
    assert kind in {location_kind(f"{scheme}:") for scheme in SCHEMES}
    story = ImageStory(kind, None, None, None, [], more_shown_by=False, contacts=[])
    sentence = story_json(story, "", now=0, base_url="")["summary"][0]
    assert sentence.startswith("It is ")


@pytest.mark.parametrize("case", VECTORS["accepted"], ids=lambda case: case["sourceUrl"])
def test_every_known_form_has_the_key_of_its_image(case: dict[str, str]) -> None:
    assert image_key(case["sourceUrl"]) == case["imageKey"]


@pytest.mark.parametrize("url", VECTORS["rejected"], ids=repr)
def test_a_url_outside_these_forms_has_no_key(url: str) -> None:
    with pytest.raises(RejectedSourceError):
        image_key(url)


@pytest.mark.parametrize(
    "url",
    [
        "file:///u/media/beeper.com/a%5Cb",
        "file:///u/media/beeper.com/a%252eb",
        "file:///u/media/beeper.com/%252e%252e",
        "file:///u/media/beeper.com/..",
        "file:///u/media/beeper.com/a/b",
        "file:///u/media/beeper.com/%ff",
        "file:///u/media/../x",
        "mxc://beeper.com/a\nb",
        "mxc:beeper.com/a",
        "mxc:///a",
        "https://user:secret@example.com/a.jpg",
        "https://:443/a.jpg",
        "https://exa mple.com:port/",
        "data:image/png;base64,###",
        "data:nothing",
        "avatar.png",
        "\ud800",
        "mxc://beeper.com/\ud800",
    ],
    ids=ascii,
)
def test_malformed_urls_are_rejected_as_such(url: str) -> None:
    with pytest.raises(RejectedSourceError) as caught:
        image_key(url)
    assert caught.value.reason is RejectionReason.MALFORMED


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/a.jpg",
        "ftp://beeper.com/x",
        "C:media/a/b",
        "blob:x",
        "https://attacker.example/v1/assets/serve?url=https://attacker.example/a.jpg",
    ],
)
def test_schemes_that_are_never_fetched_are_named(url: str) -> None:
    with pytest.raises(RejectedSourceError) as caught:
        image_key(url)
    assert caught.value.reason is RejectionReason.UNSUPPORTED_SCHEME


def test_a_web_url_is_normalised_without_a_change_of_its_meaning() -> None:
    assert image_key("HTTPS://Example.COM:443/A%20b?Q=1#face") == "https://example.com/A%20b?Q=1"
    assert image_key("https://example.com") == "https://example.com/"
    assert image_key("https://example.com:8443/a") == "https://example.com:8443/a"


SHARP_S = "https://xn--fa-hia.example/"


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("https://fa\u00df.example", SHARP_S),
        ("https://Fa\u1e9e.EXAMPLE.", SHARP_S),
        ("https://fa%C3%9F.example./", SHARP_S),
        ("https://xn--fa-hia.example", SHARP_S),
        ("https://XN--FA-HIA.Example.:443", SHARP_S),
        ("https://fa\u00df\u3002example\uff61/", SHARP_S),
        ("https://fa\u00ad\u00df.example", SHARP_S),
        ("https://fass.example", "https://fass.example/"),
        ("https://\u03b2\u03cc\u03bb\u03bf\u03c2.com", "https://xn--nxasmm1c.com/"),
        ("https://\u0392\u038c\u039b\u039f\u03a3.com", "https://xn--nxasmq6b.com/"),
        ("https://mu\u0308ller.example", "https://xn--mller-kva.example/"),
        ("https://M\u00dcLLER.example", "https://xn--mller-kva.example/"),
        ("https://\u0646\u0627\u0645\u0647\u200c\u0627\u06cc.com", "https://xn--mgba3gch31f060k.com/"),
        ("https://\u65e5\u672c\u8a9e\u3002\uff2a\uff30/", "https://xn--wgv71a119e.jp/"),
        ("https://\u2615.example", "https://xn--53h.example/"),
        ("https://my_bucket.example./a", "https://my_bucket.example/a"),
        ("https://r3---sn-x.example", "https://r3---sn-x.example/"),
        ("https://-a-.example", "https://-a-.example/"),
        ("https://m\u00fc_b.example", "https://xn--m_b-hoa.example/"),
        ("https://HOST.:8443/A", "https://host:8443/A"),
        ("https://a%62c.example", "https://abc.example/"),
        ("https://\uff11\uff12\uff17.0.0.1", "https://127.0.0.1/"),
    ],
    ids=ascii,
)
def test_every_spelling_of_a_host_has_one_key_which_is_that_of_browsers(url: str, key: str) -> None:
    assert image_key(url) == key
    assert image_key(key) == key


@pytest.mark.parametrize(
    "host",
    [
        "host..",
        ".",
        "..",
        "a..b",
        ".a",
        "\u3002",
        "\u00ad",
        "a" * 64,
        "\u00fc" * 64,
        ".".join(["a" * 60] * 5),
        "\u0301a.example",
        "a\u200cb.example",
        "\u05d0a\u05d1.example",
        "a\ufffd.example",
        "a%2fb",
        "a%40b",
        "a%00b",
        "a%5Cb",
        "a\\b",
        "a|b",
        "a%",
        "a%ff",
        "a\uff05b",
        "a\u2100b",
    ],
    ids=ascii,
)
def test_a_host_that_no_browser_accepts_or_no_name_server_has_is_malformed(host: str) -> None:
    assert image_ref(f"https://{host}/a") == ImageRef(None, RejectionReason.MALFORMED)


def test_a_path_is_part_of_the_key_as_it_is_written() -> None:
    for path in ("/a%2fb|c", "/a%2Fb%7Cc", "/a/../b", "/a b", "/a%20b", "/\u00fc", "/%C3%BC"):
        assert image_key(f"https://example.com{path}") == f"https://example.com{path}"


def test_a_web_url_too_long_for_a_key_is_hashed() -> None:
    key = image_key("https://example.com/" + "a" * 3000)
    assert key.startswith("https:sha256:")
    assert len(key) == len("https:sha256:") + 64


def test_a_data_url_is_known_by_its_content() -> None:
    encoded = base64.b64encode(b"picture").decode()
    assert image_key(f"data:image/png;base64,{encoded}") == image_key("data:,picture")
    assert image_key("data:,picture") != image_key("data:,Picture")


PICTURE_KEY = "data:sha256:" + hashlib.sha256(b"picture?").hexdigest()  # cGljdHVyZT8=


@pytest.mark.parametrize(
    "url",
    [
        "data:image/png;base64,cGljdHVyZT8=",
        "data:image/png;base64,cGljdHVyZT8",
        "data:image/png;base64,cGlj dHVy\nZT8=",
        "data:image/png;base64,\r\n  cGlj\tdHVy\r\nZT8=\r\n",
        "data:image/png;base64,cGlj%0AdHVy%0d%0aZT8=%20",
        "data:image/png;base64,cGljdHVyZT8%3D",
        "data:image/png;base64,%63GljdHVyZT8%3d",
        "data:image/png; base64,cGljdHVyZT8=",
        "data:image/png;   BASE64  ,cGljdHVyZT8=",
        "data:image/png;\nbase64,cGljdHVyZT8=",
        "data: image/png ;Base64,cGljdHVyZT8=",
        "data:image/png;charset=utf-8;base64,cGljdHVyZT8=",
        "DATA:;base64,cGljdHVyZT8=",
        "data:;base64,cGljdHVyZT9=",  # the last bits, which are no byte, do not count
        "data:image/png;base64,cGljdHVyZT8=#fragment",
        "data:image/png;base64,cGljdHVyZT8=\n",
        "data:image/png;base64,cGljdHVyZT8\x0c=",
        " \n data:image/png;base64,cGljdHVyZT8=",
        "data:,picture%3F",
        "data:text/plain;base64;charset=utf-8,picture?",
        "data:,picture?#fragment",
    ],
    ids=ascii,
)
def test_a_data_url_is_read_as_browsers_read_it(url: str) -> None:
    assert image_key(url) == PICTURE_KEY


@pytest.mark.parametrize(
    "url",
    [
        "data:;base64,cGljdHVyZT8==",
        "data:;base64,cGljdHVyZT8===",
        "data:;base64,c=GljdHVyZT8",
        "data:;base64,cGljd",
        "data:;base64,cGlj-_8=",
        "data:;base64,cGlj*dHVy",
        "data:;base64,cGlj\u00a0dHVy",
        "data:;base64,cGlj%00dHVy",
        "data:;base64,=",
        "data:;base64,====",
        "data:;base64,",
        "data:;base64",
    ],
    ids=ascii,
)
def test_base64_that_no_browser_reads_is_malformed(url: str) -> None:
    assert image_ref(url) == ImageRef(None, RejectionReason.MALFORMED)


@given(st.binary(min_size=1), st.randoms(use_true_random=False), st.booleans(), st.booleans())
def test_blanks_escapes_and_missing_padding_do_not_change_a_data_url(
    content: bytes, random: Random, is_padded: bool, is_escaped: bool
) -> None:
    encoded = base64.b64encode(content).decode()
    written = encoded if is_padded else encoded.rstrip("=")
    if is_escaped:
        written = "".join(f"%{ord(digit):02x}" for digit in written)
        blanks = ["", "", "%0A", "%0d", "%09", "%20", "%0c"]
        parts = [written[at : at + 3] for at in range(0, len(written), 3)]
    else:
        blanks = ["", "", " ", "\n", "\r\n", "\t"]
        parts = list(written)
    url = "data:image/png;base64," + "".join(part + random.choice(blanks) for part in parts)
    assert image_key(url) == image_key(f"data:;base64,{encoded}")


def test_a_data_url_above_64_kb_is_refused() -> None:
    with pytest.raises(RejectedSourceError) as caught:
        image_key("data:," + "a" * 64 * 1024)
    assert caught.value.reason is RejectionReason.TOO_LONG


def test_a_bare_path_is_not_percent_encoded() -> None:
    source = parse_source_url("/u/media/beeper.com/100%x y")
    assert isinstance(source, MediaLocation)
    assert source.key == "beeper.com/100%x y"
    assert source.url == "file:///u/media/beeper.com/100%25x%20y"


@pytest.mark.parametrize(
    ("url", "handed_to_beeper"),
    [
        ("C:\\Users\\Al x\\media\\beeper.com\\a#b", "file:///C:/Users/Al%20x/media/beeper.com/a%23b"),
        ("file://C:\\u\\media\\beeper.com\\a%23b", "file:///C:/u/media/beeper.com/a%23b"),
        ("FILE://localhost/u/media/beeper.com/a%23b", "file:///u/media/beeper.com/a%23b"),
        ("file:///u/media/beeper.com/a?x#y", "file:///u/media/beeper.com/a"),
        ("/u/BeeperTexts/local-a/attachments/b c", "file:///u/BeeperTexts/local-a/attachments/b%20c"),
        ("http://h/v1/assets/serve?url=mxc%3A%2F%2Fs%2Fa%2523b", "mxc://s/a%23b"),
        ("https://h/v1/assets/serve?uri=%2Fu%2Fmedia%2Fs%2Fa%2Bb+c", "file:///u/media/s/a%2Bb%20c"),
    ],
)
def test_beeper_is_given_a_url_of_its_own_schemes(url: str, handed_to_beeper: str) -> None:
    source = parse_source_url(url)
    assert isinstance(source, MediaLocation)
    assert source.url == handed_to_beeper
    assert image_key(source.url) == source.key


@pytest.mark.parametrize(
    "url",
    [
        "/v1/assets/serve?url=mxc%3A%2F%2Fs%2Fid",
        "/v1/assets/serve?url=file:///x/media/s/id",
        "https://h/v1/assets/serve?url=mxc://s/id&uri=mxc://s/id",
        "https://h/v1/assets/serve?url=%20mxc://s/id",
    ],
)
def test_a_url_of_assets_serve_may_be_relative_and_may_repeat_the_url_inside(url: str) -> None:
    assert storable_source(url).image == ImageRef("s/id")
    assert storable_url(url) in {"mxc://s/id", "file:///x/media/s/id"}


def test_a_plus_sign_in_the_mxc_url_of_assets_serve_is_not_a_blank() -> None:
    assert image_key("https://h/v1/assets/serve?url=mxc://s/a+b") == "s/a+b"


@pytest.mark.parametrize("query", ["x=1;url=mxc://s/id", "url[]=mxc://s/id", "url=mxc://s/a&url=mxc://s/b"])
def test_a_url_of_assets_serve_whose_url_inside_is_not_certain_is_not_fetched(query: str) -> None:
    assert image_ref(f"https://h/v1/assets/serve?{query}").rejected is RejectionReason.UNSUPPORTED_SCHEME


def test_a_path_of_assets_serve_without_a_media_url_is_an_address_on_the_web() -> None:
    assert image_key("https://example.com/v1/assets/serve?id=3") == "https://example.com/v1/assets/serve?id=3"


@pytest.mark.parametrize(
    ("inside", "kind", "on_disk"),
    [
        ("mxc%3A%2F%2Fs%2Fa", LocationKind.BEEPER, False),
        ("file%3A%2F%2F%2Fu%2Fmedia%2Fs%2Fa", LocationKind.BEEPER, True),
        ("https%3A%2F%2Fexample.com%2Fa", LocationKind.REJECTED, False),
    ],
)
def test_a_url_of_assets_serve_has_the_meaning_of_the_url_inside(
    inside: str, kind: LocationKind, on_disk: bool
) -> None:
    url = f"https://laptop.example/v1/assets/serve?url={inside}"
    assert (location_kind(url), is_on_disk(url), may_change(url)) == (kind, on_disk, False)


@given(st.text(min_size=1))
def test_every_form_of_a_picture_has_the_same_key(media_id: str) -> None:
    key = f"beeper.com/{media_id}"
    if image_ref(f"/u/media/{key}").key != key:
        return
    mxc = f"mxc://beeper.com/{quote(media_id, safe='')}"
    assert key == image_key(mxc)
    assert key == image_key(f"http://h/v1/assets/serve?url={quote(mxc, safe='')}")
    assert key == image_key(f"https://h/v1/assets/serve?uri={quote_plus(f'/u/media/beeper.com/{media_id}')}")
    assert key == image_key(f"file://localhost/u/media/beeper.com/{quote(media_id, safe='')}")
    assert key == image_key(f"C:\\u\\media\\beeper.com\\{media_id}")


def test_a_url_names_an_image_or_the_reason_why_not() -> None:
    assert image_ref("mxc://beeper.com/a") == ImageRef("beeper.com/a")
    assert image_ref("ftp://beeper.com/a") == ImageRef(None, RejectionReason.UNSUPPORTED_SCHEME)


@pytest.mark.parametrize(
    ("url", "kind", "on_disk", "changes"),
    [
        ("mxc://beeper.com/a", LocationKind.BEEPER, False, False),
        ("LOCALMXC://whatsapp/a", LocationKind.BEEPER, False, False),
        ("File:///u/media/beeper.com/a", LocationKind.BEEPER, True, False),
        ("/u/media/beeper.com/a", LocationKind.BEEPER, True, False),
        ("C:\\u\\media\\beeper.com\\a", LocationKind.BEEPER, True, False),
        ("HTTPS://example.com/a", LocationKind.WEB, False, True),
        ("data:,a", LocationKind.DATA, False, False),
        ("ftp://example.com/a", LocationKind.REJECTED, False, False),
        ("avatar.png", LocationKind.REJECTED, False, False),
        ("", LocationKind.REJECTED, False, False),
    ],
)
def test_each_scheme_has_one_meaning(url: str, kind: LocationKind, on_disk: bool, changes: bool) -> None:
    assert (location_kind(url), is_on_disk(url), may_change(url)) == (kind, on_disk, changes)


def test_key_material_is_not_stored() -> None:
    assert storable_url("mxc://beeper.com/a?encryptedFileInfoJSON=%7B%7D") == "mxc://beeper.com/a"
    assert storable_url("https://example.com/a?size=1") == "https://example.com/a?size=1"
    served = "http://h/v1/assets/serve?url=mxc%3A%2F%2Fs%2Fa%3FencryptedFileInfoJSON%3D%257B%257D"
    assert storable_url(served) == "mxc://s/a"


@given(st.text() | st.text().map("file:///u/media/beeper.com/{}".format) | st.text().map("mxc://{}".format))
def test_any_text_has_a_key_that_fits_or_is_rejected(text: str) -> None:
    try:
        key = image_key(text)
    except RejectedSourceError:
        return
    assert 0 < len(key.encode()) <= 2048


@given(st.text(min_size=1))
def test_a_request_path_decodes_to_the_key_exactly_once(media_id: str) -> None:
    try:
        source = parse_source_url("/u/media/beeper.com/" + media_id)
    except RejectedSourceError:
        return
    assert isinstance(source, MediaLocation)
    assert source.path.isascii()
    assert unquote(source.path) == source.key


def test_what_is_stored_of_a_source_url_says_why_it_is_never_fetched() -> None:
    fetched = storable_source("mxc://beeper.com/a?encryptedFileInfoJSON=%7B%7D")
    assert fetched == StorableSource("mxc://beeper.com/a", ImageRef("beeper.com/a"))
    assert fetched.rejection is None
    rejected = storable_source("ftp://beeper.com/a")
    assert rejected.source_url == "ftp://beeper.com/a"
    assert rejected.rejection == REJECTIONS[RejectionReason.UNSUPPORTED_SCHEME]
