"""What a run has printed and logged. Its test ends the run, so this file must be the last one here."""

import pytest

from tests.end_to_end.api.conftest import Running

pytestmark = pytest.mark.engine


def test_tokens_are_printed_only_in_the_two_announced_lines_and_no_log_has_a_media_id(
    running: Running,
) -> None:
    """This test ends the run, to have all that it has printed and logged."""
    answers = [repr((answer.headers, answer.body)) for answer in running.api.answers]
    tokens = [*running.api.tokens.values(), running.demo.beeper_token, running.engine["aws_session_token"]]
    output, errors = running.end()
    local = running.clone.root / ".local"
    logs = {path.name: path.read_text(errors="replace") for path in local.rglob("*log*") if path.is_file()}

    assert output == "", "nothing but the two lines"
    assert logs.keys() >= {"ministack.log", "cloudwatch_logs.json"}
    for token in tokens:
        assert not [text[:200] for text in answers if token in text]
        assert not [name for name, text in (*logs.items(), ("stderr", errors)) if token in text]
    for key in running.demo.account.deliverable():
        _, _, media_id = key.partition("/")
        assert not [name for name, text in logs.items() if media_id in text]
