"""The responses of actions."""

from homeassistant.core import HomeAssistant
import pytest

from custom_components.bigquery_export.actions.responses import verify_response
from custom_components.bigquery_export.export.reconcile.comparison import Counts
from custom_components.bigquery_export.export.reconcile.verification import TableVerdict
from custom_components.bigquery_export.runner.requests import VerifyRequest
from custom_components.bigquery_export.runner.verifier import Verdict
from custom_components.bigquery_export.translation import async_load_translations

FOUND = Counts(recorder=5, bigquery=3, missing=2)
SUMMARIES = [
    ("en", False, "BigQuery lacks 2 of 5 exported rows"),
    ("de", False, "In BigQuery fehlen 2 von 5 exportierten Zeilen"),
    ("de", True, "Zeilen aufzulisten ist kostenlos."),
]


@pytest.mark.parametrize(("language", "dry_run", "sentence"), SUMMARIES)
async def test_summary(hass: HomeAssistant, language: str, dry_run: bool, sentence: str) -> None:
    """The summary is in Home Assistant's language, and says what to do."""
    hass.config.language = language
    await async_load_translations(hass)
    wanted = VerifyRequest(None, range(2), query=False, dry_run=dry_run)
    verdict = Verdict({"events": TableVerdict(days={1: FOUND})}, 0.5)
    response = verify_response(hass, wanted, verdict)
    assert response["summary"].startswith(sentence)
    assert response["summary"].endswith(".")
    assert response["last_day"] == "1970-01-02"
    assert ("total" in response) is not dry_run
