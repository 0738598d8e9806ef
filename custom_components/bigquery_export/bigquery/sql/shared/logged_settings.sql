-- All settings by which rows were made, by their id: a row of the log has them after each start.
`settings` AS (
  SELECT `source`, `settings_id`, PARSE_JSON(MAX(TO_JSON_STRING(`settings`))) AS `said`
  FROM `${export_log}`
  WHERE `settings` IS NOT NULL
  GROUP BY `source`, `settings_id`
)
