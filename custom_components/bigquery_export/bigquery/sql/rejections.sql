-- How many rows were rejected on each day in UTC, by table and reason, when they were exported.
-- Reads: the whole table of the export log, which is small.
-- Rows that were rejected are kept at home. What is rejected once more as it is sent again does not
-- count. `reason` is NULL where it was not logged yet, and otherwise without values.

SELECT
  `source`,
  `day`,
  `table_name`,
  `reason`,
  SUM(`rejected`) AS `row_count`,
  COUNT(DISTINCT `export_id`) AS `exports`,
  MIN(`finished`) AS `first_time`,
  MAX(`finished`) AS `last_time`
FROM (
  SELECT
    log.`source`,
    DATE(log.`finished`) AS `day`,
    log.`table_name`,
    log.`export_id`,
    log.`finished`,
    JSON_VALUE(one['reason']) AS `reason`,
    LAX_INT64(one['rows']) AS `rejected`
  FROM `${export_log}` AS log
  CROSS JOIN UNNEST(JSON_QUERY_ARRAY(log.`rejected_reasons`)) AS one
  WHERE log.`trigger` NOT IN ('force', 'query', 'restore', 'retry_rejected')
  UNION ALL
  SELECT
    `source`, DATE(`finished`), `table_name`, `export_id`, `finished`, CAST(NULL AS STRING),
    `rejected`
  FROM `${export_log}`
  WHERE `rejected` > 0
    AND `rejected_reasons` IS NULL
    AND `trigger` NOT IN ('force', 'query', 'restore', 'retry_rejected')
)
GROUP BY `source`, `day`, `table_name`, `reason`
