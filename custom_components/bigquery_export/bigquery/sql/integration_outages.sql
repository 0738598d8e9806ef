-- When integrations did not work, and why, of the time from begin_time until before end_time.
-- Reads: the whole table of integrations, which is small.
-- An outage is from the first state other than loaded until the entry is loaded again, removed or
-- disabled: `ended` and `seconds` are NULL while it lasts. `states` are those that it had, `reason`
-- is why it began. `entities` are those that the entry had then.

SELECT
  `source`,
  `entry_id`,
  ANY_VALUE(`domain`) AS `domain`,
  ANY_VALUE(`name`) AS `name`,
  MIN(`valid_from`) AS `began`,
  IF(COUNTIF(`valid_to` IS NULL) > 0, NULL, MAX(`valid_to`)) AS `ended`,
  IF(
    COUNTIF(`valid_to` IS NULL) > 0,
    NULL,
    TIMESTAMP_DIFF(MAX(`valid_to`), MIN(`valid_from`), MICROSECOND) / 1000000
  ) AS `seconds`,
  STRING_AGG(DISTINCT `state`, ', ' ORDER BY `state`) AS `states`,
  MIN_BY(`reason`, `valid_from`) AS `reason`,
  MIN_BY(`reason_key`, `valid_from`) AS `reason_key`,
  MIN_BY(`entities`, `valid_from`) AS `entities`
FROM (
  SELECT
    *,
    SUM(IF(`is_out`, 0, 1)) OVER (
      PARTITION BY `source`, `entry_id`
      ORDER BY `generation`, `valid_from`
      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS `outage`
  FROM (
    SELECT
      *,
      NOT `removed` AND `disabled_by` IS NULL AND `state` != 'loaded' AS `is_out`
    FROM `${integrations_valid}`
  )
)
WHERE `is_out`
GROUP BY `source`, `entry_id`, `outage`
HAVING MIN(`valid_from`) < end_time
  AND (COUNTIF(`valid_to` IS NULL) > 0 OR MAX(`valid_to`) > begin_time)
