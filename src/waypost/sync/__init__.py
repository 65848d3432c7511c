"""Pulling a connection: plan -> fetch -> map -> load -> sweep.

A *pull* is what `waypost sync` does to one connection: one *run* for each stream, one after the other. A run
has *walks*, chains of pages over a partition of the console, fetched side by side. Whatever they bring goes
through one loader, batch by batch; a batch's rows, the cursors behind them and the lease are one transaction.
"""
