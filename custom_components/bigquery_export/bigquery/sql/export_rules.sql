-- By which settings the rows of each export were made, a row for each export.
-- Reads: the whole table of the export log, which is small.
-- Rows of all tables have the `export_id`. Names of what is excluded or hidden are pseudonyms.
-- Exports before version 1.0.0 have no settings here.

WITH
${logged_settings}
SELECT
  export.*,
${settings_columns}
FROM (
  SELECT
    `source`,
    `export_id`,
    ANY_VALUE(`trigger`) AS `trigger`,
    MIN(`started`) AS `started`,
    MAX(`finished`) AS `finished`,
    SUM(`row_count`) AS `row_count`,
    SUM(`rejected`) AS `rejected`,
    STRING_AGG(DISTINCT `table_name`, ', ' ORDER BY `table_name`) AS `sent_to`,
    ANY_VALUE(`integration_version`) AS `integration_version`,
    ANY_VALUE(`settings_id`) AS `settings_id`
  FROM `${export_log}`
  WHERE `trigger` NOT IN ('query', 'restore')
  GROUP BY `source`, `export_id`
) AS export
LEFT JOIN `settings` AS settings
ON export.`source` = settings.`source` AND export.`settings_id` = settings.`settings_id`
