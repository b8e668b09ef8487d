"""Keys made by our own command."""

import dataclasses
import json

from .server import ACCOUNT, run_cli


@dataclasses.dataclass
class Key:
    access_key: str
    secret: str
    account: str


def add(file, user="alice", account=ACCOUNT, *flags):
    """Adds a key to the file and returns it."""
    result = run_cli("credentials", "add", "--file", file, "--user", user,
                     "--account-id", account, "--json", *flags)
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    secret = next(value for name, value in found.items() if "secret" in name)
    return Key(found["access_key_id"], secret, account)
