-- What became of the consoles' accounts and sites, as entries of the change log.

-- name: log
-- What happened to accounts or sites; the connection is the subject, the detail says which of them it was.
INSERT INTO change (connection_id, run_id, kind, subject_id, site_id, detail)
SELECT %(connection_id)s, %(run_id)s, r.kind, %(connection_uuid)s, r.site_id, r.detail
FROM jsonb_to_recordset(%(events)s) AS r (kind smallint, site_id bigint, detail jsonb)

-- name: newest
-- The newest entry about a connection: what is told afterwards comes after it.
SELECT coalesce(max(change_id), 0) FROM change WHERE connection_id = %(connection_id)s

-- name: told
-- What a pull has told about accounts and sites, in the order in which it happened.
SELECT kind, detail FROM change
WHERE connection_id = %(connection_id)s AND change_id > %(after)s AND kind BETWEEN 31 AND 47
  AND run_id IN (SELECT run_id FROM sync_run WHERE connection_id = %(connection_id)s AND pull_id = %(pull_id)s)
ORDER BY change_id
