"""Waypost: the open, self-hosted hub between SentinelOne consoles and the people who answer for them."""

from importlib.metadata import version

__version__ = version("waypost")
