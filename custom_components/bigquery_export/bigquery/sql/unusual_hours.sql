-- Hours in which a statistic was far from what it is at the same hour of the week.
-- Reads: narrow columns of statistics of the months from 56 days before begin_time until before
-- end_time.
-- Compared are the eight such hours before, of which there must be four, and shown is what differs
-- by more than three times their standard deviation, the column `deviation`. `value` is the mean of
-- the hour, or what a meter has counted in it. Angles, such as of the wind, are left out.

WITH
`version` AS (
  SELECT
    `source`, `statistic_id`, `start`, `end`, `mean`, `mean_type`, `sum`, `unit_of_measurement`,
    `local_time`, `deleted`, `export_timestamp`, `id`
  FROM `${statistics}`
  WHERE `start` >= TIMESTAMP_TRUNC(TIMESTAMP_SUB(begin_time, INTERVAL 56 DAY), MONTH)
    AND `start` < end_time
),
`hour` AS (
  SELECT
    latest.`source`,
    latest.`statistic_id`,
    latest.`start`,
    IFNULL(latest.`local_time`, DATETIME(latest.`start`)) AS `local_time`,
    latest.`mean`,
    latest.`mean_type`,
    latest.`sum`,
    latest.`unit_of_measurement` AS `unit`
  FROM ${latest_versions}
),
`hour_value` AS (
  SELECT
    `source`,
    `statistic_id`,
    `start`,
    `local_time`,
    `unit`,
    IF(
      `sum` IS NULL,
      `mean`,
      IF(
        TIMESTAMP_DIFF(
          `start`,
          LAG(`start`) OVER (PARTITION BY `source`, `statistic_id` ORDER BY `start`),
          HOUR
        ) = 1,
        `sum` - LAG(`sum`) OVER (PARTITION BY `source`, `statistic_id` ORDER BY `start`),
        NULL
      )
    ) AS `value`
  FROM `hour`
  WHERE IFNULL(`mean_type`, '') != 'circular'
)
SELECT `source`, `statistic_id`, `start`, `local_time`, `value`, `unit`, `usual`, `deviation`
FROM (
  SELECT
    *,
    AVG(`value`) OVER past AS `usual`,
    STDDEV_SAMP(`value`) OVER past AS `deviation`,
    COUNT(`value`) OVER past AS `weeks`
  FROM `hour_value`
  WHERE `value` IS NOT NULL
  WINDOW past AS (
    PARTITION BY
      `source`,
      `statistic_id`,
      EXTRACT(DAYOFWEEK FROM `local_time`),
      EXTRACT(HOUR FROM `local_time`)
    ORDER BY `start`
    ROWS BETWEEN 8 PRECEDING AND 1 PRECEDING
  )
)
-- What is the same each week has a mean that may differ from it in the last digit.
WHERE `start` >= begin_time
  AND `weeks` >= 4
  AND ABS(`value` - `usual`) > 3 * `deviation` + 0.000001 * ABS(`usual`)
