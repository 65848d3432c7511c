-- name: record
-- One entry, in the transaction of what it tells.
INSERT INTO audit (actor_kind, actor, request_id, action, subject_id, subject_name, organization_id, before, after)
VALUES (%(actor_kind)s, %(actor)s, %(request_id)s, %(action)s, %(subject_id)s, %(subject_name)s,
        %(organization_id)s, %(before)s, %(after)s)

-- name: list
-- The newest entries; `audit_id` is the cursor.
SELECT audit_id AS id, at, actor_kind, actor, request_id, action, subject_id, subject_name, before, after
FROM audit
WHERE (%(before_id)s::bigint IS NULL OR audit_id < %(before_id)s)
  AND (%(organization_id)s::bigint IS NULL OR organization_id = %(organization_id)s)
  AND (%(action)s::text IS NULL OR action = %(action)s)
  AND (%(subject_id)s::text IS NULL OR subject_id = %(subject_id)s)
ORDER BY audit_id DESC LIMIT %(limit)s
