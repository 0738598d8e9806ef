-- Each state that began from begin_time until before end_time, and how long it held.
-- Reads: the columns that you select, of those days.
-- `valid_to` is when the entity's next row was written, before end_time; NULL says that the state
-- still held then. `seconds` is how long it held until end_time at the latest. A state that began
-- before begin_time is not in it: begin earlier to have it.

SELECT
  *,
  TIMESTAMP_DIFF(IFNULL(`valid_to`, end_time), `last_updated`, MICROSECOND) / 1000000 AS `seconds`
FROM (
  SELECT
    *,
    LEAD(`last_updated`) OVER (
      PARTITION BY `source`, `entity_id` ORDER BY `last_updated`, `state_id`
    ) AS `valid_to`
  FROM `${sensor_data}`
  WHERE `last_changed` >= begin_time AND `last_changed` < end_time AND `last_updated` < end_time
)
