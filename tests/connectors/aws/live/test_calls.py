"""An SDK error becomes what it means for the scan."""

import pytest
from botocore import exceptions
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

from connectors.aws.live.calls import classify


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("AccessDenied", "denied"),
        ("AccessDeniedException", "denied"),
        ("UnauthorizedOperation", "denied"),
        ("ExpiredToken", "credentials"),
        ("ExpiredTokenException", "credentials"),
        ("InvalidClientTokenId", "credentials"),
        ("UnrecognizedClientException", "credentials"),
        ("AuthFailure", "credentials"),
        ("Throttling", "throttled"),
        ("ThrottlingException", "throttled"),
        ("TooManyRequestsException", "throttled"),
        ("RequestLimitExceeded", "throttled"),
        ("OptInRequired", "not offered"),
        ("UnknownOperationException", "not offered"),
        ("NoSuchEntity", "absent"),
        ("AWSOrganizationsNotInUseException", "absent"),
        ("InternalFailure", "other"),
    ],
)
def test_error_codes(code, kind):
    assert (kind, f"{code}: m") == classify(ClientError({"Error": {"Code": code, "Message": "m\nmore"}}, "X"))


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (exceptions.NoCredentialsError(), "credentials"),
        (exceptions.ProfileNotFound(profile="p"), "credentials"),
        (EOFError(), "credentials"),
        (exceptions.UnknownServiceError(service_name="s", known_service_names="t"), "not offered"),
        (exceptions.ConnectTimeoutError(endpoint_url="u"), "unreachable"),
        (
            exceptions.EndpointConnectionError(endpoint_url="u", error="NameResolutionError(...)"),
            "no endpoint",
        ),
        (exceptions.ParamValidationError(report="r"), "other"),
        (ResponseParserError("invalid XML received: b'<html>'"), "other"),
    ],
)
def test_errors_before_any_answer(error, kind):
    assert kind == classify(error)[0]
