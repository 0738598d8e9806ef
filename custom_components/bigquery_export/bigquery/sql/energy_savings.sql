-- What electricity has cost at its dearest hours more than at the cheapest of the same day.
-- Reads: eleven narrow columns of statistics of the months from 31 days before begin_time until
-- before end_time, and the whole table of relationships, which is small.
-- A row for each day, by the home's clock, and meter of what was bought. `savings` is what the
-- hours whose price is above the mean of the day would have cost less at its lowest price. Prices
-- and costs are those of energy_cost; hours without a price are left out.

WITH
${energy_hours},
`priced` AS (
  SELECT
    `source`,
    `statistic_id`,
    DATE(`local_time`) AS `day`,
    EXTRACT(HOUR FROM `local_time`) AS `hour_of_day`,
    `amount`,
    `cost`,
    `currency`,
    IFNULL(`price`, SAFE_DIVIDE(`cost`, `amount`)) AS `price`
  FROM (
    SELECT
      `source`,
      `statistic_id`,
      `start`,
      MAX(`local_time`) AS `local_time`,
      SUM(`amount`) AS `amount`,
      MAX(`price`) AS `price`,
      SUM(`cost`) AS `cost`,
      MAX(`currency`) AS `currency`
    FROM `meter_hour`
    WHERE `flow` = 'grid_import'
    GROUP BY `source`, `statistic_id`, `start`
  )
)
SELECT
  `source`,
  `day`,
  `statistic_id`,
  SUM(`amount`) AS `amount`,
  SUM(`cost`) AS `cost`,
  MIN(`lowest`) AS `lowest_price`,
  MIN(IF(`price` = `lowest`, `hour_of_day`, NULL)) AS `lowest_hour`,
  MAX(`highest`) AS `highest_price`,
  MIN(IF(`price` = `highest`, `hour_of_day`, NULL)) AS `highest_hour`,
  SUM(IF(`price` > `mean`, `amount` * (`price` - `lowest`), 0)) AS `savings`,
  MAX(`currency`) AS `currency`
FROM (
  SELECT
    *,
    MIN(`price`) OVER (PARTITION BY `source`, `statistic_id`, `day`) AS `lowest`,
    MAX(`price`) OVER (PARTITION BY `source`, `statistic_id`, `day`) AS `highest`,
    AVG(`price`) OVER (PARTITION BY `source`, `statistic_id`, `day`) AS `mean`
  FROM `priced`
  WHERE `price` IS NOT NULL AND `amount` IS NOT NULL
)
GROUP BY `source`, `day`, `statistic_id`
