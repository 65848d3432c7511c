"""Rows as they appear in answers; key sets from the swagger, quirks from recorded answers."""
