-- Automations and scripts that lead to one another, by running it or acting on what triggers it.
-- Reads: the whole table of relationships, which is small.
-- `through` has for each step the entities in between, on all paths, and is empty where the other
-- is run directly.

-- Eight automations one after another are followed; for the rules of recursion see dependents.sql.
WITH RECURSIVE
${automation_steps},
`chain` AS (
  SELECT
    `source`, `cause` AS `from_id`, `effect` AS `to_id`,
    1 AS `depth`, [`cause`, `effect`] AS `path`, [`through`] AS `through`
  FROM `step`
  WHERE `cause` != `effect`
  UNION ALL
  SELECT
    chain.`source`, chain.`from_id`, step.`effect`,
    chain.`depth` + 1, ARRAY_CONCAT(chain.`path`, [step.`effect`]),
    ARRAY_CONCAT(chain.`through`, [step.`through`])
  FROM `chain` AS chain
  JOIN `step` AS step
  ON chain.`source` = step.`source` AND chain.`to_id` = step.`cause`
  WHERE chain.`depth` < 8 AND step.`effect` NOT IN UNNEST(chain.`path`)
)
SELECT `source`, `from_id`, `to_id`, `depth`, `path`, `through`
FROM `chain`
