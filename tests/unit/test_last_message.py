"""The line below a chat's name is the newest message, as plain text or in a word."""

import html
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagecache.rules.last_message import plain_text
from imagecache.sources.beeper.chats import parse_chat

ADA = {"id": "@ada:beeper.local", "fullName": "Ada Lovelace"}
BO = {"id": "@bo:beeper.local", "fullName": "+49 170 1234567"}
ME = {"id": "@me:beeper.local", "fullName": "Alex Doe", "isSelf": True}


def line(preview: Any, chat_type: str = "single") -> str | None:
    roster = {"items": [ME, ADA, BO], "hasMore": False, "total": 3}
    chat = {"id": "!chat:beeper.local", "type": chat_type, "participants": roster, "preview": preview}
    return parse_chat(chat).last_message


@pytest.mark.parametrize(
    ("matrix_html", "shown"),
    [
        ("see <strong>you</strong> at <em>nine</em>", "see you at nine"),
        ("one<br>two<br/>three", "one two three"),
        ("<p>one</p><p>two</p>", "one two"),
        ("<ul><li>milk</li><li>eggs</li></ul>", "milk eggs"),
        ("<h1>News</h1><blockquote>quoted</blockquote>new", "News quoted new"),
        ("<table><tr><td>a</td><td>b</td></tr></table>", "a b"),
        ('<a href="https://matrix.to/#/@ada:beeper.local">Ada</a>: yes', "Ada: yes"),
        ("fish &amp; chips &lt; 5 &euro; &#128077;", "fish & chips < 5 € 👍"),
        ("&amp;lt;b&amp;gt;", "&lt;b&gt;"),
        ("write &lt;b&gt;bold&lt;/b&gt;", "write <b>bold</b>"),
        ("un<b>believ</b>able", "unbelievable"),
        ('<img data-mx-emoticon src="mxc://a/b" alt=":blob:" height="32"> hi', ":blob: hi"),
        ('<img src=x onerror="alert(1)">look', "look"),
        ("<script>alert(1)</script><style>b{}</style>look<!-- away -->", "look"),
        ("<svg><title><b>x</b></title></svg><iframe><b>x</b></iframe><xmp><b>x</b></xmp>look", "look"),
        ("<x-unknown onclick='alert(1)'>look</x-unknown>", "look"),
        ("look<br><img src=x onerror=alert(1)", "look"),
        ("  a\n\tb\u00a0c&nbsp;d\u2028e  ", "a b c d e"),
        ("a\x00b\x1b[31mc\x9fd&#7;", "ab [31mc d"),
        ("\u202eevil\u202c \u2066x\u2069", "evil x"),
    ],
)
def test_preview_text_is_html_and_is_shown_as_text(matrix_html: str, shown: str) -> None:
    assert line({"type": "TEXT", "text": matrix_html}) == shown


def test_preview_text_that_quotes_a_message_in_a_reply_is_shown_without_the_quotation() -> None:
    quotation = (
        "<mx-reply><blockquote>In reply to <a href='#'>Bo</a><br>the <b>secret</b></blockquote></mx-reply>"
    )
    assert line({"text": f"{quotation}the answer"}) == "the answer"
    assert line({"text": f"{quotation}<p>the answer</p>"}) == "the answer"
    assert line({"text": "<mx-reply>never closed"}) is None


@pytest.mark.parametrize(
    ("around", "inside"),
    [
        ("p", "<blockquote>secret</blockquote>"),
        ("p", "<p>secret</p>"),
        ("a href='x'", "<a href='y'>secret</a>"),
        ("ul><li", "<li>secret</li>"),
        ("h1", "<h2>secret</h2>"),
        ("table", "<tr><td>secret</td></tr>"),
        ("button", "<button>secret</button>"),
        ("nobr", "<nobr>secret</nobr>"),
        ("svg", "<p>secret</p>"),
        ("b", "<mx-reply>x</mx-reply>secret"),
        ("b", "x" * 20_000),
    ],
)
def test_preview_text_shows_nothing_of_a_quotation_inside_another_element(around: str, inside: str) -> None:
    assert line({"text": f"<{around}><mx-reply>{inside}</mx-reply><p>the answer"}) == "the answer"


