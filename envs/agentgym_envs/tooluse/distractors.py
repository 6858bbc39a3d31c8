"""Tools that no task needs; they answer, cost a turn, and change nothing."""

from __future__ import annotations

import zlib

from agentgym.tools.tool import Tool, tool


@tool
def weather(city: str) -> str:
    """Tell the weather of a city."""
    return ("sunny", "cloudy", "rainy", "windy")[zlib.crc32(city.encode()) % 4]


@tool
def convert_currency(amount: float, currency: str) -> str:
    """Convert an amount of euros to another currency."""
    rate = 0.5 + zlib.crc32(currency.encode()) % 100 / 100
    return f"{amount * rate:.2f} {currency}"


@tool
def company_news() -> str:
    """Read the latest news of the company."""
    return "The canteen is closed on Friday."


@tool
def count_words(text: str) -> int:
    """Count the words of a text."""
    return len(text.split())


DISTRACTORS: tuple[Tool, ...] = (weather, convert_currency, company_news, count_words)
