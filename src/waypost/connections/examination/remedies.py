"""Next steps in exact words: where to go in the SentinelOne console, and what to choose there."""

from typing import Final

_SERVICE_USERS: Final = "Settings > Users > Service Users"
_CREATE: Final = f"{_SERVICE_USERS} > Actions > Create New Service User"

NEW_SERVICE_USER: Final = (
    f"In the SentinelOne console: {_CREATE}. Give it the Viewer role in the same scope, copy its API token when it is "
    "shown, and use that token instead."
)
NEW_TOKEN: Final = (
    f"In the SentinelOne console, make another token: {_CREATE}, with the Viewer role in the same scope. Use it here; "
    "for a stored connection: `waypost connection rotate NAME`."
)
VIEWER: Final = (
    f"In the SentinelOne console: {_SERVICE_USERS}, edit the service user and choose the Viewer role. That is enough "
    "to read."
)
MORE: Final = (
    "In the SentinelOne console: Settings > Users > Roles, edit the role and switch on {permissions}. Or give the "
    f"service user the Viewer role: {_SERVICE_USERS}."
)
PERMISSION: Final = "In the SentinelOne console: Settings > Users > Roles, switch on {permission}."
WIDER: Final = (
    f"In the SentinelOne console: {_SERVICE_USERS}, edit the service user and add the accounts or sites that are "
    "missing. If it is meant to see less, nothing need be done."
)
LICENCE: Final = (
    "In the SentinelOne console: Sites page, choose the site, Edit Site, and add Vulnerability Management. Where it "
    "is not offered, ask SentinelOne for the licence."
)
SCANNING: Final = (
    "In the SentinelOne console: Sites page, choose the site, Edit Site, Vulnerability Management, and switch the scan "
    "on."
)
