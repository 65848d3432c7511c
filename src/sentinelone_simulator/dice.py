"""Repeatable chance: the same numbers for the same seed, on every machine and in every run."""

_PRIME = 0x9E3779B97F4A7C15
_MASK = 0xFFFFFFFFFFFFFFFF


def mix(*numbers: int, state: int = 0) -> int:
    """Stir whole numbers into 64 well-spread bits (the finaliser of SplitMix64).

    `mix(a, b)` is `mix(b, state=mix(a))`, which spares the work for numbers that begin alike.
    """
    for number in numbers:
        state = (state + number + _PRIME) & _MASK
        state = (state ^ state >> 30) * 0xBF58476D1CE4E5B9 & _MASK
        state = (state ^ state >> 27) * 0x94D049BB133111EB & _MASK
        state ^= state >> 31
    return state


def word(text: str) -> int:
    """A number for a text that does not change between runs, as `hash` would."""
    return int.from_bytes(text.encode()[:24].ljust(24, b"\0"), "big") % _MASK
