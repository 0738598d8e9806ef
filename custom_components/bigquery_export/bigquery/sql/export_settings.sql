-- What an export has made its rows by: a row for each change of its settings or its version.
-- Reads: the whole table of the export log, which is small.
-- A row holds from `valid_from`, when the first rows by it had been sent, until `valid_to`;
-- `export_id` is the export of those. `changed` says what is another than in the row before.
-- Names of what is excluded or hidden are pseudonyms.

WITH
${logged_settings},
`transaction` AS (
  SELECT
    `source`,
    `export_id`,
    `finished`,
    `settings_id`,
    `integration_version`,
    LAG(`settings_id`) OVER (PARTITION BY `source` ORDER BY `finished`) AS `id_before`,
    LAG(`integration_version`) OVER (PARTITION BY `source` ORDER BY `finished`) AS `version_before`
  FROM `${export_log}`
  WHERE `settings_id` IS NOT NULL
),
`change` AS (
  SELECT
    *,
    LEAD(`finished`) OVER (PARTITION BY `source` ORDER BY `finished`) AS `valid_to`
  FROM `transaction`
  WHERE `id_before` IS NULL
    OR `id_before` != `settings_id`
    OR `version_before` != `integration_version`
)
SELECT
  change.`source`,
  change.`finished` AS `valid_from`,
  change.`valid_to`,
  change.`export_id`,
  change.`settings_id`,
  change.`integration_version`,
  NULLIF(
    ARRAY_TO_STRING(
      [
        IF(change.`version_before` != change.`integration_version`, 'integration_version', NULL),
        (
          SELECT STRING_AGG(`name`, ', ' ORDER BY `name`)
          FROM UNNEST(JSON_KEYS(settings.`said`, 1)) AS `name`
          WHERE change.`id_before` IS NOT NULL
            AND IFNULL(TO_JSON_STRING(settings.`said`[`name`]), 'null')
              != IFNULL(TO_JSON_STRING(before.`said`[`name`]), 'null')
        )
      ],
      ', '
    ),
    ''
  ) AS `changed`,
${settings_columns}
FROM `change` AS change
LEFT JOIN `settings` AS settings
ON change.`source` = settings.`source` AND change.`settings_id` = settings.`settings_id`
LEFT JOIN `settings` AS before
ON change.`source` = before.`source` AND change.`id_before` = before.`settings_id`
