"""What a run has printed and logged. Its test ends the run, so this file must be the last one here."""

from pathlib import Path

import pytest

from local.journal import Journal
from tests.end_to_end.api.conftest import Running

pytestmark = pytest.mark.engine


def logs_of_functions(folder: Path) -> str:
    """Returns what the engine has stored as the logs of all functions."""
    journal = Journal.open(folder)
    journal.close()
    return journal.values[b'["service","cloudwatch_logs"]'].decode()


def test_tokens_are_printed_only_in_the_two_announced_lines_and_no_log_has_a_media_id(
    running: Running,
) -> None:
    """This test ends the run, to have all that it has printed and logged."""
    answers = [repr((answer.headers, answer.body)) for answer in running.api.answers]
    tokens = [*running.api.tokens.values(), running.demo.beeper_token, running.engine["aws_session_token"]]
    output, errors = running.end()
    local = running.clone.root / ".local"
    logs = {path.name: path.read_text(errors="replace") for path in local.rglob("*log*") if path.is_file()}
    logs["CloudWatch Logs"] = logs_of_functions(local / "beeper" / "journal")

    assert output == "", "nothing but the two lines"
    assert "ministack.log" in logs
    assert r"\"outcome\"" in logs["CloudWatch Logs"]  # of a sync; each line of a log is a text within JSON
    for token in tokens:
        assert not [text[:200] for text in answers if token in text]
        assert not [name for name, text in (*logs.items(), ("stderr", errors)) if token in text]
    for key in running.demo.account.deliverable():
        _, _, media_id = key.partition("/")
        assert not [name for name, text in logs.items() if media_id in text]
