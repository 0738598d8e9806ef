"""Manifest, translations and the other files that describe the integration."""

from dataclasses import fields
from itertools import chain
from pathlib import Path
import re
from typing import Any

from awesomeversion import AwesomeVersion, AwesomeVersionStrategy
from homeassistant.util.yaml import load_yaml_dict
import pytest

from custom_components.bigquery_export import config_flow, sensor
from custom_components.bigquery_export.bigquery import key_file
from custom_components.bigquery_export.const import CONF_FREQUENCY, CONF_SCHEDULE, DOMAIN
from custom_components.bigquery_export.errors import (
    ExportError,
    PermissionMissingError,
)
from custom_components.bigquery_export.flow import (
    connection_check,
    destination_form,
    field_rules,
    key_form,
    options_flow,
    own_columns_form,
)
from custom_components.bigquery_export.flow.options_form import OPTIONS_SCHEMA
from custom_components.bigquery_export.flow.schedule_form import SCHEDULE_SCHEMA
from custom_components.bigquery_export.settings.destination import console_links, destination_from
from custom_components.bigquery_export.status import issues
from tests.bigquery_export.support.metadata import ENGLISH, FOLDER, ROOT, read
from tests.documentation import pages

PLACEHOLDER = re.compile(r"{(\w+)}")


MANIFEST = read(FOLDER / "manifest.json")


def kinds_of_error() -> list[type[ExportError]]:
    """Return every kind of error that an export can end with."""
    found = [ExportError]
    for kind in found:
        found.extend(kind.__subclasses__())
    return [kind for kind in found if hasattr(kind, "key")]


def texts(tree: Any) -> list[str]:
    """Return all texts of a translation."""
    if isinstance(tree, str):
        return [tree]
    return list(chain.from_iterable(map(texts, tree.values())))


def test_requirements() -> None:
    """What Home Assistant installs is what the tests are run with."""
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    assert [line for line in lines if not line.startswith("#")] == MANIFEST["requirements"]


def test_manifest() -> None:
    """The manifest has what Home Assistant and HACS ask for, in hassfest's order."""
    assert MANIFEST["domain"] == DOMAIN == FOLDER.name
    assert MANIFEST["dependencies"] == ["file_upload", "http", "recorder"]
    assert MANIFEST["import_executor"]
    keys = list(MANIFEST)
    assert keys[:2] == ["domain", "name"]
    assert keys[2:] == sorted(keys[2:])
    assert re.fullmatch(r"\d+\.\d+\.\d+(-beta\.\d+)?", MANIFEST["version"])
    assert AwesomeVersion(MANIFEST["version"]).strategy is AwesomeVersionStrategy.SEMVER
    assert f"## [{MANIFEST['version']}]" in (ROOT / "CHANGELOG.md").read_text()
    assert f'version = "{MANIFEST["version"]}"' in (ROOT / "pyproject.toml").read_text()


def test_quality_scale() -> None:
    """Each rule has a status; what is not done says why, and what is documented says where."""
    rules = load_yaml_dict(str(FOLDER / "quality_scale.yaml"))["rules"]
    assert len(rules) == 54
    for rule, said in rules.items():
        status, comment = (said, "") if isinstance(said, str) else said.values()
        assert status in {"done", "exempt", "todo"}
        if status != "done":
            assert comment, rule
        elif rule.startswith("docs-"):
            pages = re.findall(r"[\w/-]+\.md", comment)
            assert pages, rule
            assert all((ROOT / page).exists() for page in pages), rule


