-- name: insert
-- A link, found again by a hash of its secret; no row if it is for a connection of another organization.
INSERT INTO connect_link (secret_hash, organization_id, connection_id, expires_at)
SELECT %(secret_hash)s, %(organization_id)s, %(connection_id)s, now() + %(lifetime)s
WHERE %(connection_id)s::bigint IS NULL OR EXISTS (
  SELECT FROM connection WHERE connection_id = %(connection_id)s AND state <> 'deleted'
  AND coalesce(organization_id, %(organization_id)s) = %(organization_id)s)
RETURNING link_id

-- name: find
-- Links, the newest first: one by its hash or id, or a page of them, and only of the organization that asks.
SELECT l.link_id, l.organization_id, o.organization_uuid, o.name AS organization,
       l.connection_id, c.connection_uuid, c.name AS connection, c.base_url AS url,
       l.created_at, l.expires_at, l.used_at, l.revoked_at, l.checks,
       CASE WHEN l.used_at IS NOT NULL THEN 'used'
            WHEN l.revoked_at IS NOT NULL OR c.state = 'deleted' THEN 'revoked'
            WHEN l.expires_at <= now() THEN 'expired'
            WHEN o.archived_at IS NOT NULL THEN 'archived'
            ELSE 'open' END AS state
FROM connect_link l JOIN organization o USING (organization_id) LEFT JOIN connection c USING (connection_id)
WHERE (%(secret_hash)s::bytea IS NULL OR l.secret_hash = %(secret_hash)s)
  AND (%(link_id)s::uuid IS NULL OR l.link_id = %(link_id)s)
  AND (%(organization_id)s::bigint IS NULL OR l.organization_id = %(organization_id)s)
  AND (%(before)s::timestamptz IS NULL OR (l.created_at, l.link_id) < (%(before)s, %(before_id)s::uuid))
ORDER BY l.created_at DESC, l.link_id DESC LIMIT %(limit)s

-- name: count_check
-- One more token is tried through a link that is still open; no row once it has had its share.
UPDATE connect_link SET checks = checks + 1
WHERE link_id = %(link_id)s AND checks < %(most)s
  AND used_at IS NULL AND revoked_at IS NULL AND expires_at > now() AND NOT EXISTS (
    SELECT FROM organization o WHERE o.organization_id = connect_link.organization_id AND o.archived_at IS NOT NULL)
RETURNING checks

-- name: use
-- The one use of a link, in the transaction of what is saved: of two at once, one finds no row.
UPDATE connect_link SET used_at = now()
WHERE link_id = %(link_id)s AND used_at IS NULL AND revoked_at IS NULL AND expires_at > clock_timestamp()
  AND NOT EXISTS (
    SELECT FROM organization o WHERE o.organization_id = connect_link.organization_id AND o.archived_at IS NOT NULL)
RETURNING link_id

-- name: made
-- Which connection a used link made.
UPDATE connect_link SET connection_id = %(connection_id)s WHERE link_id = %(link_id)s

-- name: revoke
-- Takes a link back, unless it was used.
UPDATE connect_link SET revoked_at = coalesce(revoked_at, now())
WHERE link_id = %(link_id)s AND used_at IS NULL
RETURNING link_id
