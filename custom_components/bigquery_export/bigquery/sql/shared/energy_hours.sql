-- What each meter of the Energy dashboard has counted in each hour since begin_time, and what that
-- has cost. As on the dashboard, an hour counts what a sum has grown since the last hour before it,
-- and costs are those of the statistic that it has for them. Only where it has none they follow
-- from the mean price of the hour, which is per kWh where its unit does not say of what it is.
`version` AS (
  SELECT
    `source`, `statistic_id`, `start`, `end`, `mean`, `sum`, `unit_of_measurement`, `local_time`,
    `deleted`, `export_timestamp`, `id`
  FROM `${statistics}`
  WHERE `start` >= TIMESTAMP_TRUNC(TIMESTAMP_SUB(begin_time, INTERVAL 31 DAY), MONTH)
    AND `start` < end_time
),
`hour` AS (
  SELECT
    *,
    CASE `counted_in`
      WHEN 'mWh' THEN 0.000001
      WHEN 'Wh' THEN 0.001
      WHEN 'kWh' THEN 1.0
      WHEN 'MWh' THEN 1000.0
      WHEN 'GWh' THEN 1000000.0
      WHEN 'TWh' THEN 1000000000.0
      WHEN 'J' THEN 1 / 3600000
      WHEN 'kJ' THEN 1 / 3600
      WHEN 'MJ' THEN 1 / 3.6
      WHEN 'GJ' THEN 1000 / 3.6
      WHEN 'cal' THEN 4.184 / 3600000
      WHEN 'kcal' THEN 4.184 / 3600
      WHEN 'Mcal' THEN 4.184 / 3.6
      WHEN 'Gcal' THEN 4184 / 3.6
    END AS `kwh`
  FROM (
    SELECT
      latest.`source`,
      latest.`statistic_id`,
      latest.`start`,
      IFNULL(latest.`local_time`, DATETIME(latest.`start`)) AS `local_time`,
      latest.`mean`,
      latest.`sum`,
      latest.`unit_of_measurement` AS `unit`,
      -- Of a price it is what stands behind the slash.
      IFNULL(
        SPLIT(latest.`unit_of_measurement`, '/')[SAFE_OFFSET(1)], latest.`unit_of_measurement`
      ) AS `counted_in`
    FROM ${latest_versions}
  )
),
`grown` AS (
  SELECT `source`, `statistic_id`, `start`, `local_time`, `unit`, `amount`, `hours`
  FROM (
    SELECT
      `source`, `statistic_id`, `start`, `local_time`, `unit`,
      `total` - LAG(`total`) OVER (
        PARTITION BY `source`, `statistic_id` ORDER BY `start`
      ) AS `amount`,
      TIMESTAMP_DIFF(
        `start`,
        LAG(`start`) OVER (PARTITION BY `source`, `statistic_id` ORDER BY `start`),
        HOUR
      ) AS `hours`
    FROM (
      SELECT
        `source`, `statistic_id`, `start`, `local_time`,
        IF(`kwh` IS NULL, `unit`, 'kWh') AS `unit`,
        IFNULL(`kwh`, 1.0) * `sum` AS `total`
      FROM `hour`
      WHERE `sum` IS NOT NULL
    )
  )
  WHERE `start` >= begin_time AND `amount` IS NOT NULL
),
`edge` AS (
  SELECT `source`, `kind`, `from_id`, `to_id`, `to_name`
  FROM `${relationships_latest}`
  WHERE `kind` IN ('measured_by', 'has_cost', 'has_price', 'included_in')
),
`price` AS (
  SELECT
    edge.`source`,
    edge.`from_id` AS `statistic_id`,
    hour.`start`,
    IF(hour.`kwh` IS NULL, NULLIF(hour.`counted_in`, hour.`unit`), 'kWh') AS `counted_in`,
    hour.`mean` / IFNULL(hour.`kwh`, 1.0) AS `price`,
    SPLIT(hour.`unit`, '/')[SAFE_OFFSET(0)] AS `currency`
  FROM `edge` AS edge
  JOIN `hour` AS hour
  ON edge.`source` = hour.`source` AND edge.`to_id` = hour.`statistic_id`
  WHERE edge.`kind` = 'has_price' AND hour.`mean` IS NOT NULL
),
`carbon` AS (
  SELECT `source`, `start`, AVG(`mean`) AS `intensity`
  FROM `hour`
  WHERE REPLACE(LOWER(`unit`), ' ', '') IN ('gco2/kwh', 'gco2e/kwh', 'gco2eq/kwh')
    AND `mean` IS NOT NULL
  GROUP BY `source`, `start`
),
`meter_hour` AS (
  SELECT
    meter.`source`, meter.`from_id` AS `flow`, meter.`to_id` AS `statistic_id`,
    grown.`start`, grown.`local_time`, grown.`amount`, grown.`hours`, grown.`unit`,
    IF(
      meter.`from_id` = 'grid_import' AND grown.`unit` = 'kWh',
      grown.`amount` * carbon.`intensity`,
      NULL
    ) AS `co2_grams`,
    price.`price`,
    IF(bill.`to_id` IS NULL, grown.`amount` * price.`price`, NULL) AS `cost`,
    IF(bill.`to_id` IS NULL, price.`currency`, NULL) AS `currency`
  FROM `edge` AS meter
  JOIN `grown` AS grown
  ON meter.`source` = grown.`source` AND meter.`to_id` = grown.`statistic_id`
  LEFT JOIN `edge` AS bill
  ON meter.`source` = bill.`source` AND meter.`to_id` = bill.`from_id` AND bill.`kind` = 'has_cost'
  LEFT JOIN `price` AS price
  ON grown.`source` = price.`source`
    AND grown.`statistic_id` = price.`statistic_id`
    AND grown.`start` = price.`start`
    AND grown.`unit` = IFNULL(price.`counted_in`, grown.`unit`)
  LEFT JOIN `carbon` AS carbon
  ON grown.`source` = carbon.`source` AND grown.`start` = carbon.`start`
  WHERE meter.`kind` = 'measured_by'
  UNION ALL
  SELECT
    meter.`source`, meter.`from_id`, meter.`to_id`, paid.`start`, paid.`local_time`,
    CAST(NULL AS FLOAT64), CAST(NULL AS INT64), CAST(NULL AS STRING), CAST(NULL AS FLOAT64),
    CAST(NULL AS FLOAT64), paid.`amount`, paid.`unit`
  FROM `edge` AS meter
  JOIN `edge` AS bill
  ON meter.`source` = bill.`source` AND meter.`to_id` = bill.`from_id`
  JOIN `grown` AS paid
  ON bill.`source` = paid.`source` AND bill.`to_id` = paid.`statistic_id`
  WHERE meter.`kind` = 'measured_by' AND bill.`kind` = 'has_cost'
)
