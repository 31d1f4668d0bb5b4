"""What has to be known to reach each tracker; tokens are never here, only the names of their variables."""

import msgspec

REJECTIONS = ("won't do", "won't fix", "wontfix", "declined", "rejected", "cancelled", "canceled")
"""Words by which trackers call work that a person decided not to do."""


class Jira(msgspec.Struct, frozen=True, kw_only=True):
    """Jira Cloud (basic authentication with an API token) or Data Center (personal access token)."""

    url: str
    project: str
    email: str = ""
    token_env: str = "JIRA_TOKEN"  # noqa: S105 the name of a variable
    deployment: str = ""
    issue_type: str = "Task"
    set_priority: bool = True
    close_transition: str = ""
    reopen_transition: str = ""
    rejected: tuple[str, ...] = (*REJECTIONS, "duplicate", "not a bug")


class GitHub(msgspec.Struct, frozen=True, kw_only=True):
    """GitHub Issues, on github.com or an Enterprise Server."""

    repository: str
    url: str = "https://api.github.com"
    token_env: str = "GITHUB_TOKEN"  # noqa: S105 the name of a variable


class GitLab(msgspec.Struct, frozen=True, kw_only=True):
    """GitLab issues; a refusal is a closed issue with one of the labels in `rejected`."""

    project: str
    url: str = "https://gitlab.com"
    token_env: str = "GITLAB_TOKEN"  # noqa: S105 the name of a variable
    rejected: tuple[str, ...] = REJECTIONS


class ServiceNow(msgspec.Struct, frozen=True, kw_only=True):
    """A task table of ServiceNow; without `user` the token is sent as a bearer token.

    The states are those of `incident` (docs.servicenow.com, incident states): 1 New, 6 Resolved,
    7 Closed, 8 Canceled.
    """

    url: str
    user: str = ""
    token_env: str = "SERVICENOW_TOKEN"  # noqa: S105 the name of a variable
    table: str = "incident"
    open_state: str = "1"
    closed_state: str = "6"
    done_states: tuple[str, ...] = ("6", "7")
    rejected_states: tuple[str, ...] = ("8",)
    close_code: str = "Solution provided"
    set_priority: bool = False
    """Off, because an incident of priority 1 may call somebody out of bed."""
    description_limit: int = 4_000


class Webhook(msgspec.Struct, frozen=True, kw_only=True):
    """A receiver of your own: it lists tickets on GET and takes actions on POST."""

    url: str
    token_env: str = ""
    secret_env: str = ""


Settings = Jira | GitHub | GitLab | ServiceNow | Webhook

TRACKERS: dict[str, type[Settings]] = {
    "jira": Jira,
    "github": GitHub,
    "gitlab": GitLab,
    "servicenow": ServiceNow,
    "webhook": Webhook,
}
