-- The recorder's table `statistics_meta`: each statistic of which there are rows.
-- Reads: the columns about the statistic itself, and seven narrow ones, of all months.
-- What is said of a statistic is what the row said that was exported last.

WITH
`said` AS (
  SELECT * FROM (
    WITH `version` AS (
      SELECT * FROM ${statistics_rows}
    )
    SELECT
      latest.`source`,
      latest.`statistic_id`,
      latest.`statistic_source`,
      latest.`unit_of_measurement`,
      latest.`unit_class`,
      latest.`mean_type`,
      latest.`has_sum`,
      latest.`name`,
      latest.`export_timestamp`,
      latest.`start`
    FROM ${latest_versions}
  )
  UNION ALL
  SELECT * FROM (
    WITH `version` AS (
      SELECT * FROM ${statistics_short_term_rows}
    )
    SELECT
      latest.`source`,
      latest.`statistic_id`,
      latest.`statistic_source`,
      latest.`unit_of_measurement`,
      latest.`unit_class`,
      latest.`mean_type`,
      latest.`has_sum`,
      latest.`name`,
      latest.`export_timestamp`,
      latest.`start`
    FROM ${latest_versions}
  )
)
SELECT
  FARM_FINGERPRINT(CONCAT(`source`, ' ', `statistic_id`)) AS `id`,
  `statistic_id`,
  `statistic_source` AS `source`,
  `unit_of_measurement`,
  `unit_class`,
  `mean_type` = 'arithmetic' AS `has_mean`,
  `has_sum`,
  `name`,
  CASE `mean_type`
    WHEN 'none' THEN 0
    WHEN 'arithmetic' THEN 1
    WHEN 'circular' THEN 2
    ELSE SAFE_CAST(`mean_type` AS INT64)
  END AS `mean_type`,
  `source` AS `installation`
FROM (
  SELECT
    *,
    ROW_NUMBER() OVER (
      PARTITION BY `source`, `statistic_id` ORDER BY `export_timestamp` DESC, `start` DESC
    ) AS `age`
  FROM `said`
)
WHERE `age` = 1
