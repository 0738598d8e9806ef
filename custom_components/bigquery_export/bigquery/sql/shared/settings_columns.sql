  NULLIF(ARRAY_TO_STRING(JSON_VALUE_ARRAY(settings.`said`['tables']), ', '), '') AS `tables`,
  NULLIF(ARRAY_TO_STRING(JSON_VALUE_ARRAY(settings.`said`['columns']), ', '), '') AS `columns`,
  NULLIF(ARRAY_TO_STRING(JSON_VALUE_ARRAY(settings.`said`['events']), ', '), '') AS `events`,
  settings.`said`['context_entities'] AS `context_entities`,
  settings.`said`['own_columns'] AS `own_columns`,
  settings.`said`['include'] AS `include`,
  settings.`said`['exclude'] AS `exclude`,
  NULLIF(ARRAY_TO_STRING(JSON_VALUE_ARRAY(settings.`said`['dropped_attributes']), ', '), '')
    AS `dropped_attributes`,
  NULLIF(ARRAY_TO_STRING(JSON_VALUE_ARRAY(settings.`said`['hidden_entities']), ', '), '')
    AS `hidden_entities`,
  JSON_VALUE(settings.`said`['coordinates']) AS `coordinates`,
  LAX_BOOL(settings.`said`['hash_users']) AS `hash_users`,
  JSON_VALUE(settings.`said`['delivery']) AS `delivery`