@pytest.mark.parametrize("reason", ["", '=""', '="the &quot;end>"'])
def test_preview_text_hides_spoilers(reason: str) -> None:
    spoiler = f"<span data-mx-spoiler{reason}>the <span>butler</span> <b>did</b> it</span>"
    assert line({"text": f"<span>I th</span>ink {spoiler}, <span>sorry</span>"}) == "I think [Spoiler], sorry"
    assert line({"text": f"<p>{spoiler}</p><span data-mx-spoiler>never closed"}) == "[Spoiler] [Spoiler]"


@pytest.mark.parametrize("quotation", ["> <@ada:x.org> secret", "> * <@ada:x.org> se\n> \n> cret"])
def test_preview_text_of_a_plain_reply_is_shown_without_the_quotation(quotation: str) -> None:
    assert line({"text": f"{quotation}\n\nthe > answer"}) == "the > answer"
    assert line({"text": quotation}) is None


@pytest.mark.parametrize(
    "text",
    [
        "I <3 you",
        "a < b && c > d",
        "if x<y then y>z",
        "if a<b && c>d",
        "> 5 or <@home>",
        "AT&T; R&D & more",
        "https://example.com/?a=1&copy=2&lt=3",
        "Ada <ada@example.com>",
        "see <https://example.com/?q=a>",
        "git clone <repo> && make",
        "<3",
        "a <b",
        "{curly}",
        '{"text": 5}',
    ],
)
def test_preview_text_of_old_servers_is_plain_and_kept_as_it_is(text: str) -> None:
    assert line({"text": text}) == text


def test_preview_text_of_old_servers_may_be_json_with_formats() -> None:
    text = '{"text": "see <b> &amp; you \\ud800", "textEntities": [{"from": 0, "to": 3, "bold": true}]}'
    assert line({"text": text}) == "see <b> &amp; you ?"


def test_preview_text_is_cut() -> None:
    assert line({"text": "<b>" + "x" * 70_000 + "</b>"}) == "x" * 1000


@pytest.mark.parametrize("kind", ["isDeleted", "isHidden"])
def test_preview_is_deleted_or_is_hidden_and_nothing_of_it_is_shown(kind: str) -> None:
    message = {"type": "TEXT", "text": "secret", "attachments": [{"type": "img"}]}
    for value in (False, None, 0, "false"):
        assert line(message | {kind: value}) == "secret"
    for hiding in (True, 1, "true", "yes", 2, [1]):
        assert line(message | {kind: hiding}) is None
    assert line(message | {kind: True}, "group") is None


def test_preview_type_reaction_is_not_shown() -> None:
    assert line({"type": "REACTION", "text": "👍", "senderName": "Ada"}, "group") is None
    assert line({"type": "TEXT", "text": "{{sender}} reacted 👍", "senderName": "Ada"}, "group") is None


