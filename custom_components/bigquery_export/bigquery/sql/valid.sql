-- ${description}, with the time until it held.
-- Reads: the whole table, which is small.
-- Rows that repeat the one before them are left out: everything is sent again when it is no longer
-- known what was sent. `valid_to` is NULL for what still holds.

-- Rows are compared as JSON text, because arrays and NULL cannot be compared otherwise (BigQuery's
-- page "JSON functions", TO_JSON_STRING). Exports have the order of their generations: the home's
-- clock may have been ahead, and then right again. A row is valid from its time, or that of a later
-- one which is before it.
SELECT
  ${columns},
  LEAD(`valid_from`) OVER (PARTITION BY ${key} ORDER BY `generation`, `valid_from`) AS `valid_to`
FROM (
  SELECT
    *,
    LAG(`said`) OVER (PARTITION BY ${key} ORDER BY `generation`, `valid_from`) AS `said_before`
  FROM (
    SELECT
      * REPLACE (
        MIN(`valid_from`) OVER (
          PARTITION BY ${key}
          ORDER BY `generation`, `valid_from`
          ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING
        ) AS `valid_from`
      ),
      TO_JSON_STRING(STRUCT(${dimension_columns})) AS `said`
    FROM `${table}`
  )
)
WHERE `said_before` IS NULL OR `said` != `said_before`
