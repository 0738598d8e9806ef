-- At which hours of the week each entity changes, by season.
-- Reads: narrow columns of the days from begin_time until before end_time.
-- `share` is the part of the entity's changes in that season, in percent, and `is_peak` marks the
-- hour of the week with most of them. Hours are by the home's clock, 1 is Monday. Hours without a
-- change are not in it.

SELECT
  *,
  ROUND(
    100 * `changes` / SUM(`changes`) OVER (PARTITION BY `source`, `entity_id`, `season`), 1
  ) AS `share`,
  `changes` = MAX(`changes`) OVER (PARTITION BY `source`, `entity_id`, `season`) AS `is_peak`
FROM (
  SELECT
    `source`, `entity_id`, `season`, `day_of_week`, `hour_of_day`, COUNT(*) AS `changes`
  FROM `${sensor_data}`
  WHERE `last_changed` >= begin_time
    AND `last_changed` < end_time
    AND `state_changed`
    AND `is_available`
  GROUP BY `source`, `entity_id`, `season`, `day_of_week`, `hour_of_day`
)