@pytest.mark.parametrize(
    ("message_type", "attachment", "word"),
    [
        ("IMAGE", {"type": "img"}, "Photo"),
        ("IMAGE", {"type": "img", "isGif": True}, "GIF"),
        ("IMAGE", None, "Photo"),
        ("VIDEO", {"type": "video"}, "Video"),
        ("VIDEO", {"type": "video", "isGif": True}, "GIF"),
        ("VOICE", {"type": "audio"}, "Voice message"),
        ("AUDIO", {"type": "audio"}, "Audio"),
        ("AUDIO", {"type": "audio", "isVoiceNote": True}, "Voice message"),
        ("FILE", {"type": "unknown", "fileName": "to do.pdf"}, "File to do.pdf"),
        ("FILE", {"type": "img", "fileName": "a\nb.png"}, "File a b.png"),
        ("FILE", None, "File"),
        ("STICKER", {"type": "img", "fileName": "x.webp"}, "Sticker"),
        ("LOCATION", {"type": "img"}, "Location"),
        ("image", {"type": "img"}, "Photo"),
        (None, {"type": "img"}, "Photo"),
        (None, {"type": "video"}, "Video"),
        (None, {"type": "audio"}, "Audio"),
        (None, {"type": "audio", "isVoiceNote": True}, "Voice message"),
        (None, {"type": "img", "isSticker": True}, "Sticker"),
        (None, {"type": "img", "isGif": True}, "GIF"),
        (None, {"type": "unknown", "fileName": "notes.txt"}, "File notes.txt"),
        (None, {}, "File"),
        ("SOMETHING_NEW", {"type": "img"}, "Photo"),
        ("TEXT", None, None),
        (None, None, None),
    ],
)
def test_preview_type_and_attachments_give_a_word_for_a_message_without_text(
    message_type: str | None, attachment: dict[str, object] | None, word: str | None
) -> None:
    attachments = [] if attachment is None else [attachment]
    assert line({"type": message_type, "attachments": attachments}) == word
    assert line({"type": message_type, "attachments": attachments, "text": " <br> "}) == word
    assert line({"type": message_type, "attachments": attachments, "text": "look!"}) == "look!"


def test_preview_text_that_only_repeats_the_name_of_the_file_is_no_caption() -> None:
    photo = {"type": "img", "fileName": "IMG_1.jpg"}
    assert line({"type": "IMAGE", "text": "IMG_1.jpg", "attachments": [photo]}) == "Photo"


def test_preview_fields_of_other_kinds_do_not_change_the_line() -> None:
    message = {"type": "NOTICE", "text": "see you"}
    others = {
        "editedTimestamp": "2026-07-01T12:00:00.000Z",
        "reactions": [{"id": "1", "participantID": "@ada:beeper.local", "reactionKey": "👍"}],
        "mentions": ["@ada:beeper.local"],
        "links": [{"title": "Example", "url": "https://example.com"}],
        "seen": True,
        "sendStatus": {"status": "SUCCESS", "timestamp": "2026-07-01T12:00:00.000Z"},
    }
    assert line(message | others) == "see you"


@pytest.mark.parametrize(
    ("sender", "shown"),
    [
        ({"senderName": "Ada Lovelace"}, "Ada: see you"),
        ({"senderName": "🌻 Ada, Countess"}, "Ada: see you"),
        ({"senderName": "李 雷"}, "李: see you"),
        ({"senderName": "+49 170 1234567"}, "+49 170 1234567: see you"),
        ({"senderName": "a\nb"}, "a: see you"),
        ({"senderID": "@ada:beeper.local"}, "Ada: see you"),
        ({"senderID": "@bo:beeper.local"}, "+49 170 1234567: see you"),
        ({"senderID": "@ada:beeper.local", "senderName": "@ada:beeper.local"}, "Ada: see you"),
        ({"senderID": "@me:beeper.local", "senderName": "Alex Doe"}, "You: see you"),
        ({"senderName": "Alex Doe", "isSender": True}, "You: see you"),
        ({"senderID": "@gone:beeper.local"}, "see you"),
        ({"senderName": "@whatsapp_447700900123:beeper.local"}, "see you"),
        ({}, "see you"),
    ],
)
def test_preview_sender_begins_the_line_in_groups(sender: dict[str, object], shown: str) -> None:
    assert line({"text": "see <b>you</b>", **sender}, "group") == shown
    assert line({"text": "see <b>you</b>", **sender}, "single") == "see you"


def test_preview_sender_begins_a_word_as_well() -> None:
    message = {"type": "IMAGE", "senderName": "Ada", "attachments": [{"type": "img"}]}
    assert line(message, "group") == "Ada: Photo"