def test_hacs() -> None:
    """HACS is told which Home Assistant is needed."""
    hacs = read(ROOT / "hacs.json")
    assert hacs["name"] == MANIFEST["name"]
    assert hacs["homeassistant"] == "2026.10.0"
    # What `script/release` builds, and .github/workflows/release.yml attaches to a release.
    assert hacs["zip_release"]
    assert hacs["filename"] in (ROOT / ".github" / "workflows" / "release.yml").read_text()
    assert (FOLDER / "brand" / "icon.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("kind", kinds_of_error(), ids=lambda kind: kind.key)
def test_every_error_is_a_sentence(kind: type[ExportError]) -> None:
    """Each kind of error has a sentence, and fills all placeholders in it."""
    message = ENGLISH["exceptions"][kind.key]["message"]
    placeholders = {field.name for field in fields(kind)} - {"retry_after"}
    if kind is PermissionMissingError:
        placeholders.add("role")
    assert set(PLACEHOLDER.findall(message)) <= placeholders
    if kind in issues.KINDS:
        placeholders |= {"service_account", *console_links(destination_from({}))}
        issue = ENGLISH["issues"][kind.key]
        flow = issue.get("fix_flow")
        steps = flow["step"].values() if flow else [issue]
        assert all(set(PLACEHOLDER.findall(step["description"])) <= placeholders for step in steps)
        assert {"title"} <= set(PLACEHOLDER.findall(issue["title"])) <= {"title", *placeholders}


def test_errors_of_the_config_flow() -> None:
    """Every error that a form can show has a text."""
    modules = (config_flow, destination_form, key_form, connection_check)
    source = "".join(Path(str(module.__file__)).read_text() for module in modules)
    written = set(re.findall(r'(?:"base"|CONF_\w+|field)\]?: "(\w+)"|= "(unsafe_\w+)"', source))
    keys = {key for pair in written for key in pair if key}
    keys |= {f"invalid_{field}" for field in destination_form.NAMES}
    keys |= {
        *("key_refused", "permission_missing", "api_disabled", "project_not_found", "refused"),
        *("other_location", "table_mismatch", "table_not_found", "unreachable"),
        *("storage_unreachable", "recorder_busy", "recorder_outdated", "recorder_unreadable"),
        *("domain_invalid", "glob_invalid", "kms_key_unusable", "reserved_table_id"),
        *("billing_disabled", "clock_wrong", "intercepted", "rows_hidden", "table_not_ready"),
        "token_refused",
        *(kind.key for kind in key_file.KeyFileError.__subclasses__()),
    }
    assert len(keys) > 15
    written = set(re.findall(r'"(surroundings?_\w+)"', Path(field_rules.__file__).read_text()))
    of_options = (field_rules, options_flow, own_columns_form)
    source = "".join(Path(str(module.__file__)).read_text() for module in of_options)
    kinds = "filtered|invalid|missing|refused|taken|too_many|twice|type|unfit"
    written |= set(re.findall(rf'"(\w+_(?:{kinds})|(?:queries_)?unusable)"', source))
    assert written == ENGLISH["options"]["error"].keys()
    keys |= {key for key in written if key.startswith("surrounding")}
    keys |= {"access_denied", "quota_exceeded"}
    assert keys == ENGLISH["config"]["error"].keys()


def test_translations_follow_the_rules_of_hassfest() -> None:
    """No markup, no quoted placeholder, no space at an end; set-up fields are described."""
    for text in texts(ENGLISH):
        assert text == text.strip()
        assert not re.search(r"<[a-z/]", text)
        assert not re.search(r"'{\w+}'", text)
    for flow in ("config", "options"):
        for step in ENGLISH[flow]["step"].values():
            for part in (step, *step.get("sections", {}).values()):
                fields = part.get("data", {}).keys()
                described = part.get("data_description", {}).keys()
                # The label of an option may say all.
                assert described <= fields if flow == "options" else described == fields


def test_options_have_texts() -> None:
    """Each section and field of the options has its texts, and each choice that they offer."""
    steps = ENGLISH["options"]["step"]
    sections = steps["init"]["sections"]
    parts = {str(name): part.schema.schema for name, part in OPTIONS_SCHEMA.schema.items()}
    parts[CONF_SCHEDULE] = SCHEDULE_SCHEMA.schema
    fields = sections[CONF_SCHEDULE]["data"].keys() - {CONF_FREQUENCY}
    assert steps["schedule"]["data"].keys() == fields
    assert parts.keys() == sections.keys()
    for name, selectors in parts.items():
        assert set(map(str, selectors)) == sections[name]["data"].keys()
        for selector in selectors.values():
            for validator in getattr(selector, "validators", [selector]):
                config = getattr(validator, "config", {})
                if config.get("options") and (key := config.get("translation_key")):
                    assert set(config["options"]) == ENGLISH["selector"][key]["options"].keys()


def test_written_pages() -> None:
    """The pages that follow from declarations say what the declarations say."""
    for path, text in pages().items():
        assert path.read_text() == text


def test_services() -> None:
    """Every action and field has a name, a description and an icon."""
    services = load_yaml_dict(str(FOLDER / "services.yaml"))
    assert services.keys() == ENGLISH["services"].keys()
    assert services.keys() == read(FOLDER / "icons.json")["services"].keys()
    for name, service in services.items():
        assert service["fields"].keys() == ENGLISH["services"][name]["fields"].keys()


def test_sensors_are_translated() -> None:
    """Every entity has a name and an icon, and every state of an enum has a word."""
    names = ENGLISH["entity"]["sensor"]
    descriptions = (*sensor.SENSORS, *sensor.QUERY_SENSORS, *sensor.LIVE_SENSORS)
    keys = {description.translation_key for description in descriptions}
    assert keys == names.keys()
    icons = read(FOLDER / "icons.json")["entity"]
    assert {domain: entities.keys() for domain, entities in icons.items()} == {
        domain: entities.keys() for domain, entities in ENGLISH["entity"].items()
    }
    for description in descriptions:
        if description.options:
            assert set(description.options) == names[description.key]["state"].keys()
