-- name: insert
-- An organization; its name is unique.
INSERT INTO organization (name) VALUES (%(name)s) ON CONFLICT (name) DO NOTHING
RETURNING organization_id, organization_uuid, name, created_at

-- name: by_name
-- Every organization, or the named ones.
SELECT organization_id, organization_uuid, name, created_at FROM organization
WHERE %(names)s::text[] IS NULL OR name = ANY (%(names)s) ORDER BY name

-- name: after
-- A page by name; of one organization alone, where it is given.
SELECT organization_id, organization_uuid, name, created_at FROM organization
WHERE (%(after)s::text IS NULL OR name > %(after)s)
  AND (%(organization_id)s::bigint IS NULL OR organization_id = %(organization_id)s)
ORDER BY name LIMIT %(limit)s

-- name: one
-- By name or by the id that users see.
SELECT organization_id, organization_uuid, name, created_at FROM organization
WHERE name = %(name)s OR organization_uuid::text = lower(%(name)s)
