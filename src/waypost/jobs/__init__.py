"""What runs by itself: the worker that pulls what is due, and upkeep."""
