"""Run a scan inside AWS Lambda and put its report into a bucket.

For a few accounts: Lambda ends after 15 minutes and has at most 10 GB in /tmp. Larger ones use the ECS task.
"""

import os
from pathlib import Path

import boto3

from scanner import run
from scanner.exits import Exit
from scanner.talk import Talk

OUTPUT = Path("/tmp/out")  # noqa: S108 the only folder that Lambda lets a function write to
FILES = ("report.json", "report.html", "summary.md")


def handler(event: object, context: object) -> dict[str, object]:
    """Scan with the config in the image, upload the report, and fail the invocation when the scan failed."""
    del event, context
    request = run.Request(
        config=Path(os.environ["ENTDRIFT_CONFIG"]), output=OUTPUT, formats=("json", "html", "markdown")
    )
    code = run.scan(request, Talk(quiet=True))
    bucket, prefix = os.environ["ENTDRIFT_BUCKET"], os.environ.get("ENTDRIFT_PREFIX", "entdrift")
    client = boto3.client("s3")
    written = [name for name in FILES if (OUTPUT / name).is_file()]
    for name in written:
        client.upload_file(str(OUTPUT / name), bucket, f"{prefix}/{name}")
    if code not in (Exit.OK, Exit.FINDINGS):
        message = f"the scan ended with exit code {int(code)}: {code.name}"
        raise RuntimeError(message)
    return {"exit_code": int(code), "written": written}
