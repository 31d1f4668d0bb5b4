"""The commands of a reduction, run by gcloud itself against a policy that lives here, and taken back again."""

import json
import os
import shutil
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.connectors.gcp.records import PROJECT, RAG, activity, entry, role, searched
from tests.connectors.gcp.reducing import reduced

GCLOUD = shutil.which("gcloud")
pytestmark = pytest.mark.skipif(GCLOUD is None, reason="gcloud is not installed")
ETAG = "BwYAAAAAAAA="


class Google:
    """One project's policy and custom roles behind the few calls that gcloud makes."""

    def __init__(self, policy):
        self.policy = policy
        self.roles = {}
        google = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self):
                size = int(self.headers.get("content-length") or 0)
                body = json.loads(self.rfile.read(size) or b"{}")
                data = json.dumps(google.call(self.command, self.path.partition("?")[0], body)).encode()
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_DELETE = answer

            def log_message(self, *words):
                """Keep silent."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server.server_address[1]}/"

    def call(self, verb, path, body):
        if path.endswith(":getIamPolicy"):
            assert 3 == body["options"]["requestedPolicyVersion"]
            return {**self.policy, "etag": ETAG, "version": 3}
        if path.endswith(":setIamPolicy"):
            assert ETAG == body["policy"]["etag"]
            self.policy = {"bindings": body["policy"]["bindings"]}
            return {**self.policy, "etag": ETAG}
        if path.endswith(":queryTestablePermissions"):
            return {"permissions": []}
        if verb == "POST" and path.endswith("/roles"):
            name = f"projects/{PROJECT}/roles/{body['roleId']}"
            self.roles[name] = body["role"]["includedPermissions"]
            return {**body["role"], "name": name, "etag": ETAG}
        assert "DELETE" == verb, (verb, path)
        name = path.removeprefix("/v1/")
        del self.roles[name]
        return {"name": name, "deleted": True, "etag": ETAG}


@pytest.fixture
def google():
    until = 'request.time < timestamp("2099-01-01T00:00:00Z") && "a,b|c" != "it\'s"'
    held = Google(
        {
            "bindings": [
                {
                    "role": "roles/storage.admin",
                    "members": [f"serviceAccount:{RAG}", "user:someone@example.com"],
                },
                {
                    "role": "roles/timed",
                    "members": [f"serviceAccount:{RAG}"],
                    "condition": {
                        "title": "until, then",
                        "description": 'a "b" $c',
                        "expression": until.partition(" &&")[0],
                    },
                },
            ]
        }
    )
    yield held
    held.server.shutdown()
    held.server.server_close()


def run(script, google, folder):
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "CLOUDSDK_CONFIG": str(folder / "gcloud"),
        "CLOUDSDK_AUTH_DISABLE_CREDENTIALS": "true",
        "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
        "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "1",
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_IAM": google.address,
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDRESOURCEMANAGER": google.address,
    }
    done = subprocess.run(
        ["bash", "-c", f"sleep() {{ :; }}\n{script}"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert 0 == done.returncode, done.stderr


def flat(policy):
    return {
        (one["role"], member, json.dumps(one.get("condition"), sort_keys=True))
        for one in policy["bindings"]
        for member in one["members"]
    }


def test_gcloud_makes_the_reduction_and_its_rollback_gives_back_the_policy(gcp, google, tmp_path):
    before = flat(google.policy)
    storage = ("storage.objects.get", "storage.objects.delete")
    policy = searched(*google.policy["bindings"])
    reading = gcp(
        {
            "iam_policies": [policy],
            "roles": [
                role("roles/storage.admin", *storage),
                role("roles/timed", "run.jobs.delete"),
            ],
            "audit_logs": [activity(), entry("storage.objects.get")],
        }
    )
    found = reduced(reading, RAG, ["storage.objects.delete", "run.jobs.delete"])
    run(next(one.content for one in found.artifacts if one.form == "cli"), google, tmp_path)
    ((made, held),) = google.roles.items()
    assert ["storage.objects.get"] == held
    assert {
        ("roles/storage.admin", "user:someone@example.com", "null"),
        (made, f"serviceAccount:{RAG}", "null"),
    } == flat(google.policy)
    run(next(one.content for one in found.rollback if one.form == "cli"), google, tmp_path)
    assert (before, {}) == (flat(google.policy), google.roles)
