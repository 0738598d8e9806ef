"""The tables that a statement names, found by its words."""

import re

from .catalog import Catalog
from .names import TableName
from .schema import Json

_NAME = re.compile(r"(?:([a-z][a-z0-9-]+)\.)?(\w+)\.(\w+)")


def named_tables(catalog: Catalog, project: str, sql: str, default: Json | None) -> list[TableName]:
    """Return the tables in known datasets that a statement names, whether they exist or not.

    `default` is the reference of the dataset for names without one.
    """
    names = [
        TableName(owner or project, dataset, table)
        for owner, dataset, table in _NAME.findall(sql.replace("`", ""))
        if catalog.dataset(owner or project, dataset)
    ]
    if default:
        owner, dataset = default.get("projectId", project), default["datasetId"]
        names.extend(
            TableName(owner, dataset, body["tableReference"]["tableId"])
            for body in catalog.tables(owner, dataset)
            if re.search(rf"\b{body['tableReference']['tableId']}\b", sql)
        )
    return names
