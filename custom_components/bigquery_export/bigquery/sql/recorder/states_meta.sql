-- The recorder's table `states_meta`: each entity that a state was exported of.
-- Reads: the columns `source` and `entity_id` of all days.
-- An entity that was renamed is here under each of its names.

SELECT DISTINCT
  FARM_FINGERPRINT(CONCAT(`source`, ' ', `entity_id`)) AS `metadata_id`,
  `entity_id`,
  `source` AS `installation`
FROM ${rows}
WHERE `last_changed` >= TIMESTAMP '0001-01-01 00:00:00+00'