@pytest.mark.parametrize(
    "preview",
    [
        None,
        [],
        "text",
        {"text": None},
        {"text": {}},
        {"text": []},
        {"attachments": [None, 5, []]},
        {"type": 7},
    ],
    ids=str,
)
def test_preview_of_another_shape_is_no_line(preview: object) -> None:
    assert line(preview) is None


# Words in lower case are visible, and words in capitals are not.
visible = st.text("abcdefghij ", min_size=1, max_size=8)
hidden = st.text("ABCDEFGHIJ ", max_size=8)
attributes = st.sampled_from(
    ["", " class='A>B'", ' title="A" onclick=ALERT(1)', " A B=C", "/", " data-mx-color=#A"]
)
shown_names = st.sampled_from(
    ["b", "i", "span", "font", "p", "div", "ul", "li", "h1", "del", "x-new", "blockquote"]
)
removed_names = st.sampled_from(
    ["mx-reply", "script", "style", "template", "iframe", "title", "xmp", "noscript"]
)
nodes = st.recursive(
    st.one_of(
        visible,
        st.builds("<!--{}-->".format, hidden),
        st.builds("<{0}{1}>{2}</{0}>".format, removed_names, attributes, hidden),
        st.sampled_from(["<br>", "<hr/>", '<img src="A" onerror="B">', "<wbr>"]),
    ),
    lambda children: st.builds(
        "<{0}{1}>{2}</{0}>".format, shown_names, attributes, st.lists(children, max_size=3).map("".join)
    ),
    max_leaves=8,
)


@given(st.lists(nodes, max_size=3).map("".join))
def test_no_html_keeps_a_tag_and_none_loses_a_text(markup: str) -> None:
    text = plain_text(f"<p>{markup}</p>")
    without_tags = re.sub(r"""<(?:"[^"]*"|'[^']*'|[^>"'])*>""", "", markup)
    assert text.replace(" ", "") == re.sub("[^a-j]", "", without_tags)


FRAGMENTS = (
    *(
        "<b",
        "<a href='",
        '<img alt="',
        "<p>",
        "</p>",
        "</",
        "<!--",
        "-->",
        "<![CDATA[",
        "]]>",
        "<?xml",
        "<br>",
    ),
    *("<svg>", "<math><mtext>", "<foreignObject>", "</svg>", "<table>", "<tr><td>", "<select><option>"),
    *("<title>", "<script>", "</script>", "<style>", "<plaintext>", "<xmp>", "<noscript>", "<iframe>"),
    *("<textarea>", "<template>", "<frameset>", "<mx-reply>", "</mx-reply>", "<!doctype html>", "<repo>"),
    *("=", "'", '"', ">", "/", " ", "\x00", "x"),
)


@given(st.lists(st.sampled_from(FRAGMENTS) | st.characters(), max_size=20).map("".join))
def test_any_text_is_one_line_without_control_characters(text: str) -> None:
    shown = plain_text(text)
    assert len(shown) <= 1000
    assert re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]", shown) is None


@given(st.lists(st.sampled_from(FRAGMENTS), max_size=20).map("".join))
def test_no_broken_html_keeps_the_beginning_of_a_tag(markup: str) -> None:
    assert re.search("<[a-z!?]", plain_text(f"<br>{markup}")) is None


@given(st.text("ab<>&;#\"' =/!-").filter(str.strip))
def test_escaped_text_is_shown_as_it_was_written(text: str) -> None:
    assert plain_text(f"<p>{html.escape(text)}</p>") == " ".join(text.split())


@pytest.mark.parametrize(
    "part",
    [
        "<div>",
        "<b>",
        "<b><p>",
        "<table><td>",
        "<a b",
        "<!--",
        "&amp",
        "<p></div>",
        "<ul><li>",
        "</a",
        "<font><a>",
        '{"a":',
    ],
)
def test_deep_and_long_texts_are_read(part: str) -> None:
    assert len(plain_text("<br>" + part * 100_000)) <= 1000
    assert len(plain_text(part * 100_000)) <= 1000
