"""The REST API: Litestar over the same service functions as the command line."""
