"""Prices of AWS per unit in US dollars, from its public price lists of us-east-1, as of 2026-08.

eu-west-1 is 10 to 15 % dearer for DynamoDB, CloudWatch's prices are the same in both.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Price:
    """The price of one unit, and how many units an account gets free in each month, for ever."""

    dollars: float
    free: float = 0


READ_UNIT = Price(0.125e-6)
WRITE_UNIT = Price(0.625e-6)
QUEUE_REQUEST = Price(0.40e-6, free=1_000_000)
FUNCTION_REQUEST = Price(0.20e-6, free=1_000_000)
GIGABYTE_SECOND = Price(13.3334e-6, free=400_000)  # on arm64
API_REQUEST = Price(1.00e-6)
CDN_REQUEST = Price(1.00e-6, free=10_000_000)
OBJECT_READ = Price(0.40e-6)
OBJECT_WRITE = Price(5.00e-6)  # lists are billed as writes
KEY_REQUEST = Price(3.00e-6, free=20_000)
ALARM = Price(0.10, free=10)
METRIC = Price(0.30, free=10)
LOG_GIGABYTE = Price(0.50, free=5)
