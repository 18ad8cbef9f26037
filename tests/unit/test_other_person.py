"""The picture of a single chat is never the owner's, and a bot's only if there is nobody else."""

from dataclasses import replace

import pytest

from imagecache.model.chat import Participant
from imagecache.rules.image_choice import other_person
from imagecache.sources.beeper.chats import parse_chat
from tests.recorded_answers import recorded

CHAT = parse_chat(recorded("list_of_a_new_server")["items"][0])
ADA = next(one for one in CHAT.participants if one.full_name == "Ada Example")
ME = next(one for one in CHAT.participants if one.is_self)

BOTS = [
    replace(ADA, participant_id="@bot", full_name="Helper", username="helper", is_network_bot=True),
    replace(ADA, participant_id="@bot", full_name="Meta AI"),
    replace(ADA, participant_id="@bot", full_name="Ask META AI anything"),
    replace(ADA, participant_id="@bot", full_name=None, username="meta.ai"),
]


@pytest.mark.parametrize("bot", BOTS, ids=lambda bot: bot.full_name or bot.username)
def test_a_bot_is_never_the_other_person_while_there_is_one(bot: Participant) -> None:
    for people in ((bot, ME, ADA), (ADA, bot, ME), (ME, bot, ADA)):
        assert other_person(replace(CHAT, participants=people)) == ADA


@pytest.mark.parametrize("bot", BOTS, ids=lambda bot: bot.full_name or bot.username)
def test_a_chat_with_a_bot_alone_shows_the_bot(bot: Participant) -> None:
    assert other_person(replace(CHAT, participants=(ME, bot))) == bot


def test_a_note_to_self_shows_nobody() -> None:
    assert other_person(replace(CHAT, participants=(ME,))) is None


def test_the_bot_that_a_recorded_chat_lists_first_is_passed_over() -> None:
    assert CHAT.participants[0].is_network_bot
    assert other_person(CHAT) == ADA
