-- name: changes
-- Everything that was pulled through a connection, statement by statement: what is cut off is begun again.
DELETE FROM change WHERE connection_id = %(connection_id)s

-- name: decisions
DELETE FROM mapping WHERE connection_id = %(connection_id)s

-- name: decided_before
DELETE FROM mapping_change WHERE connection_id = %(connection_id)s

-- name: quarantine
DELETE FROM quarantine WHERE connection_id = %(connection_id)s

-- name: former_ids
DELETE FROM finding_former_id WHERE connection_id = %(connection_id)s

-- name: findings
DELETE FROM finding WHERE connection_id = %(connection_id)s

-- name: facts
DELETE FROM cve_facts WHERE connection_id = %(connection_id)s

-- name: software
DELETE FROM software WHERE connection_id = %(connection_id)s

-- name: devices
DELETE FROM device WHERE connection_id = %(connection_id)s

-- name: groups
DELETE FROM scope_group WHERE connection_id = %(connection_id)s

-- name: sites
DELETE FROM site WHERE connection_id = %(connection_id)s

-- name: accounts
DELETE FROM account WHERE connection_id = %(connection_id)s

-- name: watermarks
DELETE FROM sync_watermark WHERE connection_id = %(connection_id)s

-- name: seen
DELETE FROM sync_seen WHERE connection_id = %(connection_id)s

-- name: walks
DELETE FROM sync_walk WHERE connection_id = %(connection_id)s

-- name: runs
DELETE FROM sync_run WHERE connection_id = %(connection_id)s
