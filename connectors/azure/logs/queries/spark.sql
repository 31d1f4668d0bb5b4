-- Azure's exported logs (a record a line, or a document with `records` in one line), grouped into kinds of records:
-- the whole record without what no row depends on, the day, and counts. entdrift_lines holds the lines (value) and
-- their files (path). One record of each kind is then read by the same code as a log file, so the rows are the same.
-- A field that is not named here keeps records apart, so one that the services add makes more groups and no error.
-- What stands in double angle brackets is filled in by connectors/azure/logs/spark.py.
WITH lines AS (
  SELECT
    path,
    value,
    -- Read as a list of one: a second object behind the first, or a rest, is then an error instead of unseen.
    from_json(
      '[' || value || ']',
      'ARRAY<STRUCT<records: ARRAY<STRING>>>',
      map('allowSingleQuotes', 'false', 'allowNonNumericNumbers', 'false')
    ) AS held
  FROM entdrift_lines
),
records AS (
  SELECT
    path,
    explode(CASE
      WHEN coalesce(size(held), 0) <> 1 OR get(held, 0) IS NULL THEN array(CAST(NULL AS STRING))
      ELSE coalesce(get(held, 0).records, array(value))
    END) AS record
  FROM lines
),
opened AS (
  SELECT
    path,
    record,
    from_json(
      record,
      'MAP<STRING, STRING>',
      map('allowSingleQuotes', 'false', 'allowNonNumericNumbers', 'false')
    ) AS m
  FROM records
),
named AS (
  SELECT
    path,
    record,
    trim(<<time>>) AS stamp,
    lower(<<correlation>>) AS correlation,
    coalesce(nullif(<<event>>, ''), <<id>>) AS own,
    lower(<<operation>>) AS operation,
    lower(trim(BOTH '/' FROM trim(<<resource>>))) AS resource,
    lower(<<status>>) AS status
  FROM opened
),
judged AS (
  SELECT
    *,
    concat(substr(stamp, 1, 10), 'T', substr(stamp, 12, 8), 'Z') AS seen,
    rpad(substr(regexp_extract(stamp, r'\.(\d+)', 1), 1, 3), 3, '0') AS milliseconds,
    coalesce(
      stamp RLIKE r'^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?(Z|z|\+00:00)?$'
      AND try_to_timestamp(concat(substr(stamp, 1, 10), 'T', substr(stamp, 12, 8), 'Z')) IS NOT NULL,
      false
    ) AS sound
  FROM named
),
identified AS (
  SELECT
    *,
    CASE
      WHEN correlation <> '' THEN concat_ws(
        '\n',
        correlation,
        seen,
        milliseconds,
        coalesce(operation, ''),
        coalesce(resource, ''),
        CASE coalesce(status, '')
          WHEN 'started' THEN 'start'
          WHEN 'accepted' THEN 'accept'
          WHEN 'succeeded' THEN 'success'
          WHEN 'failed' THEN 'failure'
          WHEN '' THEN 'success'
          ELSE status
        END
      )
      WHEN own <> '' THEN own
    END AS identifier
  FROM judged
  WHERE NOT sound OR (seen >= '<<start>>' AND seen < '<<end>>')
),
told_apart AS (
  SELECT
    CASE WHEN NOT sound THEN path END AS torn,
    CASE WHEN sound THEN record END AS record,
    CASE WHEN sound THEN seen END AS seen,
    CASE WHEN NOT sound OR identifier IS NULL THEN 1 ELSE row_number() OVER (
      PARTITION BY sound, identifier
      ORDER BY path, record
    ) END AS copy
  FROM identified
)
SELECT
  torn,
  -- What differs from call to call and is no part of a row is written as one sign; that it is there stays.
  regexp_replace(
    regexp_replace(
      regexp_replace(
        record,
        r'(?i)(?<!\\)("(?:time|eventTimestamp|event_timestamp|submissionTimestamp|createdDateTime|correlationId|eventDataId|operationId|requestId|clientRequestId|serviceRequestId|activityId|uniqueTokenIdentifier|durationMs|duration|serverLatencyMs|callerIpAddress|ipAddress|ipaddr|uti|aio|rh|iat|nbf|exp|etag|lastModifiedTime|requestHeaderSize|requestBodySize|responseHeaderSize|responseBodySize|requestLength|responseLength|contentLengthHeader|requestMd5|responseMd5|requestCharge)"\s*:\s*)(?:"[^"\\]+"|-?\d[\d.eE+-]*)',
        '$1"-"'
      ),
      -- Of an address of Storage only who made a user delegation SAS counts.
      r'(?<!\\)("uri"\s*:\s*)"(?![^"\\]*skoid=)[^"\\]+"',
      '$1"-"'
    ),
    -- Blobs fold into their container: /account/container/blob.
    r'(?<!\\)("objectKey"\s*:\s*"/?[^/"\\]+/[^/"\\]+/)[^"\\]*"',
    '$1-"'
  ) AS kind,
  substr(seen, 1, 10) AS day,
  min(record) AS record,
  COUNT(*) AS calls,
  min(seen) AS first_seen,
  max(seen) AS last_seen
FROM told_apart
WHERE copy = 1
GROUP BY 1, 2, 3
