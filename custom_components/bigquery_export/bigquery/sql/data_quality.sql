-- How good the data of each entity is, a row for each day by the home's clock.
-- Reads: narrow columns of the days from begin_time until before end_time.
-- `available_percent` and `numeric_percent` are of all rows. `longest_gap` and `median_interval`
-- are seconds between rows of a day. `late` rows were exported more than a day after they were
-- written. `repeated` ones have the state of the one before, and so have `attributes_only` ones.

SELECT
  `source`,
  `day`,
  `entity_id`,
  COUNT(*) AS `row_count`,
  ROUND(100 * COUNTIF(`is_available`) / COUNT(*), 1) AS `available_percent`,
  ROUND(100 * COUNTIF(`state_numeric` IS NOT NULL) / COUNT(*), 1) AS `numeric_percent`,
  MAX(`seconds`) AS `longest_gap`,
  ANY_VALUE(`median`) AS `median_interval`,
  COUNTIF(`late`) AS `late`,
  COUNTIF(`repeated`) AS `repeated`,
  COUNTIF(NOT `state_changed`) AS `attributes_only`
FROM (
  SELECT
    *,
    PERCENTILE_CONT(`seconds`, 0.5) OVER (PARTITION BY `source`, `day`, `entity_id`) AS `median`
  FROM (
    SELECT
      `source`,
      IFNULL(DATE(`local_time`), DATE(`last_updated`)) AS `day`,
      `entity_id`,
      `is_available`,
      `state_numeric`,
      `state_changed`,
      `export_timestamp` > TIMESTAMP_ADD(`last_updated`, INTERVAL 1 DAY) AS `late`,
      `state` = LAG(`state`) OVER (
        PARTITION BY `source`, `entity_id` ORDER BY `last_updated`, `state_id`
      ) AS `repeated`,
      TIMESTAMP_DIFF(
        `last_updated`,
        LAG(`last_updated`) OVER (
          PARTITION BY `source`, `entity_id`, IFNULL(DATE(`local_time`), DATE(`last_updated`))
          ORDER BY `last_updated`, `state_id`
        ),
        MICROSECOND
      ) / 1000000 AS `seconds`
    FROM `${sensor_data}`
    WHERE `last_changed` >= begin_time AND `last_changed` < end_time AND `last_updated` < end_time
  )
)
GROUP BY `source`, `day`, `entity_id`
