-- Exports that were asked for through the API: made by a worker, kept for a day, and fetched from where it wrote them.

CREATE TABLE export (
  export_id       uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  -- whose key asked for it: nobody else's exists for that; null for a key that is bound to none
  organization_id bigint REFERENCES organization,
  asked_by        text NOT NULL,
  kind            text NOT NULL,
  form            text NOT NULL,
  filters         jsonb NOT NULL,
  -- queued -> running -> done | failed; running -> queued when its worker is stopped or dies; done -> expired;
  -- any -> deleted, whose file and row go next
  state           text NOT NULL DEFAULT 'queued'
                  CHECK (state IN ('queued', 'running', 'done', 'failed', 'expired', 'deleted')),
  place           text NOT NULL,                      -- where it is written: a worker of that place takes it
  file            text,                               -- its name there
  worker          text,
  taken_until     timestamptz,                        -- a worker that dies leaves this to run out
  tries           integer NOT NULL DEFAULT 0,
  rows            bigint NOT NULL DEFAULT 0,          -- written so far
  bytes           bigint,
  error           jsonb,
  asked_at        timestamptz NOT NULL DEFAULT now(),
  started_at      timestamptz,
  finished_at     timestamptz,
  expires_at      timestamptz
);
-- Serves: the newest exports.
CREATE INDEX export_by_time ON export (asked_at DESC, export_id DESC);
-- Serves: what a worker looks for.
CREATE INDEX export_open ON export (place, asked_at) WHERE state IN ('queued', 'running', 'done', 'deleted');
