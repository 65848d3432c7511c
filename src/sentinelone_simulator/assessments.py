"""What the console says about a risk besides its being there: score, severity, threat intelligence."""

from sentinelone_simulator import dice, risks
from sentinelone_simulator.catalogue import Cve

EXPLOIT_CODE_MATURITY = ("Not Defined", "Unproven", "Proof of Concept", "Functional", "High", None)
REMEDIATION_LEVEL = ("Not Defined", "Official Fix", "Official Fix", "Temporary Fix", "Workaround", None)
REPORT_CONFIDENCE = ("Not Defined", "Unknown", "Reasonable", "Confirmed", "Confirmed", None)
SEVERITIES = ("LOW", "MEDIUM", "HIGH", "CRITICAL")
_FLOORS = ((9.0, "CRITICAL"), (7.0, "HIGH"), (4.0, "MEDIUM"))


def score(cve: Cve, flags: int) -> float | None:
    """The base score; a row that was re-scored differs from the published one by a little."""
    if flags & risks.NO_SCORE:
        return None
    if flags & risks.RESCORED:
        return round(cve.score - 0.7 if cve.score > 9.3 else cve.score + 0.6, 1)
    return cve.score


def severity(cve: Cve, flags: int) -> str | None:
    if flags & risks.NO_SEVERITY:
        return None
    value = score(cve, flags)
    if value is None or flags & risks.UNKNOWN_SEVERITY:
        return "UNKNOWN"
    return next((name for floor, name in _FLOORS if value >= floor), "LOW")


def risk_score(cve: Cve, flags: int) -> float | None:
    value = score(cve, flags)
    return None if value is None else round(max(0.1, value - dice.word(cve.id[4:]) % 19 / 10), 1)


def exploit_code_maturity(cve: Cve) -> str | None:
    return _pick(cve, 1, EXPLOIT_CODE_MATURITY)


def remediation_level(cve: Cve) -> str | None:
    return _pick(cve, 2, REMEDIATION_LEVEL)


def report_confidence(cve: Cve) -> str | None:
    return _pick(cve, 3, REPORT_CONFIDENCE)


def mitigation_status(flags: int) -> str:
    if flags & risks.TO_BE_PATCHED:
        return "To be patched"
    return "On hold" if flags & risks.ON_HOLD else "Not mitigated"


def _pick(cve: Cve, salt: int, choices: tuple[str | None, ...]) -> str | None:
    return choices[dice.mix(dice.word(cve.id), salt) % len(choices)]
