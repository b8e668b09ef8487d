"""Signed requests to the admin listener."""

import botocore.auth
import botocore.awsrequest
import botocore.credentials

from . import raw
from .server import REGION


def ask(server, path, key=None, service="anabranch", method="GET", secret=None, is_main=False):
    """A request to the admin listener, or to the main port; with a key, a signed one."""
    address = server.endpoint if is_main else server.admin
    request = botocore.awsrequest.AWSRequest(method, f"{address}/_anabranch/{path}")
    if key is not None:
        signer = botocore.credentials.Credentials(key.access_key, secret or key.secret)
        botocore.auth.SigV4Auth(signer, service, REGION).add_auth(request)
    headers = {name: value.decode() if isinstance(value, bytes) else value
               for name, value in request.prepare().headers.items()}
    connection = raw.connect(server) if is_main else raw.connect_admin(server)
    try:
        return raw.exchange(connection, method, f"/_anabranch/{path}", None, headers)
    finally:
        connection.close()
