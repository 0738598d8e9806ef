-- What each device of the Energy dashboard has used, and its power.
-- Reads: eleven narrow columns of statistics of the months from 31 days before begin_time until
-- before end_time, and the whole table of relationships, which is small.
-- `amount` is in kWh, powers are in W: `mean_power` of the time, and `peak_power` of the hour with
-- most. `share` is in percent of all devices. What is also counted by the device `included_in` has
-- a share, too, but is not added up twice.

WITH
${energy_hours},
`device` AS (
  SELECT
    `source`,
    `statistic_id`,
    SUM(`amount`) AS `amount`,
    1000 * SUM(`amount`) / SUM(`hours`) AS `mean_power`,
    1000 * MAX(`amount` / `hours`) AS `peak_power`
  FROM `meter_hour`
  WHERE `flow` = 'device' AND `unit` = 'kWh'
  GROUP BY `source`, `statistic_id`
)
SELECT
  device.`source`,
  device.`statistic_id`,
  meter.`to_name` AS `name`,
  other.`to_id` AS `included_in`,
  device.`amount`,
  ROUND(
    100 * SAFE_DIVIDE(
      device.`amount`,
      SUM(IF(other.`to_id` IS NULL, device.`amount`, 0)) OVER (PARTITION BY device.`source`)
    ),
    1
  ) AS `share`,
  device.`mean_power`,
  device.`peak_power`
FROM `device` AS device
JOIN `edge` AS meter
ON device.`source` = meter.`source`
  AND device.`statistic_id` = meter.`to_id`
  AND meter.`kind` = 'measured_by'
  AND meter.`from_id` = 'device'
LEFT JOIN `edge` AS other
ON device.`source` = other.`source`
  AND device.`statistic_id` = other.`from_id`
  AND other.`kind` = 'included_in'
