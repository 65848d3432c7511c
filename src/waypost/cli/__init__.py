"""The command line. It reads arguments, calls the services and draws; rules live below."""
