"""Reads the pages of Beeper's list of chats, the next one while the one before is stored."""

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from imagecache.rules.time_budget import TimeBudget
from imagecache.sources.beeper.chats import LONGEST_PAGE_MS, ChatApi, ChatPage


@dataclass(slots=True)
class PageReader:
    """Reads at most one page ahead, in a thread that ends with the block of the `with` statement.

    The end of the block waits for a page that is being read.
    """

    chat_api: ChatApi
    time_budget: TimeBudget
    _thread: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1))
    _ahead: Future[ChatPage] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._thread.shutdown()

    def read_ahead(self, cursor: str | None) -> None:
        """Begins to read the page that starts at the cursor, which must be the next one that `page` returns.

        Does nothing if `cursor` is None, or if a slow answer could last longer than the time budget.
        """
        if cursor is not None and self.time_budget.left_ms() > LONGEST_PAGE_MS:
            self._ahead = self._thread.submit(self.chat_api.page, cursor)

    def page(self, cursor: str | None) -> ChatPage:
        """Returns the page that starts at the cursor, or the first page if `cursor` is None.

        From then on, Beeper's slow answers count for this page. Raises the errors of `ChatApi.page`, also if
        the page was read ahead.
        """
        ahead, self._ahead = self._ahead, None
        page = ahead.result() if ahead else self.chat_api.page(cursor)
        self.chat_api.begin_page()
        return page
