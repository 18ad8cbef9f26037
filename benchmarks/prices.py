"""Prices of AWS, from prices.toml."""

import tomllib
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

_FILE = Path(__file__).with_name("prices.toml")


@dataclass(frozen=True, slots=True)
class Price:
    """The price of one unit, and how many units an account gets free in each month, for ever."""

    dollars: float
    source: str
    date: date
    free: float = 0


_ENTRIES: dict[str, dict[str, Any]] = tomllib.loads(_FILE.read_text())
PRICES = {name: Price(**entry) for name, entry in _ENTRIES.items()}
"""Each price by its name in the file."""

READ_UNIT = PRICES["read_unit"]
WRITE_UNIT = PRICES["write_unit"]
TABLE_GIGABYTE = PRICES["table_gigabyte"]
QUEUE_REQUEST = PRICES["queue_request"]
FUNCTION_REQUEST = PRICES["function_request"]
GIGABYTE_SECOND = PRICES["gigabyte_second"]
API_REQUEST = PRICES["api_request"]
CDN_REQUEST = PRICES["cdn_request"]
CDN_GIGABYTE = PRICES["cdn_gigabyte"]
OBJECT_READ = PRICES["object_read"]
OBJECT_WRITE = PRICES["object_write"]
OBJECT_GIGABYTE = PRICES["object_gigabyte"]
KEY_REQUEST = PRICES["key_request"]
ALARM = PRICES["alarm"]
METRIC = PRICES["metric"]
LOG_GIGABYTE = PRICES["log_gigabyte"]
