"""Service accounts: keys, assertions and access tokens."""

import time

from google.api_core import exceptions
from google.auth.exceptions import RefreshError
from google.cloud import bigquery
import grpc
import jwt
import pytest
import requests

from .clients import SCOPES, rest_client, write_client_for
from .process import DATA_EDITOR, Json, LocalBigQuery, LocalBigQueryError

AUDIENCE = "https://oauth2.googleapis.com/token"


def assertion(key: Json, **changes: object) -> str:
    """Return a signed assertion as google-auth makes it, with some claims changed."""
    now = int(time.time())
    claims = {
        "iss": key["client_email"],
        "aud": AUDIENCE,
        "scope": " ".join(SCOPES),
        "iat": now,
        "exp": now + 3600,
        **changes,
    }
    return jwt.encode(
        claims, key["private_key"], algorithm="RS256", headers={"kid": key["private_key_id"]}
    )


def exchange(key: Json, value: str) -> requests.Response:
    """Send an assertion to the token endpoint that the key file names."""
    grant_type = "urn:ietf:params:oauth:grant-type:jwt-bearer"
    return requests.post(
        key["token_uri"], data={"grant_type": grant_type, "assertion": value}, timeout=10
    )


def datasets(local_bigquery: LocalBigQuery, project: str, token: str) -> requests.Response:
    """Call datasets.list with a bearer token."""
    return requests.get(
        f"{local_bigquery.rest_url}/bigquery/v2/projects/{project}/datasets",
        headers={"Authorization": f"Bearer {token}"},
        timeout=10,
    )


def test_an_assertion_is_exchanged_for_a_token_of_one_hour(
    local_bigquery: LocalBigQuery, key: Json, project: str
) -> None:
    """A good assertion gives an access token that the API accepts, and says how long it lasts."""
    answer = exchange(key, assertion(key))
    assert answer.status_code == 200
    assert answer.json()["expires_in"] == 3600
    assert datasets(local_bigquery, project, answer.json()["access_token"]).ok


@pytest.mark.parametrize("token", ["", "ya29.made-up", "a.b.c"])
def test_a_call_without_a_valid_token_is_refused(
    local_bigquery: LocalBigQuery, project: str, token: str
) -> None:
    """REST calls without a token, or with one that the server never gave, get Google's 401."""
    answer = datasets(local_bigquery, project, token)
    assert answer.status_code == 401
    error = answer.json()["error"]
    assert (error["code"], error["status"]) == (401, "UNAUTHENTICATED")
    assert error["errors"][0]["reason"] == "authError"


@pytest.mark.parametrize(
    ("changes", "description"),
    [
        ({"iss": "nobody@local-project.iam.gserviceaccount.com"}, "account not found"),
        ({"iat": time.time() - 9000, "exp": time.time() - 5400}, "short-lived token"),
        ({"exp": time.time() + 9000}, "short-lived token"),
        ({"iat": time.time() + 3000, "exp": time.time() + 6000}, "short-lived token"),
        ({"iat": time.time() - 2_592_000, "exp": time.time() - 2_588_400}, "short-lived token"),
        ({"iat": time.time() + 7_200, "exp": time.time() + 10_800}, "short-lived token"),
        ({"aud": "https://example.com/token"}, "audience"),
        ({"scope": ""}, "scope"),
    ],
)
def test_a_bad_assertion_is_refused(key: Json, changes: Json, description: str) -> None:
    """An unknown account and claims that are too old, too long or for another are refused."""
    answer = exchange(key, assertion(key, **changes))
    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_grant"
    assert description in answer.json()["error_description"]


def test_a_signature_by_another_key_is_refused(local_bigquery: LocalBigQuery, project: str) -> None:
    """An assertion must be signed by the private key that its key id belongs to."""
    key, other = (local_bigquery.create_account(project) for _ in range(2))
    forged = {**key, "private_key": other["private_key"]}
    answer = exchange(key, assertion(forged))
    assert answer.status_code == 400
    assert answer.json() == {
        "error": "invalid_grant",
        "error_description": "Invalid JWT Signature.",
    }


def test_a_deleted_key_gives_no_more_tokens(
    local_bigquery: LocalBigQuery, key: Json, project: str
) -> None:
    """Deleting one of two keys stops new tokens for it, but not the tokens that there are."""
    second = local_bigquery.create_key(key["client_email"])
    token = exchange(second, assertion(second)).json()["access_token"]
    local_bigquery.delete_key(second["client_email"], second["private_key_id"])
    assert exchange(second, assertion(second)).status_code == 400
    assert datasets(local_bigquery, project, token).ok
    assert exchange(key, assertion(key)).ok


def test_a_deleted_account_is_refused_at_once(local_bigquery: LocalBigQuery, project: str) -> None:
    """Google's client reports a deleted account as RefreshError, and its token gets 401."""
    key = local_bigquery.create_account(project, [{"role": DATA_EDITOR, "project": project}])
    token = exchange(key, assertion(key)).json()["access_token"]
    local_bigquery.delete_account(key["client_email"])
    assert datasets(local_bigquery, project, token).status_code == 401
    with rest_client(local_bigquery.rest_url, key) as client, pytest.raises(RefreshError) as error:
        client.get_dataset("any")
    assert "account not found" in str(error.value)


def test_a_self_signed_token_is_accepted(
    local_bigquery: LocalBigQuery, key: Json, project: str
) -> None:
    """A JWT that the account signed itself does for an access token, as Google documents."""
    value = assertion(key, sub=key["client_email"], aud="https://bigquery.googleapis.com/")
    assert datasets(local_bigquery, project, value).ok
    assert datasets(local_bigquery, project, value[:-8] + "AAAAAAAA").status_code == 401


def test_a_token_must_have_a_scope_of_bigquery(
    local_bigquery: LocalBigQuery, key: Json, project: str
) -> None:
    """A token for another API is refused with 403."""
    scope = "https://www.googleapis.com/auth/devstorage.read_only"
    token = exchange(key, assertion(key, scope=scope)).json()["access_token"]
    answer = datasets(local_bigquery, project, token)
    assert answer.status_code == 403
    assert "insufficient authentication scopes" in answer.json()["error"]["message"]


def test_a_grpc_call_without_a_valid_token_is_refused(
    local_bigquery: LocalBigQuery, project: str
) -> None:
    """The Storage Write API ends calls without a valid token as UNAUTHENTICATED."""
    credentials = grpc.access_token_call_credentials("ya29.made-up")
    name = f"projects/{project}/datasets/d/tables/t/streams/s"
    with (
        write_client_for(local_bigquery.storage_url, credentials) as writer,
        pytest.raises(exceptions.Unauthenticated),
    ):
        writer.get_write_stream(name=name)


def test_the_role_job_user_is_for_projects(local_bigquery: LocalBigQuery, project: str) -> None:
    """A grant that Google Cloud would not take is not taken here either."""
    grant = {"role": "roles/bigquery.jobUser", "project": project, "dataset": "d"}
    with pytest.raises(LocalBigQueryError, match="cannot be granted on a dataset"):
        local_bigquery.create_account(project, [grant])


def test_the_key_file_is_one_of_a_service_account(
    key: Json, project: str, client: bigquery.Client
) -> None:
    """The key file has the fields of Google's key files, and Google's client takes it."""
    assert key["type"] == "service_account"
    assert key["project_id"] == project
    assert key["client_email"].endswith(f"@{project}.iam.gserviceaccount.com")
    assert key["token_uri"].startswith("http://127.0.0.1:")
    assert client.project == project
