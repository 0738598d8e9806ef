`area_name` IS NOT NULL
  AND `state_changed`
  AND `is_available`
  AND (
    `domain` IN ('cover', 'fan', 'light', 'lock', 'media_player', 'switch', 'vacuum')
    OR (
      `domain` = 'binary_sensor'
      AND `state` = 'on'
      AND `device_class` IN (
        'door', 'garage_door', 'motion', 'moving', 'occupancy', 'opening', 'presence', 'sound',
        'vibration', 'window'
      )
    )
  )
