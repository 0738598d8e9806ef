-- What each meter of the Energy dashboard has cost in each hour, by the home's clock.
-- Reads: eleven narrow columns of statistics of the months from 31 days before begin_time until
-- before end_time, and the whole table of relationships, which is small.
-- `cost` is that of the statistic that the dashboard has for it, so it is what Home Assistant
-- shows; for grid_export it is what was earned. Only a meter without one costs what the mean price
-- of the hour says, if the dashboard has an entity with the price, and this has statistics. `price`
-- is that mean, else what a unit has cost. `start` tells apart the two hours of the day on which
-- the clock is set back. Meters without cost or price are not in it.

WITH
${energy_hours}
SELECT
  `source`,
  DATE(`local_time`) AS `day`,
  EXTRACT(HOUR FROM `local_time`) AS `hour_of_day`,
  `start`,
  `flow`,
  `statistic_id`,
  `amount`,
  `unit`,
  IFNULL(`price`, SAFE_DIVIDE(`cost`, `amount`)) AS `price`,
  `cost`,
  `currency`
FROM (
  SELECT
    `source`,
    `flow`,
    `statistic_id`,
    `start`,
    MAX(`local_time`) AS `local_time`,
    SUM(`amount`) AS `amount`,
    MAX(`unit`) AS `unit`,
    MAX(`price`) AS `price`,
    SUM(`cost`) AS `cost`,
    MAX(`currency`) AS `currency`
  FROM `meter_hour`
  GROUP BY `source`, `flow`, `statistic_id`, `start`
)
WHERE `cost` IS NOT NULL OR `price` IS NOT NULL
