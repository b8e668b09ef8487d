"""Where the client commands find their endpoint, credentials and proxy, with the environment and files as
they are in the world."""

import http.server
import json
import threading

import pytest

from support.server import ACCOUNT, run_cli

KEYS = {"AWS_ACCESS_KEY_ID": ACCOUNT, "AWS_SECRET_ACCESS_KEY": "x", "AWS_REGION": "us-east-1"}
NOWHERE = "http://127.0.0.1:9"


class Answerer(http.server.BaseHTTPRequestHandler):
    """Answers everything as a server without streams, or, to a CONNECT, not at all."""

    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.server.seen.append(f"{self.command} {self.path}")
        body = json.dumps({"StreamNames": ["behind-the-proxy"], "HasMoreStreams": False}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/x-amz-json-1.1")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def refuse(self):
        self.server.seen.append(f"{self.command} {self.path}")
        self.send_response(403)
        self.send_header("content-length", "0")
        self.end_headers()

    do_CONNECT = do_PUT = do_GET = refuse

    def log_message(self, *_):
        pass


@pytest.fixture
def answerer():
    """A listener on a port of its own with the list of requests that it has seen."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answerer)
    server.seen = []
    server.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def listed(*flags, **environment):
    """What `anabranch streams list` answers."""
    return run_cli("streams", "list", *flags, env={**KEYS, "AWS_MAX_ATTEMPTS": "1", **environment})


def config(tmp_path, text):
    path = tmp_path / "config"
    path.write_text(text)
    return str(path)


SERVICES = """
[profile mine]
services = local
endpoint_url = {nowhere}

[services local]
kinesis =
  endpoint_url = {server}
"""


def test_a_profile_names_the_endpoint(server, stream, tmp_path):
    path = config(tmp_path, f"[default]\nendpoint_url = {server.endpoint}\n")
    result = listed(AWS_CONFIG_FILE=path)
    assert result.returncode == 0, result.stderr
    assert stream.encode() in result.stdout


def test_the_services_section_of_a_profile_goes_first(server, stream, tmp_path):
    path = config(tmp_path, SERVICES.format(nowhere=NOWHERE, server=server.endpoint))
    for how in ({"AWS_PROFILE": "mine"}, {}):
        flags = () if how else ("--profile", "mine")
        # A profile that is named must have credentials.
        keys = tmp_path / "credentials"
        keys.write_text(f"[mine]\naws_access_key_id = {ACCOUNT}\naws_secret_access_key = x\n")
        result = listed(*flags, AWS_CONFIG_FILE=path, AWS_SHARED_CREDENTIALS_FILE=str(keys), **how)
        assert result.returncode == 0, result.stderr
        assert stream.encode() in result.stdout


def test_the_environment_goes_before_the_profile(server, stream, tmp_path):
    path = config(tmp_path, f"[default]\nendpoint_url = {NOWHERE}\n")
    environment = {"AWS_CONFIG_FILE": path, "AWS_ENDPOINT_URL": NOWHERE}
    for more in ({"AWS_ENDPOINT_URL": server.endpoint}, {"AWS_ENDPOINT_URL_KINESIS": server.endpoint}):
        result = listed(**{**environment, **more})
        assert result.returncode == 0, result.stderr
        assert stream.encode() in result.stdout
    result = listed(**environment)
    assert result.returncode == 1
    assert f"cannot reach {NOWHERE} ".encode() in result.stderr


def test_the_flag_goes_before_everything(server, stream):
    result = listed("--endpoint", server.endpoint, AWS_ENDPOINT_URL_KINESIS=NOWHERE)
    assert result.returncode == 0, result.stderr
    assert stream.encode() in result.stdout


def test_what_is_no_url_is_refused_with_its_place():
    result = listed(AWS_ENDPOINT_URL="127.0.0.1:4567")
    assert result.returncode == 1
    assert b"from=AWS_ENDPOINT_URL" in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_proxies_of_the_environment_forward(answerer, variable):
    result = listed("--endpoint", "http://kinesis.test:4567", **{variable: answerer.url})
    assert result.returncode == 0, result.stderr
    assert b"behind-the-proxy" in result.stdout
    assert answerer.seen == ["POST http://kinesis.test:4567/"]


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy"])
def test_proxies_of_the_environment_tunnel(answerer, variable):
    through_a_tunnel(answerer, variable)


def test_certificates_of_ones_own_and_a_proxy_go_together(answerer, start_server):
    server = start_server("--tls-self-signed")
    bundle = str(server.data_dir / "tls-cert.pem")
    through_a_tunnel(answerer, "HTTPS_PROXY", AWS_CA_BUNDLE=bundle)
    result = listed("--endpoint", f"https://localhost:{server.port}", AWS_CA_BUNDLE=bundle)
    assert result.returncode == 0, result.stderr


def test_a_profile_names_certificates(start_server, tmp_path):
    server = start_server("--tls-self-signed")
    endpoint = f"endpoint_url = https://localhost:{server.port}\n"
    result = listed(AWS_CONFIG_FILE=config(tmp_path, f"[default]\n{endpoint}"))
    assert result.returncode == 1
    assert b"certificate" in result.stderr
    bundle = f"ca_bundle = {server.data_dir / 'tls-cert.pem'}\n"
    result = listed(AWS_CONFIG_FILE=config(tmp_path, f"[default]\n{endpoint}{bundle}"))
    assert result.returncode == 0, result.stderr


def test_a_proxy_that_is_not_spoken_to_is_said():
    result = listed("--endpoint", "http://kinesis.test", ALL_PROXY="socks5://127.0.0.1:9")
    assert result.returncode == 1
    assert b"the proxy is neither http:// nor https:// proxy=socks5://127.0.0.1:9" in result.stderr


def through_a_tunnel(answerer, variable, **environment):
    environment = {variable: answerer.url, **environment}
    result = listed("--endpoint", "https://kinesis.test", **environment)
    assert result.returncode == 1
    assert answerer.seen == ["CONNECT kinesis.test:443"]
    assert b"tunnel error" in result.stderr


def test_hosts_are_excepted_from_proxies(server, stream, answerer):
    """0.0.0.0 is this machine, too, but not by its name."""
    endpoint = server.endpoint.replace("127.0.0.1", "0.0.0.0")
    result = listed("--endpoint", endpoint, HTTP_PROXY=answerer.url, NO_PROXY="0.0.0.0")
    assert answerer.seen == []
    result = listed("--endpoint", endpoint, HTTP_PROXY=answerer.url)
    assert answerer.seen, result.stderr


def test_a_server_here_is_reached_without_the_proxy(server, stream, answerer):
    result = listed("--endpoint", server.endpoint, HTTP_PROXY=answerer.url)
    assert result.returncode == 0, result.stderr
    assert stream.encode() in result.stdout
    assert answerer.seen == []


def test_the_instance_is_asked_for_amazon_only(answerer):
    """The metadata service, which is ours here, would give Region and credentials."""
    environment = {
        "AWS_EC2_METADATA_DISABLED": "false",
        "AWS_EC2_METADATA_SERVICE_ENDPOINT": answerer.url,
        "AWS_MAX_ATTEMPTS": "1",
        # Nobody is to be reached.
        "HTTP_PROXY": NOWHERE, "HTTPS_PROXY": NOWHERE,
    }

    def run(*flags):
        return run_cli("streams", "list", *flags, env=environment)

    result = run("--endpoint", "http://kinesis.test")
    assert result.returncode == 1
    assert b"no credentials for http://kinesis.test" in result.stderr
    assert answerer.seen == []
    result = run("--endpoint", "https://kinesis.us-east-1.amazonaws.com")
    assert result.returncode == 1
    assert answerer.seen, result.stderr
