    -- JSON_KEYS puts names with special characters into quotes (BigQuery's page "JSON functions").
    TRIM(`key`, '"') AS `attribute`,
    `attributes`[TRIM(`key`, '"')] AS `value`,
    TO_JSON_STRING(`attributes`[TRIM(`key`, '"')]) AS `text`
