"""Which names of the server and which web pages are answered."""

import subprocess

import pytest

from support import credentials, raw, streams

STRANGE = ["example.org", "rebound.example:4567", "localhost.example.org"]
PAGES = ["https://example.org", "null", "http://localhost.example.org"]


def refused(reply):
    assert reply.status == 403
    assert not [name for name in reply.headers if name.startswith("access-control-")]
    return True


def test_a_web_page_does_not_reach_an_open_server(server, client):
    name = streams.unique()
    for headers in [{"Host": host} for host in STRANGE] + [{"Origin": page} for page in PAGES]:
        reply = raw.call(server, "CreateStream", {"StreamName": name, "ShardCount": 1},
                         headers=headers)
        assert refused(reply) and reply.error[0] == "AccessDeniedException"
        assert "--allowed-host" in reply.error[1]
        plain = raw.call(server, "ListStreams", {}, headers=headers, content_type="text/plain")
        assert refused(plain) and b"StreamNames" not in plain.body
        ask = {"Access-Control-Request-Method": "POST",
               "Access-Control-Request-Headers": "x-amz-target", **headers}
        assert refused(raw.send(server, None, content_type=None, method="OPTIONS",
                                authorize=False, headers={"Origin": "http://localhost", **ask}))
        status = raw.send(server, None, content_type=None, method="GET", authorize=False,
                          path="/status", headers=headers, connection=raw.connect_admin(server))
        assert refused(status) and b"durability" not in status.body
    with streams.refused("ResourceNotFoundException"):
        client.describe_stream_summary(StreamName=name)


def test_probes_may_call_the_server_what_they_like(server):
    for path in ["health", "ready"]:
        reply = raw.send(server, None, content_type=None, method="GET", authorize=False,
                         path=f"/_anabranch/{path}", headers={"Host": "10.1.2.3:80"})
        assert reply.status == 200


def test_http2_names_its_host_in_the_authority(server):
    """With curl, which puts a `Host` into `:authority`."""
    def status(host):
        done = subprocess.run(
            ["curl", "--silent", "--http2-prior-knowledge", "--header", f"Host: {host}",
             "--header", f"X-Amz-Target: {raw.PREFIX}DescribeLimits",
             "--header", f"Content-Type: {raw.JSON}", "--data", "{}", "--output", "/dev/null",
             "--write-out", "%{http_version} %{http_code}", server.endpoint],
            capture_output=True, timeout=30)
        return done.stdout.decode()
    assert status("localhost:1") == "2 200"
    assert status("example.org") == "2 403"


def test_hosts_that_are_allowed_are_answered_and_so_are_their_pages(start_server):
    server = start_server("--allowed-host", "kinesis,dev.example:80")
    for headers in [{"Host": "kinesis:4567"}, {"Host": "dev.example:80"},
                    {"Origin": "http://kinesis"}, {}]:
        assert raw.call(server, "DescribeLimits", {}, headers=headers).status == 200
    for headers in [{"Host": "dev.example"}, {"Host": "other"}, {"Origin": "http://other"}]:
        assert raw.call(server, "DescribeLimits", {}, headers=headers).status == 403


def test_a_request_signed_for_another_server_is_none_for_this_one(start_server, tmp_path):
    file = tmp_path / "credentials.toml"
    key = credentials.add(file, "alice")
    anywhere = start_server("--credentials", file)
    here = start_server("--credentials", file, env={"ANABRANCH_ALLOWED_HOST": "localhost"})

    def replayed(server, host):
        return raw.send_signed(server, "DescribeLimits", {}, key.access_key, key.secret,
                               extra={"Host": host})
    assert replayed(anywhere, "other.example").status == 200
    assert replayed(here, "localhost").status == 200
    for host in ["other.example", "127.0.0.1"]:
        reply = replayed(here, host)
        assert (reply.status, reply.error[0]) == (403, "AccessDeniedException")


@pytest.mark.parametrize("flags", [["--allowed-host", "*"], ["--allowed-host", "a b"]])
def test_a_star_allows_everything_and_nonsense_is_no_host(start_server, flags):
    if flags[1] != "*":
        with pytest.raises(Exception, match="NAME:PORT"):
            start_server(*flags)
        return
    server = start_server(*flags)
    reply = raw.call(server, "DescribeLimits", {},
                     headers={"Host": "example.org", "Origin": "https://example.org"})
    assert (reply.status, reply.headers["access-control-allow-origin"]) == (200, "*")
