"""Mapping: which account or site of which console belongs to which organization."""
