-- The recorder's table `schema_changes`.
-- Reads: the whole table, which is small.

SELECT
  `change_id`,
  `schema_version`,
  `changed`,
  `source` AS `installation`
FROM ${rows}
