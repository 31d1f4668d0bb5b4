-- Cloud Audit Logs as a sink writes them to a bucket (a LogEntry a line), grouped into kinds of entries: everything
-- that a row depends on, the day, and counts. entdrift_lines holds the lines (value) and their files (path).
-- One line of each kind is then read by the same code as a log file, so the rows are the same. A line that is no
-- LogEntry of this spelling is not guessed at: its file is named, and calls are missing.
-- What stands in double angle brackets is filled in by connectors/gcp/logs/spark.py.
WITH lines AS (
  SELECT
    path,
    value,
    -- Read as a list of one: a second object behind the first, or a rest, is then an error instead of unseen.
    from_json(
      '[' || value || ']',
      'ARRAY<STRUCT<logName: STRING, insertId: STRING, timestamp: STRING, receiveTimestamp: STRING,
        protoPayload: STRUCT<`@type`: STRING, serviceName: STRING, methodName: STRING, resourceName: STRING,
          status: STRUCT<code: STRING>, authenticationInfo: STRING, authorizationInfo: STRING,
          serviceData: STRING, servicedata_v1_iam: STRING>,
        operation: STRUCT<first: STRING, last: STRING>, resource: STRUCT<labels: STRING>,
        entry: STRING, message: STRING>>',
      map('allowSingleQuotes', 'false', 'allowNonNumericNumbers', 'false')
    ) AS held
  FROM entdrift_lines
),
stamped AS (
  SELECT
    path,
    value,
    get(held, 0) AS e,
    coalesce(size(held), 0) AS objects,
    coalesce(get(held, 0).timestamp, get(held, 0).receiveTimestamp) AS stamp
  FROM lines
),
judged AS (
  SELECT
    path,
    value,
    e,
    concat(substr(stamp, 1, 19), 'Z') AS seen,
    try_to_timestamp(stamp) AS moment,
    coalesce(
      objects = 1
      AND e.logName <> ''
      AND stamp RLIKE r'^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$'
      AND try_to_timestamp(stamp) IS NOT NULL
      AND coalesce(e.entry, e.message) IS NULL
      AND (e.protoPayload IS NOT NULL OR NOT value RLIKE '(?i)"proto_?payload'),
      false
    ) AS sound
  FROM stamped
),
entries AS (
  SELECT
    CASE WHEN NOT sound THEN path END AS torn,
    CASE WHEN sound THEN value END AS line,
    CASE WHEN sound THEN e END AS e,
    CASE WHEN sound THEN seen END AS seen,
    CASE WHEN NOT sound OR coalesce(e.insertId, '') = '' THEN 1 ELSE row_number() OVER (
      PARTITION BY sound, e.logName, e.insertId, moment
      ORDER BY path, value
    ) END AS copy
  FROM judged
  WHERE NOT sound OR (seen >= '<<start>>' AND seen < '<<end>>')
)
SELECT
  torn,
  e.logName AS log_name,
  e.protoPayload.`@type` AS kind,
  e.protoPayload.serviceName AS service,
  e.protoPayload.methodName AS method,
  -- Names of objects, jobs and operations are no part of a row: they fold as the reader folds them.
  CASE
    WHEN lower(e.protoPayload.methodName) LIKE '%setiampolicy' THEN e.protoPayload.resourceName
    ELSE regexp_replace(
      regexp_replace(
        e.protoPayload.resourceName,
        r'(?s)^(.*?buckets/[^/]+/objects/)(?:((?:[^/]*/){1,2}).*|[^/]+)$',
        '$1$2-'
      ),
      r'/(jobs|operations|sessions|executions|traces)/[^/]+$',
      '/$1/-'
    )
  END AS resource,
  e.protoPayload.status.code AS code,
  e.protoPayload.authenticationInfo AS caller,
  -- The same in JSON, for names without an escaped character: others stay as they are.
  regexp_replace(
    regexp_replace(
      e.protoPayload.authorizationInfo,
      r'("(?:resource|name)":"[^"\\]*?buckets/[^/"\\]+/objects/)(?:((?:[^/"\\]*/){1,2})[^"\\]*|[^/"\\]+)"',
      '$1$2-"'
    ),
    r'("(?:resource|name)":"[^"\\]*/(?:jobs|operations|sessions|executions|traces)/)[^/"\\]+"',
    '$1-"'
  ) AS checks,
  CASE WHEN lower(e.protoPayload.methodName) LIKE '%setiampolicy'
    THEN concat(coalesce(e.protoPayload.serviceData, ''), ' ', coalesce(e.protoPayload.servicedata_v1_iam, ''))
  END AS changes,
  e.operation.first AS op_first,
  e.operation.last AS op_last,
  e.resource.labels AS labels,
  substr(seen, 1, 10) AS day,
  min(line) AS record,
  COUNT(*) AS calls,
  min(seen) AS first_seen,
  max(seen) AS last_seen
FROM entries
WHERE copy = 1
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14
