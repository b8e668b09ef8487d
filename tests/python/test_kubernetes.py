"""The manifest of `contrib/kubernetes`: it gives no rights that are not needed, and it starts what there is."""

import re

import pytest
import yaml

from support.server import ROOT, run_cli

MANIFEST = ROOT / "contrib" / "kubernetes" / "anabranch.yaml"


@pytest.fixture(scope="module")
def objects():
    found = {thing["kind"]: thing for thing in yaml.safe_load_all(MANIFEST.read_text())}
    assert set(found) == {"Service", "StatefulSet"}
    return found


@pytest.fixture(scope="module")
def pod(objects):
    return objects["StatefulSet"]["spec"]["template"]["spec"]


@pytest.fixture(scope="module")
def container(pod):
    (container,) = pod["containers"]
    return container


def test_the_process_has_no_rights(pod, container):
    of_pod, own = pod["securityContext"], container["securityContext"]
    assert of_pod["runAsNonRoot"] is True
    assert of_pod["runAsUser"] != 0 and of_pod["runAsGroup"] != 0
    assert of_pod["seccompProfile"] == {"type": "RuntimeDefault"}
    assert own["allowPrivilegeEscalation"] is False and own["readOnlyRootFilesystem"] is True
    assert own["capabilities"] == {"drop": ["ALL"]} and "privileged" not in own
    assert pod["automountServiceAccountToken"] is False
    assert not any(pod.get(name) for name in ["hostNetwork", "hostPID", "hostIPC"])


def test_volumes_and_secrets_are_of_a_group_of_the_process_and_not_of_others(
        objects, pod, container):
    assert pod["securityContext"]["fsGroup"] == pod["securityContext"]["runAsGroup"]
    mounts = {mount["name"]: mount for mount in container["volumeMounts"]}
    (secret,) = pod["volumes"]
    # Without it, secrets are readable by others, and are refused.
    assert secret["secret"]["defaultMode"] & 0o007 == 0
    assert mounts[secret["name"]]["readOnly"] is True
    (claim,) = objects["StatefulSet"]["spec"]["volumeClaimTemplates"]
    assert set(mounts) == {secret["name"], claim["metadata"]["name"]}
    # Whatever is written or read is on one of the two.
    paths = {name: mount["mountPath"] for name, mount in mounts.items()}
    assert f"--data-dir={paths['data']}" in container["args"]
    assert f"--credentials={paths['credentials']}/credentials.toml" in container["args"]


def test_probes_ask_the_admin_listener(container):
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    flags = dict(flag.split("=", 1) for flag in container["args"] if "=" in flag)
    assert flags["--admin-listen"] == f"0.0.0.0:{ports['admin']}"
    assert flags["--listen"] == f"0.0.0.0:{ports['kinesis']}"
    for probe, path in [("readinessProbe", "/ready"), ("livenessProbe", "/live")]:
        assert container[probe]["httpGet"] == {"path": path, "port": "admin"}


def test_there_is_one_writer_and_the_grace_period_is_long_enough(objects, pod, container):
    spec = objects["StatefulSet"]["spec"]
    assert spec["replicas"] == 1
    lame_duck = int(re.search(r"--lame-duck=(\d+)s", " ".join(container["args"]))[1])
    drain = 10
    assert "[default: 10s]" in run_cli("serve", "--help").stdout.decode()
    assert pod["terminationGracePeriodSeconds"] > lame_duck + drain


def test_the_flags_exist(container, tmp_path):
    """As the program sees them, with credentials that are there."""
    keys = tmp_path / "credentials.toml"
    assert run_cli("credentials", "add", "--file", keys, "--user", "a").returncode == 0
    command, *flags = [re.sub("^--credentials=.*", f"--credentials={keys}", flag)
                       for flag in container["args"]]
    assert command == "serve"
    checked = run_cli("serve", *flags, "--check-config")
    assert checked.returncode == 0, checked.stderr
    text = run_cli("serve", "--help").stdout.decode()
    for flag in flags:
        assert re.search(rf"{flag.split('=')[0]}\b", text), flag
