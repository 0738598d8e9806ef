-- The latest of `version`, which has versions of statistics, without those that were deleted since.
-- `version` begins with a month, as rows that say what was deleted begin with what was sent of one.
-- The join has an equality, as BigQuery requires of outer joins (page "Query syntax").
(
  SELECT
    *,
    ROW_NUMBER() OVER (
      PARTITION BY `source`, `statistic_id`, `start`
      ORDER BY `export_timestamp` DESC, `${id}` DESC
    ) AS `age`
  FROM `version`
  WHERE `deleted` IS NOT TRUE
) AS latest
LEFT JOIN (
  SELECT `source`, `statistic_id`, `start`, `end`, `export_timestamp`
  FROM `version`
  WHERE `deleted`
) AS deletion
ON latest.`source` = deletion.`source`
  AND latest.`statistic_id` = deletion.`statistic_id`
  AND latest.`start` >= deletion.`start`
  AND latest.`start` < deletion.`end`
  AND latest.`export_timestamp` < deletion.`export_timestamp`
WHERE latest.`age` = 1 AND deletion.`source` IS NULL
