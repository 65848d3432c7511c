-- Organizations: the tree of them, and what is said of each.

-- name: one_at_a_time
-- Whoever adds, moves, archives or restores does so alone: no two changes that are right by themselves make a circle
-- of parents, or leave one below a parent that is archived.
SELECT pg_advisory_xact_lock(%(lock)s)

-- name: hold
-- None of these, or none at all that is not archived, is changed by anybody else until this transaction ends.
SELECT organization_id FROM organization
WHERE CASE WHEN %(ids)s::bigint[] IS NULL THEN archived_at IS NULL ELSE organization_id = ANY (%(ids)s) END
ORDER BY organization_id FOR NO KEY UPDATE

-- name: ids
-- The next ids, so that many can be stored at once of which some are parents of others.
SELECT nextval(pg_get_serial_sequence('waypost.organization', 'organization_id')) FROM generate_series(1, %(count)s)

-- name: insert
-- New organizations, parents and children in any order.
INSERT INTO organization (organization_id, organization_uuid, name, parent_id, external_id, aliases, domains, tags)
OVERRIDING SYSTEM VALUE
SELECT * FROM jsonb_to_recordset(%(rows)s) AS r (organization_id bigint, organization_uuid uuid, name text,
  parent_id bigint, external_id text, aliases text[], domains text[], tags text[])

-- name: park
-- Out of the way of each other while names and external ids change hands.
UPDATE organization SET archived_at = now() WHERE organization_id = ANY (%(ids)s)

-- name: update
-- What changed of organizations; none of them is archived afterwards.
UPDATE organization o SET name = r.name, parent_id = r.parent_id, external_id = r.external_id, aliases = r.aliases,
  domains = r.domains, tags = r.tags, archived_at = NULL, changed_at = now()
FROM jsonb_to_recordset(%(rows)s) AS r (organization_id bigint, name text, parent_id bigint, external_id text,
  aliases text[], domains text[], tags text[])
WHERE o.organization_id = r.organization_id

-- name: archive
-- From now on it is kept for its history alone.
UPDATE organization SET archived_at = now(), changed_at = now() WHERE organization_id = %(organization_id)s

-- name: below
-- Those right below it that are not archived.
SELECT name FROM organization WHERE parent_id = %(organization_id)s AND archived_at IS NULL ORDER BY name

-- name: reach
-- How far it is from the top, and how many levels are below it that are not archived.
WITH RECURSIVE above AS (
  SELECT organization_id, parent_id, 1 AS level FROM organization WHERE organization_id = %(above)s
  UNION ALL
  SELECT o.organization_id, o.parent_id, a.level + 1 FROM organization o JOIN above a ON o.organization_id = a.parent_id
), below AS (
  SELECT organization_id, 0 AS level FROM organization WHERE organization_id = %(below)s
  UNION ALL
  SELECT o.organization_id, b.level + 1 FROM organization o JOIN below b ON o.parent_id = b.organization_id
  WHERE o.archived_at IS NULL
)
SELECT coalesce((SELECT max(level) FROM above), 0), coalesce((SELECT max(level) FROM below), 0),
  EXISTS (SELECT FROM above WHERE organization_id = %(below)s)

-- name: called
-- Whatever a text may mean, an id, a name or the end of a path, and all that is above of it.
o.organization_id IN (
  WITH RECURSIVE meant AS (
    SELECT organization_id, parent_id FROM organization
    WHERE organization_uuid = %(uuid)s::uuid OR name = ANY (%(names)s::text[])
    UNION
    SELECT o.organization_id, o.parent_id FROM organization o JOIN meant m ON o.organization_id = m.parent_id
  )
  SELECT organization_id FROM meant)

-- name: asked_for
-- Those with this id or one of these names, of which this is said; a search looks at all that they are called.
(%(ids)s::bigint[] IS NULL OR o.organization_id = ANY (%(ids)s))
  AND (%(names)s::text[] IS NULL OR o.name = ANY (%(names)s))
  AND (%(archived)s::boolean IS NULL OR (o.archived_at IS NOT NULL) = %(archived)s)
  AND (%(tag)s::text IS NULL OR lower(%(tag)s) IN (SELECT lower(tag) FROM unnest(o.tags) AS tag))
  AND (%(search)s::text IS NULL OR EXISTS (
    SELECT FROM unnest(ARRAY[o.name, o.external_id] || o.aliases || o.domains) AS called
    WHERE strpos(lower(called), lower(%(search)s)) > 0))
  AND (%(after)s::text IS NULL OR (o.name, o.organization_uuid) > (%(after)s, %(after_id)s::uuid))

-- name: list
-- Organizations by name; which ones, is one of the two above.
SELECT o.organization_id, o.organization_uuid, o.name, o.parent_id, p.organization_uuid AS parent_uuid,
  p.name AS parent_name, o.external_id, o.aliases, o.domains, o.tags, o.archived_at, o.created_at, o.changed_at
FROM organization o LEFT JOIN organization p ON p.organization_id = o.parent_id
WHERE {which}
ORDER BY o.name, o.organization_uuid LIMIT %(limit)s::bigint
