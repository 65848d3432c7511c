-- name: insert
-- An organization; its name is unique.
INSERT INTO organization (name) VALUES (%(name)s) ON CONFLICT (name) DO NOTHING
RETURNING organization_id, organization_uuid, name, created_at

-- name: by_name
-- Every organization, or the named ones.
SELECT organization_id, organization_uuid, name, created_at FROM organization
WHERE %(names)s::text[] IS NULL OR name = ANY (%(names)s) ORDER BY name

-- name: one
-- By name or by the id that users see.
SELECT organization_id, organization_uuid, name, created_at FROM organization
WHERE name = %(name)s OR organization_uuid::text = lower(%(name)s)
