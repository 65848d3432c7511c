"""What unit tests share: hypothesis without a clock, since other work may run beside the tests."""

from hypothesis import settings

settings.register_profile("waypost", deadline=None)
settings.load_profile("waypost")
