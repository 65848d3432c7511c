"""Webhooks: receivers of the user that are told what changed, signed as Standard Webhooks asks.

`registry` keeps them, `receiver` says which addresses they may have, `signing` makes secrets and signatures, `sending`
makes one request, `turn` takes one webhook forward in the feed, `deliveries` is the log of what was sent.
"""
