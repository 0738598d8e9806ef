  `attribute`,
  CASE SUBSTR(`text`, 1, 1)
    WHEN '"' THEN 'string'
    WHEN '{' THEN 'object'
    WHEN '[' THEN 'array'
    WHEN 't' THEN 'boolean'
    WHEN 'f' THEN 'boolean'
    WHEN 'n' THEN 'null'
    ELSE 'number'
  END AS `type`,
  IF(SUBSTR(`text`, 1, 1) IN ('{', '['), `text`, LAX_STRING(`value`)) AS `value`,
  IF(SUBSTR(`text`, 1, 1) IN ('"', '{', '[', 't', 'f', 'n'), NULL, LAX_FLOAT64(`value`))
    AS `value_numeric`
