"""Pictures that Beeper does not serve, among others that it does."""

from demo.chats import Chat, Person
from demo.faults import Mode
from demo.media import Media, Picture
from demo.people import WHATSAPP
from tests.end_to_end.api.conftest import Running
from tests.end_to_end.conftest import wait_until

BAD = (
    *(Mode.HTML, Mode.EMPTY, Mode.ENDLESS, Mode.SLOW, Mode.DRIP),
    *(Mode.TRUNCATED, Mode.WRONG_LENGTH, Mode.TUNNEL_DOWN, Mode.OFFLINE, Mode.ASSET_ERROR),
)


def test_every_picture_that_beeper_serves_is_cached_although_ten_others_are_bad(running: Running) -> None:
    media = [Media("local.beeper.com", f"alex_{number:02}") for number in range(30)]
    bad = dict(zip(media[::3], BAD, strict=True))
    for picture, mode in bad.items():
        running.demo.faults.set(mode, seconds=60.0, images=[picture.key])
    people = tuple(
        Person(f"@{picture.media_id}:local.beeper.com", picture=Picture.remote(picture)) for picture in media
    )
    running.demo.account.add_chat(Chat("!bad", "local:!bad", WHATSAPP, "Bad pictures", True, people))
    running.demo.account.receive_message("!bad", "Hello!")
    assert running.api.sync()["result"]["outcome"] == "ok"

    good = [picture.mxc_url for picture in media if picture not in bad]

    def are_cached() -> bool:
        images = running.api.post("/api/images/lookup", sourceUrls=good)["images"]
        return {image["status"] for image in images.values()} == {"cached"}

    wait_until(are_cached, what="every good picture is cached")
    for picture in bad:
        story = running.api.post("/api/images/explain", sourceUrl=picture.mxc_url)
        assert (story["image"]["status"] != "cached", story["closedOrigins"]) == (True, [])
    running.demo.faults.set(Mode.NONE)
    for picture in bad:
        running.api.post("/api/images/forget", sourceUrl=picture.mxc_url)
