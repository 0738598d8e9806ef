-- The number that each entity showed at regular moments: what a model learns from.
-- Reads: narrow columns of the days from begin_time until before end_time.
-- The moments are begin_time and every step_seconds after it, before end_time. `previous` and
-- `difference` are of the step before. Hour and weekday are those of the home's clock, with the
-- offset from UTC that it had when the state was written, as sine and cosine: so that 23 o'clock is
-- near 0 and Sunday near Monday. Before the first row since begin_time there is none, and where the
-- state is no number, `value` is NULL; entities that never have one are left out.

SELECT
  `source`,
  `entity_id`,
  `moment`,
  `value`,
  LAG(`value`) OVER (PARTITION BY `source`, `entity_id` ORDER BY `moment`) AS `previous`,
  `value` - LAG(`value`) OVER (
    PARTITION BY `source`, `entity_id` ORDER BY `moment`
  ) AS `difference`,
  TIMESTAMP_DIFF(`moment`, `since_change`, SECOND) AS `seconds_since_change`,
  SIN(2 * ACOS(-1) * `hours` / 24) AS `hour_sine`,
  COS(2 * ACOS(-1) * `hours` / 24) AS `hour_cosine`,
  SIN(2 * ACOS(-1) * `weekday` / 7) AS `weekday_sine`,
  COS(2 * ACOS(-1) * `weekday` / 7) AS `weekday_cosine`
FROM (
  SELECT
    `source`,
    `entity_id`,
    `moment`,
    `state_numeric` AS `value`,
    `last_changed` AS `since_change`,
    EXTRACT(HOUR FROM TIMESTAMP_ADD(`moment`, INTERVAL `offset_minutes` MINUTE))
      + EXTRACT(MINUTE FROM TIMESTAMP_ADD(`moment`, INTERVAL `offset_minutes` MINUTE)) / 60
      AS `hours`,
    MOD(
      EXTRACT(DAYOFWEEK FROM TIMESTAMP_ADD(`moment`, INTERVAL `offset_minutes` MINUTE)) + 5, 7
    ) AS `weekday`
  FROM (
    SELECT
      *,
      -- The first moment of the grid that is not before the row.
      TIMESTAMP_ADD(
        begin_time,
        INTERVAL step_seconds * CAST(
          CEIL(TIMESTAMP_DIFF(`last_updated`, begin_time, MICROSECOND) / 1000000 / step_seconds)
          AS INT64
        ) SECOND
      ) AS `first_moment`,
      TIMESTAMP_SUB(IFNULL(`valid_to`, end_time), INTERVAL 1 MICROSECOND) AS `last_moment`
    FROM (
      SELECT
        `source`,
        `entity_id`,
        `state_numeric`,
        `last_changed`,
        `last_updated`,
        COUNT(`state_numeric`) OVER (PARTITION BY `source`, `entity_id`) AS `numbers`,
        DATETIME_DIFF(`local_time`, DATETIME(`last_updated`), MINUTE) AS `offset_minutes`,
        LEAD(`last_updated`) OVER (
          PARTITION BY `source`, `entity_id` ORDER BY `last_updated`, `state_id`
        ) AS `valid_to`
      FROM `${sensor_data}`
      WHERE `last_changed` >= begin_time AND `last_changed` < end_time AND `last_updated` < end_time
    )
  )
  CROSS JOIN UNNEST(
    GENERATE_TIMESTAMP_ARRAY(`first_moment`, `last_moment`, INTERVAL step_seconds SECOND)
  ) AS `moment`
  WHERE `numbers` > 0
)
