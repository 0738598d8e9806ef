-- The recorder's table `state_attributes`: each set of attributes that a state was exported with.
-- Reads: the column `attributes` of all days, which is the largest.
-- NULL is what is not exported: `hash`.

SELECT DISTINCT
  FARM_FINGERPRINT(TO_JSON_STRING(`attributes`)) AS `attributes_id`,
  CAST(NULL AS INT64) AS `hash`,
  TO_JSON_STRING(`attributes`) AS `shared_attrs`
FROM ${rows}
WHERE `attributes` IS NOT NULL AND `last_changed` >= TIMESTAMP '0001-01-01 00:00:00+00'
