"""Connections: one SentinelOne console reached with one API token each."""
