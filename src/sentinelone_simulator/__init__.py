"""A SentinelOne console to test against; shares no code with Waypost, on purpose."""
