-- What leads to what in one step. One runs the other, or acts on an entity that triggers it, or on
-- which a group, helper or person that triggers it depends. A scene counts as the entities that it
-- sets. A change is followed five entities far. No view stands for the steps, as WITH is not
-- allowed inside WITH RECURSIVE (BigQuery's page "Query syntax", "CTE rules and constraints").
`edge` AS (
  SELECT `source`, `kind`, `from_id`, `to_id`
  FROM `${relationships_latest}`
  WHERE `from_type` = 'entity' AND `to_type` = 'entity'
),
`spread` AS (
  SELECT `source`, `to_id` AS `cause`, `from_id` AS `effect`
  FROM `edge`
  WHERE `kind` IN ('has_member', 'made_from', 'tracked_by')
  UNION ALL
  SELECT `source`, `from_id`, `to_id`
  FROM `edge`
  WHERE `kind` = 'acts_on' AND STARTS_WITH(`from_id`, 'scene.')
),
`touched` AS (
  SELECT `source`, `from_id` AS `cause`, `to_id` AS `entity_id`, [`to_id`] AS `path`
  FROM `edge`
  WHERE `kind` = 'acts_on' AND NOT STARTS_WITH(`from_id`, 'scene.')
  UNION ALL
  SELECT
    touched.`source`, touched.`cause`, spread.`effect`,
    ARRAY_CONCAT(touched.`path`, [spread.`effect`])
  FROM `touched` AS touched
  JOIN `spread` AS spread
  ON touched.`source` = spread.`source` AND touched.`entity_id` = spread.`cause`
  WHERE ARRAY_LENGTH(touched.`path`) < 5
    AND spread.`effect` NOT IN UNNEST(touched.`path`)
),
`step` AS (
  SELECT
    `source`, `cause`, `effect`,
    IFNULL(STRING_AGG(DISTINCT `through`, ', ' ORDER BY `through`), '') AS `through`
  FROM (
    SELECT `source`, `from_id` AS `cause`, `to_id` AS `effect`, CAST(NULL AS STRING) AS `through`
    FROM `edge`
    WHERE `kind` = 'runs'
    UNION ALL
    SELECT
      touched.`source`, touched.`cause`, edge.`from_id`, ARRAY_TO_STRING(touched.`path`, ' > ')
    FROM `touched` AS touched
    JOIN `edge` AS edge
    ON touched.`source` = edge.`source` AND touched.`entity_id` = edge.`to_id`
    WHERE edge.`kind` = 'triggered_by'
  )
  GROUP BY `source`, `cause`, `effect`
)
