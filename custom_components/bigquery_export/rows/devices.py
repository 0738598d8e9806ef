"""The table `devices`: the device registry over time, a row for each change of a device."""

from .dimension_table import CHANGED, dimension_table, validity
from .table import Column, ColumnType, Mode, Scope

SERIAL_NUMBER = "serial_number"

DEVICES = dimension_table(
    name="devices",
    description="What Home Assistant's registry says of each device: a row for each change",
    about="device_id",
    cluster_by=("device_id",),
    columns=(
        Column("device_id", ColumnType.STRING, Scope.ENTITY, "Id of the device", Mode.REQUIRED),
        *validity(CHANGED, "device"),
        Column("name", ColumnType.STRING, Scope.ENTITY, "Its name, the user's first"),
        Column("manufacturer", ColumnType.STRING, Scope.ENTITY, "Its manufacturer"),
        Column("model", ColumnType.STRING, Scope.ENTITY, "Its model"),
        Column("model_id", ColumnType.STRING, Scope.ENTITY, "The manufacturer's id of the model"),
        Column("sw_version", ColumnType.STRING, Scope.ENTITY, "Version of its software, firmware"),
        Column("hw_version", ColumnType.STRING, Scope.ENTITY, "Version of its hardware"),
        Column(
            SERIAL_NUMBER,
            ColumnType.STRING,
            Scope.ENTITY,
            "A pseudonym of its serial number, which only your Home Assistant can tell",
        ),
        Column(
            "connections",
            ColumnType.STRING,
            Scope.ENTITY,
            "How it is connected, such as mac, bluetooth or zigbee: the kinds, and no addresses",
            Mode.REPEATED,
        ),
        Column(
            "via_device_id", ColumnType.STRING, Scope.ENTITY, "The device that it connects through"
        ),
        Column(
            "parent_device_id", ColumnType.STRING, Scope.ENTITY, "The device that it is a part of"
        ),
        Column("area_id", ColumnType.STRING, Scope.ENTITY, "Its area, else that of its parent"),
        Column("area_name", ColumnType.STRING, Scope.ENTITY, "Name of the area"),
        Column(
            "integrations",
            ColumnType.STRING,
            Scope.ENTITY,
            "The integrations that have registered it or an entity of it",
            Mode.REPEATED,
        ),
        Column(
            "entry_id",
            ColumnType.STRING,
            Scope.ENTITY,
            "The config entry that has registered it: see the table integrations",
        ),
        Column("disabled_by", ColumnType.STRING, Scope.ENTITY, "Who disabled it, if it is"),
        Column("created", ColumnType.TIMESTAMP, Scope.ENTITY, "When it was registered"),
    ),
)
