"""The console's HTTP API: where it may be, how fast it may be asked, what its answers mean. Knows no SQL.

`address` decides which hosts may be called, `limits` how often, `client` makes one call and `pages` a chain
of them, `refusals` says in plain words why a call failed, `wire` gives the answers their shape.
"""
