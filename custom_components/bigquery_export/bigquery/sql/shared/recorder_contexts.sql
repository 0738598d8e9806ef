  -- A ULID has 26 digits of 5 bits, of which the first two bits are 0, and RFC 4648 other digits:
  -- 6 zeros before them make 20 bytes, of which the last 16 are the ULID.
  FROM_HEX(SUBSTR(TO_HEX(FROM_BASE32(CONCAT('AAAAAA', TRANSLATE(
    REGEXP_EXTRACT(`context_id`, r'^[0-7][0-9A-HJKMNP-TV-Z]{25}\z'),
    '0123456789ABCDEFGHJKMNPQRSTVWXYZ', 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
  )))), 9)) AS `context_id_bin`,
  SAFE.FROM_HEX(`context_user_id`) AS `context_user_id_bin`,
  FROM_HEX(SUBSTR(TO_HEX(FROM_BASE32(CONCAT('AAAAAA', TRANSLATE(
    REGEXP_EXTRACT(`context_parent_id`, r'^[0-7][0-9A-HJKMNP-TV-Z]{25}\z'),
    '0123456789ABCDEFGHJKMNPQRSTVWXYZ', 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
  )))), 9)) AS `context_parent_id_bin`,
