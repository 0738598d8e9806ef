-- The power that each device draws when it does nothing, of the hours from begin_time on.
-- Reads: narrow columns of statistics of the months from begin_time until before end_time.
-- `standby_power` is, in W, the tenth percentile of the lowest power of each hour: in a tenth of
-- the hours there was less. Hours in which it has gone down to nothing are `hours_off`, and do not
-- count. `kwh_a_year` is what it comes to in a year with as many of them. All sensors of power with
-- a state_class are in it, but those that have shown less than nothing.

WITH
`version` AS (
  SELECT
    `source`, `statistic_id`, `start`, `end`, `min`, `unit_of_measurement`, `device_name`,
    `area_name`, `deleted`, `export_timestamp`, `id`
  FROM `${statistics}`
  WHERE `start` >= TIMESTAMP_TRUNC(begin_time, MONTH) AND `start` < end_time
),
`hour` AS (
  SELECT
    latest.`source`,
    latest.`statistic_id`,
    latest.`start`,
    latest.`device_name`,
    latest.`area_name`,
    latest.`min` * CASE latest.`unit_of_measurement`
      WHEN 'mW' THEN 0.001
      WHEN 'W' THEN 1.0
      WHEN 'kW' THEN 1000.0
      WHEN 'MW' THEN 1000000.0
    END AS `power`
  FROM ${latest_versions}
)
SELECT
  `source`,
  `statistic_id`,
  MAX_BY(`device_name`, `start`) AS `device_name`,
  MAX_BY(`area_name`, `start`) AS `area_name`,
  COUNT(*) AS `hours`,
  COUNTIF(`power` = 0) AS `hours_off`,
  MAX(`standby_power`) AS `standby_power`,
  ROUND(8.766 * MAX(`standby_power`) * COUNTIF(`power` > 0) / COUNT(*), 1) AS `kwh_a_year`
FROM (
  SELECT
    *,
    PERCENTILE_CONT(IF(`power` > 0, `power`, NULL), 0.1) OVER (
      PARTITION BY `source`, `statistic_id`
    ) AS `standby_power`
  FROM `hour`
  WHERE `start` >= begin_time AND `power` IS NOT NULL
)
GROUP BY `source`, `statistic_id`
HAVING MIN(`power`) >= 0
