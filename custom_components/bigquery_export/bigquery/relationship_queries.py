"""The queries that follow relationships: what depends on what, and which automation leads to which.

They are recursive, with the rules of BigQuery's page "Query syntax", "Recursive CTEs": one
reference to itself in the recursive term, in FROM, and there no aggregate, window function,
DISTINCT, ORDER BY or LIMIT. A limit of depth keeps them far from the limit of iterations (page
"Work with recursive CTEs"). Nothing is followed twice on one path, so that circles end.
"""

_DEPTH = 8
"""How many edges, or automations one after another, are followed."""
_INDIRECT = 5
"""How far a change is followed from what an action addresses: to groups, helpers, scenes."""
_MADE_OF = "'has_member', 'made_from', 'tracked_by'"
"""Edges from what changes when the other end changes."""


def dependents_query(latest: str) -> str:
    """Return the query of dependents, each by its shortest path; `latest` selects all edges."""
    return f"""\
WITH RECURSIVE
`edge` AS (
  SELECT
    `source`, `from_type`, `from_id`, `from_name`, `to_type`, `to_id`, `to_name`,
    STRING_AGG(`kind`, ', ' ORDER BY `kind`) AS `kinds`
  FROM (
{latest})
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
  WHERE walk.`depth` < {_DEPTH}
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
"""  # noqa: S608 (names of our own)


def chains_query(latest: str) -> str:
    """Return the query of chains of automations and scripts; `latest` selects all edges."""
    return f"""\
{_steps(latest)},
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
  WHERE chain.`depth` < {_DEPTH} AND step.`effect` NOT IN UNNEST(chain.`path`)
)
SELECT `source`, `from_id`, `to_id`, `depth`, `path`, `through`
FROM `chain`
"""  # noqa: S608 (names of our own)


def circles_query(latest: str) -> str:
    """Return the query of circles of automations and scripts; `latest` selects all edges.

    Each circle is found once: from its first member in alphabetical order.
    """
    return f"""\
{_steps(latest)},
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
  WHERE walk.`depth` < {_DEPTH}
    AND step.`effect` >= walk.`first`
    AND walk.`last` NOT IN UNNEST(walk.`path`)
)
SELECT `source`, `depth` AS `length`, `path`, `through`
FROM `walk`
WHERE `last` = `first`
"""  # noqa: S608 (names of our own)


def _steps(latest: str) -> str:
    """Return the beginning of a query: which automation or script leads to which, in one step.

    It runs the other, or acts on an entity that triggers the other, or on which a group, helper or
    person that triggers it depends. A scene counts as the entities that it sets. `through` has the
    entities in between, on all paths, and is empty where the other is run directly.
    """
    return f"""\
WITH RECURSIVE
`edge` AS (
  SELECT `source`, `kind`, `from_id`, `to_id`
  FROM (
{latest})
  WHERE `from_type` = 'entity' AND `to_type` = 'entity'
),
`spread` AS (
  SELECT `source`, `to_id` AS `cause`, `from_id` AS `effect`
  FROM `edge`
  WHERE `kind` IN ({_MADE_OF})
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
  WHERE ARRAY_LENGTH(touched.`path`) < {_INDIRECT}
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
)"""  # noqa: S608 (names of our own)
