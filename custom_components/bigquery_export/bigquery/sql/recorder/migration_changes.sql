-- The recorder's table `migration_changes`, as it is now.
-- Reads: the whole table, which is small.

SELECT
  `migration_id`,
  `version`,
  `source` AS `installation`
FROM (
  SELECT
    *,
    ROW_NUMBER() OVER (
      PARTITION BY `source`, `migration_id` ORDER BY `generation` DESC, `valid_from` DESC
    ) AS `age`
  FROM ${rows}
)
WHERE `age` = 1 AND NOT `removed`
