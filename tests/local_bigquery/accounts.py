"""Service accounts: their keys, their grants, and the access tokens they are given.

Sources: identity/protocols/oauth2/service-account (token exchange, and self-signed JWTs "without
OAuth"), iam/docs/keys-create-delete (the key file).
"""

from dataclasses import dataclass, field
from functools import cache
from itertools import cycle
import secrets
import time
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
import jwt

from .permissions import Grant
from .settings import Settings
from .store import Document, Store

_ASSERTION_SECONDS = 3600
TOKEN_AUDIENCE = "https://oauth2.googleapis.com/token"  # noqa: S105  (an address, not a secret)
GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer"

_SCOPE = "https://www.googleapis.com/auth/"
SCOPES_FOR_EVERYTHING = frozenset({f"{_SCOPE}bigquery", f"{_SCOPE}cloud-platform"})
SCOPES_FOR_WRITING = SCOPES_FOR_EVERYTHING | {f"{_SCOPE}bigquery.insertdata"}

# Clocks differ; Google does not say by how much they may.
_LEEWAY_SECONDS = 60


class InvalidGrantError(Exception):
    """An assertion that the token endpoint refuses; the text is its error_description."""


@dataclass(slots=True)
class Account:
    """A service account with the public keys (PEM) that its key files belong to."""

    email: str
    project: str
    grants: list[Grant] = field(default_factory=list)
    keys: dict[str, str] = field(default_factory=dict)

    def to_document(self) -> Document:
        """Return what the store keeps."""
        return {
            "project": self.project,
            "grants": [grant.to_json() for grant in self.grants],
            "keys": self.keys,
        }

    @classmethod
    def from_document(cls, email: str, document: Document) -> Account:
        """Read what the store kept."""
        grants = [Grant(**grant) for grant in document["grants"]]
        return cls(email, document["project"], grants, document["keys"])


@dataclass(frozen=True, slots=True)
class Token:
    """An access token: whose, what it may be used for, and until when (seconds since 1970)."""

    email: str
    scopes: frozenset[str]
    expires: float

    def to_document(self) -> Document:
        """Return what the store keeps."""
        return {"email": self.email, "scopes": sorted(self.scopes), "expires": self.expires}

    @classmethod
    def from_document(cls, document: Document) -> Token:
        """Read what the store kept."""
        return cls(document["email"], frozenset(document["scopes"]), document["expires"])


class Accounts:
    """All service accounts of the server."""

    def __init__(self, store: Store, settings: Settings) -> None:
        """Read the accounts and tokens that were made before."""
        self._store = store
        self._settings = settings
        self._accounts = {
            email: Account.from_document(email, document)
            for email, document in store.all("account")
        }
        self._tokens = {
            value: Token.from_document(document) for value, document in store.all("token")
        }

    def get(self, email: str) -> Account | None:
        """Return the account, if there is one."""
        return self._accounts.get(email)

    def create(self, project: str, grants: list[Grant]) -> Account:
        """Make an account without a key."""
        email = f"local-{secrets.token_hex(5)}@{project}.iam.gserviceaccount.com"
        account = self._accounts[email] = Account(email, project, grants)
        self.save(account)
        return account

    def save(self, account: Account) -> None:
        """Keep the account as it is now."""
        self._store.put("account", {account.email: account.to_document()})

    def grant(self, email: str, grant: Grant) -> None:
        """Give an account one more role."""
        account = self._accounts[email]
        if grant not in account.grants:
            account.grants.append(grant)
            self.save(account)

    def delete(self, email: str) -> None:
        """Forget the account; what its keys and tokens stand for is gone with it."""
        del self._accounts[email]
        self._store.drop("account", email)

    def exchange(self, assertion: str) -> tuple[str, float]:
        """Return a new access token and how many seconds it lasts; raises InvalidGrantError."""
        claims = self._verified_claims(assertion)
        if claims.get("aud") != TOKEN_AUDIENCE:
            raise InvalidGrantError("Invalid JWT: Failed audience check.")
        scopes = frozenset(str(claims.get("scope", "")).split())
        if not scopes:
            raise InvalidGrantError("Invalid OAuth scope or ID token audience provided.")
        value = f"ya29.{secrets.token_urlsafe(48)}"
        seconds = self._settings.token_seconds
        token = self._tokens[value] = Token(claims["iss"], scopes, time.time() + seconds)
        self._store.put("token", {value: token.to_document()})
        return value, seconds

    def token(self, value: str) -> Token | None:
        """Return what a bearer token stands for, or None if it is not valid."""
        if value.count(".") == 2 and value not in self._tokens:
            return self._self_signed(value)
        token = self._tokens.get(value)
        return token if token and token.expires > time.time() else None

    def _self_signed(self, value: str) -> Token | None:
        """Read a JWT that the client signed itself instead of exchanging it.

        Source: service-account, "Addendum: Service account authorization without OAuth".
        """
        try:
            claims = self._verified_claims(value)
        except InvalidGrantError:
            return None
        if claims.get("sub") != claims["iss"]:
            return None
        scopes = frozenset(str(claims.get("scope", "")).split()) or SCOPES_FOR_EVERYTHING
        return Token(claims["iss"], scopes, claims["exp"])

    def _verified_claims(self, assertion: str) -> dict[str, Any]:
        try:
            key_id = jwt.get_unverified_header(assertion).get("kid")
            email = jwt.decode(assertion, options={"verify_signature": False}).get("iss")
        except jwt.PyJWTError:
            raise InvalidGrantError("Bad Request") from None
        account = self._accounts.get(str(email))
        if account is None:
            raise InvalidGrantError("Invalid grant: account not found")
        public_key = account.keys.get(str(key_id))
        if public_key is None:
            raise InvalidGrantError("Invalid JWT Signature.")
        try:
            claims: dict[str, Any] = jwt.decode(
                assertion,
                public_key,
                algorithms=["RS256"],
                leeway=_LEEWAY_SECONDS,
                options={"require": ["iat", "exp"], "verify_aud": False},
            )
        except jwt.InvalidSignatureError, jwt.InvalidAlgorithmError:
            raise InvalidGrantError("Invalid JWT Signature.") from None
        except jwt.PyJWTError:
            raise InvalidGrantError(_NOT_SHORT_LIVED) from None
        if claims["exp"] - claims["iat"] > _ASSERTION_SECONDS:
            raise InvalidGrantError(_NOT_SHORT_LIVED)
        return claims


# A private key takes long to make, so that a few serve in turn; never twice running the same.
_turns = cycle(range(4))


@cache
def _private_key(turn: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


_NOT_SHORT_LIVED = (
    "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe."
    " Check your iat and exp values in the JWT claim."
)


def new_key(account: Account, token_uri: str) -> dict[str, str]:
    """Add a key to the account and return its key file; takes a moment, so call it in a thread."""
    private_key = _private_key(next(_turns))
    key_id = secrets.token_hex(20)
    public_pem = private_key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    private_pem = private_key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    account.keys[key_id] = public_pem.decode()
    return {
        "type": "service_account",
        "project_id": account.project,
        "private_key_id": key_id,
        "private_key": private_pem.decode(),
        "client_email": account.email,
        "client_id": str(secrets.randbelow(10**21)),
        "auth_uri": "https://accounts.google.com/o/oauth2/auth",
        "token_uri": token_uri,
        "universe_domain": "googleapis.com",
    }
