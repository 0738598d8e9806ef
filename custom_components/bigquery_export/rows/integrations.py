"""The table `integrations`: the entries of integrations over time, a row for each change."""

from .dimension_table import NOTICED, dimension_table, validity
from .table import Column, ColumnType, Mode, Scope

STATE_NUMBER = "state_number"
"""The column that numbers the states of an entry."""

INTEGRATIONS = dimension_table(
    name="integrations",
    description="The entries of integrations and whether they work: a row for each change",
    about="entry_id",
    cluster_by=("domain", "entry_id"),
    columns=(
        Column(
            "entry_id",
            ColumnType.STRING,
            Scope.ENTITY,
            "Id of the config entry: an integration has one for each hub, account or device",
            Mode.REQUIRED,
        ),
        *validity(f"when its state changed, or {NOTICED}", "entry"),
        Column("domain", ColumnType.STRING, Scope.ENTITY, "The integration, such as hue"),
        Column("name", ColumnType.STRING, Scope.ENTITY, "Its name, such as Philips Hue"),
        Column(
            "version",
            ColumnType.STRING,
            Scope.ENTITY,
            "Version of the integration; of one that is built in, that of Home Assistant",
        ),
        Column(
            "is_built_in",
            ColumnType.BOOL,
            Scope.ENTITY,
            "Whether it comes with Home Assistant; else it is a custom one",
        ),
        Column(
            "integration_type",
            ColumnType.STRING,
            Scope.ENTITY,
            "device, hub, service, helper, system, hardware, entity or virtual",
        ),
        Column(
            "iot_class",
            ColumnType.STRING,
            Scope.ENTITY,
            "How it gets its data: local_push, cloud_polling, calculated …",
        ),
        Column(
            "state",
            ColumnType.STRING,
            Scope.ENTITY,
            "loaded; setup_retry, setup_error, migration_error or failed_unload where it failed;"
            " or not_loaded. A reload, and each new try of a retry, is passed over",
        ),
        Column(
            "reason",
            ColumnType.STRING,
            Scope.ENTITY,
            "Why it failed, in the integration's words when that began, without what its entry is"
            " set up with and without addresses; NULL where one of its entities is hidden",
        ),
        Column(
            "reason_key",
            ColumnType.STRING,
            Scope.ENTITY,
            "The integration's key of the reason, the same in all languages",
        ),
        Column("disabled_by", ColumnType.STRING, Scope.ENTITY, "Who disabled it, if it is"),
        Column("entities", ColumnType.INT64, Scope.ENTITY, "How many entities it has registered"),
        Column("devices", ColumnType.INT64, Scope.ENTITY, "How many devices it has registered"),
        Column("created", ColumnType.TIMESTAMP, Scope.ENTITY, "When it was set up"),
        Column(
            STATE_NUMBER,
            ColumnType.INT64,
            Scope.ENTITY,
            "Numbers the states of the entry, as this export has seen them: later ones have higher"
            " numbers",
        ),
    ),
)
