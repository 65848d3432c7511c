"""What changed, when and in which run: the change log as a list and as a feed, and who is told of it."""
