-- What depends on each thing in the home, directly or by others, by the shortest path.
-- Reads: the whole table of relationships, which is small.

-- Recursive, with the rules of BigQuery's page "Query syntax", "Recursive CTEs": one reference to
-- itself in the recursive term, in FROM, and there no aggregate, window function, DISTINCT, ORDER
-- BY or LIMIT. Eight edges keep it far from the limit of iterations (page "Work with recursive
-- CTEs"). Nothing is followed twice on one path, so that circles end.
WITH RECURSIVE
`edge` AS (
  SELECT
    `source`, `from_type`, `from_id`, `from_name`, `to_type`, `to_id`, `to_name`,
    STRING_AGG(`kind`, ', ' ORDER BY `kind`) AS `kinds`
  FROM `${relationships_latest}`
  WHERE CONCAT(`from_type`, ' ', `from_id`) != CONCAT(`to_type`, ' ', `to_id`)
  GROUP BY `source`, `from_type`, `from_id`, `from_name`, `to_type`, `to_id`, `to_name`
),
`walk` AS (
  SELECT
    `source`, `to_type` AS `type`, `to_id` AS `id`, `to_name` AS `name`,
    `from_type` AS `dependent_type`, `from_id` AS `dependent_id`, `from_name` AS `dependent_name`,
    1 AS `depth`, [`to_id`, `from_id`] AS `path`, [`kinds`] AS `kinds`,
    [CONCAT(`to_type`, ' ', `to_id`), CONCAT(`from_type`, ' ', `from_id`)] AS `visited`
  FROM `edge`
  UNION ALL
  SELECT
    walk.`source`, walk.`type`, walk.`id`, walk.`name`,
    edge.`from_type`, edge.`from_id`, edge.`from_name`,
    walk.`depth` + 1, ARRAY_CONCAT(walk.`path`, [edge.`from_id`]),
    ARRAY_CONCAT(walk.`kinds`, [edge.`kinds`]),
    ARRAY_CONCAT(walk.`visited`, [CONCAT(edge.`from_type`, ' ', edge.`from_id`)])
  FROM `walk` AS walk
  JOIN `edge` AS edge
  ON walk.`source` = edge.`source`
    AND walk.`dependent_type` = edge.`to_type`
    AND walk.`dependent_id` = edge.`to_id`
  WHERE walk.`depth` < 8
    AND CONCAT(edge.`from_type`, ' ', edge.`from_id`) NOT IN UNNEST(walk.`visited`)
)
SELECT
  `source`, `type`, `id`, `name`, `dependent_type`, `dependent_id`, `dependent_name`,
  `depth`, `path`, `kinds`
FROM (
  SELECT *, ROW_NUMBER() OVER (
    PARTITION BY `source`, `type`, `id`, `dependent_type`, `dependent_id`
    ORDER BY `depth`, ARRAY_TO_STRING(`path`, ' ')
  ) AS `longer`
  FROM `walk`
)
WHERE `longer` = 1
