-- The recorder's table `event_types`: each type that an event was exported of.
-- Reads: the column `event_type` of all days.

SELECT DISTINCT
  FARM_FINGERPRINT(`event_type`) AS `event_type_id`,
  `event_type`
FROM ${rows}
WHERE `time_fired` >= TIMESTAMP '0001-01-01 00:00:00+00'
