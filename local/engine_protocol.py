"""What the process of the engine and the run that starts it have in common."""

from typing import Final

TOKEN_HEADER: Final = "X-Amz-Security-Token"  # noqa: S105 - the name of the header, not a token
# A POST to this path stores what was deployed.
SAVE_PATH: Final = "/_imagecache/save"
# The start of a line in the engine's log which tells the person what is wrong with the stored state.
PROBLEM: Final = "stored state: "
