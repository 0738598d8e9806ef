-- Automations and scripts that lead back to themselves, each circle once.
-- Reads: the whole table of relationships, which is small.
-- `through` has for each step the entities in between, as in automation_chains.

-- A circle is found from its first member in alphabetical order alone. For the rules of
-- recursion see dependents.sql.
WITH RECURSIVE
${automation_steps},
`walk` AS (
  SELECT
    `source`, `cause` AS `first`, `effect` AS `last`, 1 AS `depth`,
    [`cause`] AS `path`, [`through`] AS `through`
  FROM `step`
  WHERE `effect` >= `cause`
  UNION ALL
  SELECT
    walk.`source`, walk.`first`, step.`effect`, walk.`depth` + 1,
    ARRAY_CONCAT(walk.`path`, [step.`cause`]), ARRAY_CONCAT(walk.`through`, [step.`through`])
  FROM `walk` AS walk
  JOIN `step` AS step
  ON walk.`source` = step.`source` AND walk.`last` = step.`cause`
  WHERE walk.`depth` < 8
    AND step.`effect` >= walk.`first`
    AND walk.`last` NOT IN UNNEST(walk.`path`)
)
SELECT `source`, `depth` AS `length`, `path`, `through`
FROM `walk`
WHERE `last` = `first`
