"""Organizations: the clients of whoever runs Waypost."""
