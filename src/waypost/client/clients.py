"""The two clients: one table of operations, for programs with an event loop and for those without."""

import ssl
from types import TracebackType
from typing import Final, Self

from waypost.client import access, counting, exporting, feed, keeping, lists, receivers
from waypost.client.calls import Call, Follow, List, WithLoop, WithoutLoop
from waypost.client.portal import Portal
from waypost.client.wire import Retries, Wire

TIMEOUT: Final = 60.0


class Operations:
    """What can be asked for. The words beside each are the operations of the API that it does."""

    rows = List(lists.rows)
    findings = List(lists.findings, "listFindings")
    finding = Call(lists.finding, "getFinding")
    devices = List(lists.devices, "listDevices")
    device = Call(lists.device, "getDevice")
    software = List(lists.software, "listSoftware")
    cves = List(lists.cves, "listCves")
    sites = List(lists.sites, "listSites")
    accounts = List(lists.accounts, "listAccounts")
    groups = List(lists.groups, "listGroups")
    runs = List(lists.runs, "listSyncRuns")
    quarantine = List(lists.quarantine, "listQuarantine")

    summary = Call(counting.summary, "summarizeFindings")
    trend = Call(counting.trend, "trendOfFindings")
    resolution = Call(counting.resolution, "resolutionOfFindings")
    age = Call(counting.age, "ageOfFindings")

    changes = Follow(feed.changes, "listChanges")
    log = List(lists.log, "listChanges")

    ask_export = Call(exporting.ask_export, "createExport")
    exports = List(exporting.exports, "listExports")
    export = Call(exporting.export, "getExport")
    finished_export = Call(exporting.finished_export, "getExport")
    download_export = Call(exporting.download_export, "downloadExport")
    export_to = Call(exporting.export_to, "createExport", "getExport", "downloadExport")
    delete_export = Call(exporting.delete_export, "deleteExport")

    webhooks = List(receivers.webhooks, "listWebhooks")
    webhook = Call(receivers.webhook, "getWebhook")
    add_webhook = Call(receivers.add_webhook, "addWebhook")
    change_webhook = Call(receivers.change_webhook, "changeWebhook")
    remove_webhook = Call(receivers.remove_webhook, "removeWebhook")
    ping_webhook = Call(receivers.ping_webhook, "pingWebhook")
    enable_webhook = Call(receivers.enable_webhook, "enableWebhook")
    rotate_webhook_secret = Call(receivers.rotate_webhook_secret, "rotateWebhookSecret")
    replay_webhook = Call(receivers.replay_webhook, "replayWebhook")
    deliveries = List(receivers.deliveries, "listDeliveries")
    delivery = Call(receivers.delivery, "getDelivery")

    organizations = List(keeping.organizations, "listOrganizations")
    organization = Call(keeping.organization, "getOrganization")
    add_organization = Call(keeping.add_organization, "addOrganization")
    change_organization = Call(keeping.change_organization, "changeOrganization")
    archive_organization = Call(keeping.archive_organization, "archiveOrganization")
    restore_organization = Call(keeping.restore_organization, "restoreOrganization")

    mapping = List(keeping.mapping, "listMapping")
    suggestions = List(keeping.suggestions, "suggestMapping")
    save_mapping = Call(keeping.save_mapping, "saveMapping")

    connections = List(keeping.connections, "listConnections")
    connection = Call(keeping.connection, "getConnection")
    add_connection = Call(keeping.add_connection, "addConnection")
    check_connection = Call(keeping.check_connection, "checkConnection")
    pause_connection = Call(keeping.pause_connection, "pauseConnection")
    resume_connection = Call(keeping.resume_connection, "resumeConnection")
    remove_connection = Call(keeping.remove_connection, "removeConnection")
    sync = Call(keeping.sync, "syncConnection")
    pull = Call(keeping.pull, "getSync")

    keys = List(access.keys, "listKeys")
    add_key = Call(access.add_key, "createKey")
    revoke_key = Call(access.revoke_key, "revokeKey")
    connect_links = List(access.connect_links, "listConnectLinks")
    add_connect_link = Call(access.add_connect_link, "createConnectLink")
    revoke_connect_link = Call(access.revoke_connect_link, "revokeConnectLink")
    audit = List(access.audit, "listAudit")


class AsyncWaypost(WithLoop, Operations):
    """A service, asked with a key, by a program with an event loop. Use it as an async context manager.

    Args:
        url: Where the service is; https, unless it is this machine.
        key: Like `wp_…`; it is shown to the service and to nobody else.
        timeout: Seconds without a byte of an answer.
        retries: How often a read is sent again, and after which pauses.
        tls: How to verify the service's certificate, if not as the machine does.

    Raises:
        ValueError: The address or the key is none.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        timeout: float = TIMEOUT,
        retries: Retries = Retries(),  # noqa: B008  # frozen
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._wire = Wire(url, key, timeout=timeout, retries=retries, tls=tls)

    def __repr__(self) -> str:
        return f"AsyncWaypost({self._wire.url!r})"

    async def close(self) -> None:
        """Give up the connections to the service."""
        await self._wire.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


class Waypost(WithoutLoop, Operations):
    """A service, asked with a key. Any number of threads may share one. Use it as a context manager.

    Args:
        url: Where the service is; https, unless it is this machine.
        key: Like `wp_…`; it is shown to the service and to nobody else.
        timeout: Seconds without a byte of an answer.
        retries: How often a read is sent again, and after which pauses.
        tls: How to verify the service's certificate, if not as the machine does.

    Raises:
        ValueError: The address or the key is none.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        timeout: float = TIMEOUT,
        retries: Retries = Retries(),  # noqa: B008  # frozen
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._wire = Wire(url, key, timeout=timeout, retries=retries, tls=tls)
        self._portal = Portal(self._wire.close)

    def __repr__(self) -> str:
        return f"Waypost({self._wire.url!r})"

    def close(self) -> None:
        """Give up the connections to the service."""
        self._portal.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
