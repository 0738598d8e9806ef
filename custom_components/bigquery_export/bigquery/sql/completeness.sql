-- How much of each day in UTC Home Assistant was recording, until its last start.
-- Reads: the whole table of recorder runs, which is small.
-- `recorded_percent` is of 24 hours. `starts` are those of Home Assistant, and `crashes` are those
-- of its ends that it did not expect: it was recording until some time before the next start.

WITH
`day` AS (
  SELECT `source`, `date`
  FROM (
    SELECT `source`, MIN(DATE(`start`)) AS `first`, MAX(DATE(`end`)) AS `last`
    FROM `${recorder_runs}`
    GROUP BY `source`
  )
  CROSS JOIN UNNEST(GENERATE_DATE_ARRAY(`first`, `last`)) AS `date`
)
SELECT
  day.`source`,
  day.`date`,
  ROUND(
    IFNULL(
      SUM(
        TIMESTAMP_DIFF(
          LEAST(run.`end`, TIMESTAMP(DATE_ADD(day.`date`, INTERVAL 1 DAY))),
          GREATEST(run.`start`, TIMESTAMP(day.`date`)),
          MICROSECOND
        )
      ),
      0
    ) / 864000000,
    2
  ) AS `recorded_percent`,
  COUNTIF(DATE(run.`start`) = day.`date`) AS `starts`,
  COUNTIF(run.`closed_incorrect` AND DATE(run.`end`) = day.`date`) AS `crashes`
FROM `day` AS day
LEFT JOIN `${recorder_runs}` AS run
ON day.`source` = run.`source`
  AND run.`start` < TIMESTAMP(DATE_ADD(day.`date`, INTERVAL 1 DAY))
  AND run.`end` > TIMESTAMP(day.`date`)
GROUP BY day.`source`, day.`date`
