"""Reading the report: search, filters, sort, pages, the state in the address, keys, print, accessibility."""

import csv
import io

import pytest
from html_samples import sample

from reports.html.decisions import decisions
from reports.html.page import _folder

AGENT = "#/identity/aws/123456789012/arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fservice-role%2Fsupport-triage-agentcore-runtime"


def fragment(page):
    return page.evaluate("location.hash")


def totals(page):
    return page.locator("#totals").inner_text()


def names(page):
    return page.locator("#identities-rows tbody .identity-link").all_inner_texts()


def rules(page):
    return [text.split()[0] for text in page.locator("#findings-rows tbody .rule").all_inner_texts()]


def source(*names):
    return "\n".join(_folder().joinpath("script", name).read_text("utf-8") for name in names)


def saved_text(download):
    return io.StringIO(download.value.path().read_bytes().decode("utf-8-sig"), newline="")


# Search and filters


def until(page, expression, arg=None):
    """Wait for an expression; Playwright's own waiting evaluates text, which the page's policy forbids."""
    for _ in range(200):
        if page.evaluate(expression, arg):
            return
        page.wait_for_timeout(25)
    raise AssertionError(expression)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", "Showing 38 of 38 findings and 12 of 12 identities."),
        ("cloud:gcp", "Showing 8 of 38 findings and 3 of 12 identities."),
        ("cloud:aws,gcp", "Showing 28 of 38 findings and 9 of 12 identities."),
        ("-cloud:aws", "Showing 18 of 38 findings and 6 of 12 identities."),
        ("sev:critical", "Showing 3 of 38 findings and 3 of 12 identities."),
        ("rule:ED101 cloud:aws", "Showing 5 of 38 findings and 5 of 12 identities."),
        ("ai:no", "Showing 0 of 38 findings and 1 of 12 identities."),
        ("account:2109", "Showing 2 of 38 findings and 2 of 12 identities."),
        ('stage:"production"', "Showing 10 of 38 findings and 5 of 12 identities."),
        ("verdict:conditional", "Showing 5 of 38 findings and 2 of 12 identities."),
        ("perm:iam:PassRole", "Showing 9 of 38 findings and 2 of 12 identities."),
        ("unused:>100 agentcore", "Showing 3 of 38 findings and 1 of 12 identities."),
        ("status:waived", "Showing 2 of 38 findings and 2 of 12 identities."),
        ("fw:nhi7", "Showing 4 of 38 findings and 3 of 12 identities."),
        ("support-triage", "Showing 3 of 38 findings and 1 of 12 identities."),
        ("nosuchthing", "Showing 0 of 38 findings and 0 of 12 identities."),
    ],
)
def test_search_language_narrows_findings_and_identities(open_report, query, expected):
    page = open_report("sample").page
    page.fill("#query", query)
    assert totals(page) == expected


def test_totals_of_verdicts_follow_the_search(open_report):
    page = open_report("sample").page
    page.fill("#query", "support-triage")
    entry = next(one for one in sample().identities if one.name.startswith("support-triage"))
    shown = page.locator("#identities-totals").inner_text().split()
    held = entry.permissions
    numbers = [held.granted, held.used, held.denied, held.unused, held.unobservable, held.conditional]
    assert [int(word) for word in shown if word.isdigit()] == numbers


def test_each_decision_leads_to_the_identities_it_counts(open_report):
    report = open_report("sample")
    for decision in decisions(sample()):
        page = report.go("#/overview")
        page.get_by_role("link", name=decision.title).click()
        until(page, "(query) => document.getElementById('query').value === query", arg=decision.query)
        count = next(int(word) for word in reversed(decision.title.split()) if word.isdigit())
        shown = (
            f"and {count} of 12 identities" if "reduction" not in decision.title else "and 2 of 12 identities"
        )
        assert (decision.query, shown in totals(page)) == (decision.query, True)


def test_filter_lists_write_the_query_and_show_what_it_says(open_report):
    page = open_report("sample").page
    page.select_option("#filter-cloud", "azure")
    page.select_option("#filter-sev", "high")
    assert page.input_value("#query") == "cloud:azure sev:high"
    page.fill("#query", "cloud:aws,gcp")
    assert page.locator("#filter-cloud").evaluate("(one) => one.selectedOptions[0].text") == "several"
    assert page.locator("#filter-sev").evaluate("(one) => one.selectedOptions[0].text") == "any"


def test_unknown_filter_is_said_and_searched_as_text(open_report):
    page = open_report("sample").page
    page.fill("#query", "iam:PassRole")
    assert "No filter is called “iam”" in page.locator("#query-note").inner_text()


# Sort, pages, state in the address


def test_sort_is_announced_by_the_head_and_kept_in_the_address(open_report):
    page = open_report("sample").page
    page.locator("#identities-rows").get_by_role("button", name="Granted").click()
    head = page.locator("#identities-rows th", has_text="Granted")
    assert head.get_attribute("aria-sort") == "descending"
    assert names(page)[0] == "AmazonSageMaker-ExecutionRole-20250114"
    assert "is=-granted" in fragment(page)


def test_one_address_shows_another_reader_the_same_view(open_report):
    report = open_report("large")
    page = report.page
    page.fill("#query", "sev:high cloud:aws")
    page.locator("#findings-rows").get_by_role("button", name="Finding").click()
    page.locator("#findings-table .pager").get_by_role("button", name="Next").click()
    seen = (rules(page), totals(page), page.locator("#findings-table .range").inner_text())
    again = report.go(fragment(page))
    assert (rules(again), totals(again), again.locator("#findings-table .range").inner_text()) == seen
    assert again.input_value("#query") == "sev:high cloud:aws"


def test_only_one_page_of_rows_is_in_the_document(open_report):
    page = open_report("large").page
    assert page.locator("tr").count() < 150


def test_back_from_an_identity_returns_to_the_same_search(open_report):
    page = open_report("sample").page
    page.fill("#query", "cloud:azure")
    page.get_by_role("link", name="openai-gateway").last.click()
    assert page.locator("#identity-content h1").inner_text() == "openai-gateway"
    page.go_back()
    assert page.input_value("#query") == "cloud:azure"


# One identity


def test_identity_page_resolves_shared_sets_and_tells_each_reason(open_report):
    page = open_report("sample", AGENT).page
    page.get_by_role("button", name="Permissions of s3").click()
    text = page.locator("tr.fold:visible").inner_text()
    assert "84 unused" in text
    assert "s3:DeleteBucketPolicy" in text
    assert "Data events are not recorded" in text
    assert "What would show it:" in text


def test_one_permission_can_be_asked_for(open_report):
    page = open_report("sample", AGENT).page
    page.fill("#permission-query", "passrole")
    assert "iam:PassRole" in page.locator(".answer tbody").inner_text()
    assert "not observable" in page.locator(".answer tbody").inner_text()
    page.fill("#permission-query", "ec2:")
    assert "Not held" in page.locator(".permission-search [role=status]").inner_text()


def test_identity_page_shows_every_part(open_report):
    page = open_report("sample", AGENT).page
    heads = page.locator("#identity-content h2").all_inner_texts()
    assert heads == [
        "Who it is",
        "Granted beside used",
        "Reach",
        "Findings",
        "Reduction",
        "Credentials",
        "Grants",
        "Usage",
        "Evidence",
    ]
    text = page.locator("#identity-content").inner_text()
    for promised in (
        "bedrock-agentcore.amazonaws.com",
        "declared",
        "2 used of 99 granted",
        "18,204 recorded requests replayed",
        "Rollback",
    ):
        assert promised in text


def test_reduction_shows_before_and_after_side_by_side(open_report):
    page = open_report("sample", AGENT).page
    page.locator("details.artifact summary").first.click()
    diff = page.locator("table.diff").first
    diff.wait_for()
    assert '"bedrock:*"' in diff.locator("del").all_inner_texts()[0]
    assert any("bedrock:InvokeModel" in text for text in diff.locator("ins").all_inner_texts())


def test_what_stays_and_what_to_know_stand_beside_a_reduction(open_report):
    page = open_report("sample", AGENT).page
    heads = page.locator("#identity-content h3").all_inner_texts()
    assert {"What stays although unused", "To know before applying"} <= set(heads)
    assert (
        "2 permissions: Given through a set that others hold too"
        in page.locator("#identity-content").inner_text()
    )
    assert heads.index("Replacement") < heads.index("Alternative, not covered by the claims")


def test_copy_works_without_the_clipboard_interface(open_report):
    page = open_report("sample", AGENT).page
    page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    page.evaluate(
        "document.addEventListener('copy', () => { window.copied = document.getSelection().toString() || document.activeElement.value; })"
    )
    page.locator("button.copy").first.click()
    assert page.evaluate("window.copied") == next(
        one.id for one in sample().identities if one.name.startswith("support-triage")
    )
    assert page.locator("#status").inner_text() == "Copied"


def test_identity_that_left_the_report_is_said_so(open_report):
    page = open_report("sample", "#/identity/aws/1/gone").page
    assert page.locator("#identity-content h1").inner_text() == "Not in this report"


# Keyboard


def test_keyboard_alone_leads_from_the_top_to_a_reduction(open_report):
    page = open_report("sample").page
    page.keyboard.press("/")
    page.keyboard.type("support-triage")
    page.keyboard.press("Tab")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("j")
    until(page, "document.activeElement.className === 'identity-link'")
    page.keyboard.press("Enter")
    page.locator("#identity-content h1").wait_for()
    page.get_by_role("navigation", name="Parts of this identity").get_by_role(
        "link", name="Reduction"
    ).focus()
    page.keyboard.press("Enter")
    until(page, "document.activeElement.id === 'head-reduction'")
    page.locator("details.artifact summary").first.focus()
    page.keyboard.press("Enter")
    page.locator("table.diff").first.wait_for()


def test_help_panel_lists_the_keys_and_gives_the_focus_back(open_report):
    page = open_report("sample").page
    page.locator("#help-open").focus()
    page.keyboard.press("Enter")
    assert page.locator("#help").is_visible()
    page.keyboard.press("Escape")
    assert not page.locator("#help").is_visible()
    until(page, "document.activeElement.id === 'help-open'")


def test_single_letter_keys_can_be_switched_off(open_report):
    page = open_report("sample").page
    page.keyboard.press("c")
    page.locator("#view-coverage").wait_for()
    page.keyboard.press("?")
    page.uncheck("#keys-on")
    page.keyboard.press("Escape")
    page.keyboard.press("o")
    page.locator("#view-coverage").wait_for()


def test_skip_link_comes_first_and_leads_to_the_content(open_report):
    page = open_report("sample").page
    page.keyboard.press("Tab")
    until(page, "document.activeElement.className === 'skip'")
    page.keyboard.press("Enter")
    until(page, "document.activeElement.id === 'content'")
    assert page.locator("#view-overview").is_visible()


def test_a_new_view_moves_the_focus_to_its_heading_and_names_the_page(open_report):
    page = open_report("sample").page
    page.get_by_role("link", name="Coverage", exact=True).click()
    until(page, "document.activeElement.matches('#view-coverage h1')")
    assert page.title() == "Coverage · entdrift"


# Print and accessibility


def test_print_shows_whole_tables_and_no_controls(open_report):
    report = open_report("sample")
    page = report.page
    pdf = page.pdf(format="A4")
    assert len(pdf) > 20_000
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    assert page.locator("#findings-rows tbody .rule").count() == 38
    assert not page.locator("#navigation").is_visible()
    assert not page.locator(".pager").first.is_visible()
    page.emulate_media(media="screen")
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert page.locator("#findings-rows tbody .rule").count() == 10


def test_a_printed_identity_has_every_part_and_every_fold_open(open_report):
    report = open_report("sample", AGENT)
    page = report.page
    heads = page.locator("#identity-content h2").all_inner_texts()
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    shown = page.locator("#identity-content h2")
    assert [shown.nth(index).is_visible() for index in range(len(heads))] == [True] * len(heads)
    assert page.locator("#identity-content details:not([open], .long)").count() == 0
    assert page.locator("table.diff").first.is_visible()
    assert "Fingerprint" in page.locator("#at-findings").inner_text()


def test_a_reduction_shows_what_goes_permission_by_permission(open_report):
    page = open_report("sample", AGENT).page
    entry = next(one for one in sample().identities if one.name.startswith("support-triage"))
    fold = page.locator("details.artifact", has_text="Permission by permission")
    fold.locator("summary").click()
    fold.locator("del").first.wait_for()  # filled when it opens
    gone = fold.locator("del").all_inner_texts()
    assert len(gone) == entry.reduction.removes
    assert "s3:DeleteBucketPolicy" in gone
    assert fold.locator("ins").count() == 0


def test_a_copy_of_a_shared_policy_is_compared_with_the_policy_it_replaces(open_report):
    page = open_report("sample").page
    compared = page.evaluate(
        f"""() => {{ {source("text.js", "dom.js", "reduction.js")}
        const reduction = {{
          artifacts: [{{ form: "json", applies_to: "new" }}, {{ form: "json", applies_to: "role" }}],
          rollback: [{{ form: "json", name: "inline" }}, {{ form: "json", name: "shared" }}],
          changes: [
            {{ document: 0, previous: null, target: "new", note: "" }},
            {{ document: 1, previous: 0, target: "inline", note: "" }},
            {{ document: null, previous: 1, target: "shared", note: '["new"]' }},
          ],
        }};
        return reduction.artifacts.map((one) => replaced(reduction, one)?.name ?? null); }}"""
    )
    assert compared == ["shared", "inline"]


def test_the_drift_page_names_what_changed_and_leads_to_the_identity(open_report):
    page = open_report("sample", "#/drift").page
    changes = page.locator("#drift-content table").first
    assert "more access" in changes.locator("tbody tr").first.inner_text()
    fold = changes.locator("details").first
    fold.locator("summary").click()
    fold.get_by_text("s3:Action000").wait_for()  # filled when it opens
    assert "s3:Action000" in fold.inner_text()
    assert "and 348 more" in fold.inner_text()
    text = page.locator("#drift-content").inner_text()
    assert "the state file was damaged" in text
    assert "1 identity without a partner in another stage" in text
    changes.locator("a.identity-link").first.click()
    page.locator("#identity-content h1").wait_for()


def test_a_report_without_history_has_no_drift_page(open_report):
    page = open_report("large").page
    assert page.locator("#navigation a[data-view=drift]").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1366])
def test_accessibility_rules_hold_in_every_view(open_report, scheme, width):
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe-playwright-python is missing"
    )
    report = open_report("sample", color_scheme=scheme, viewport={"width": width, "height": 800})
    for view in ("#/findings", "#/identities", AGENT, "#/drift", "#/coverage", "#/method"):
        page = report.go(view)
        if view in ("#/findings", AGENT):
            page.locator("button.unfold:visible").first.click()
            page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
            page.wait_for_timeout(50)
        found = axe.Axe().run(page).response["violations"]
        assert (view, [(one["id"], [node["html"][:120] for node in one["nodes"]]) for one in found]) == (
            view,
            [],
        )


def test_help_panel_follows_the_accessibility_rules(open_report):
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe-playwright-python is missing"
    )
    page = open_report("sample").page
    page.keyboard.press("?")
    assert axe.Axe().run(page).response["violations"] == []


def test_no_view_scrolls_sideways_on_a_phone(open_report):
    report = open_report("sample", viewport={"width": 390, "height": 844})
    for view in ("#/overview", AGENT, "#/drift", "#/coverage", "#/method"):
        page = report.go(view)
        assert (view, page.evaluate("document.documentElement.scrollWidth")) == (view, 390)


# Timing: printed, not asserted, because test machines are shared


def test_timings_of_ten_thousand_findings(open_report):
    page = open_report("large").page
    ready = page.evaluate("performance.getEntriesByName('entdrift-ready')[0].startTime")
    filtered = page.evaluate(
        """async () => {
            const box = document.getElementById('query');
            const start = performance.now();
            box.value = 'sev:high cloud:aws bucket';
            box.dispatchEvent(new Event('input'));
            await new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)));
            return performance.now() - start;
        }"""
    )
    print(f"10,000 findings: ready {ready:.0f} ms, filtered and painted {filtered:.0f} ms")
    assert totals(page).startswith("Showing")


def test_what_the_search_leaves_can_be_saved_as_csv(open_report):
    page = open_report("sample").page
    page.fill("#query", "support-triage")
    with page.expect_download() as saved:
        page.locator("#identities-totals").get_by_role("button", name="Save as CSV").click()
    rows = list(csv.DictReader(saved_text(saved)))
    assert [(row["name"], row["granted"], row["unused"]) for row in rows] == [
        ("support-triage-agentcore-runtime", "147", "130")
    ]


def test_saved_csv_runs_no_formula(open_report):
    page = open_report("hostile").page
    with page.expect_download() as saved:
        page.locator("#findings-totals").get_by_role("button", name="Save as CSV").click()
    cells = [cell for row in csv.reader(saved_text(saved)) for cell in row]
    assert [cell for cell in cells if cell[:1] in {"=", "+", "-", "@", "\t", "\r"}] == []
    assert any(cell.startswith("'=cmd") for cell in cells)


def test_moving_between_views_keeps_the_search(open_report):
    page = open_report("sample").page
    page.fill("#query", "cloud:azure")
    page.get_by_role("link", name="Coverage", exact=True).click()
    page.get_by_role("link", name="Identities", exact=True).click()
    assert page.input_value("#query") == "cloud:azure"
    until(page, "document.activeElement.id === 'identities-head'")


def alike(page, table):
    return page.locator(f"#{table} tbody .alike").all_inner_texts()


def test_what_is_alike_in_several_accounts_is_one_row_with_its_accounts(open_report):
    report = open_report("fleet")
    page = report.page
    assert ["support-triage-agentcore-runtime"] == alike(page, "identities-rows")
    row = page.locator("#identities-rows tbody tr", has=page.locator(".alike"))
    assert "3 accounts" in row.inner_text()
    row.locator(".unfold").click()
    links = page.locator("#identities-rows .fold:not([hidden]) a").all_inner_texts()
    assert ["123456789012", "222233334444", "333344445555"] == links
    page.locator("#findings-rows tbody tr", has=page.locator(".alike")).first.locator(".unfold").click()
    assert "The same in 3 accounts" in page.locator("#findings-rows .fold:not([hidden])").inner_text()
    assert "Alike counted once:" in totals(page)
    assert report.errors == []


def test_an_identity_says_where_else_it_stands(open_report):
    report = open_report("fleet", AGENT)
    page = report.page
    assert "Written alike in 3 accounts" in page.locator("#identity-content").inner_text()
    page.get_by_text("Show them all").click()
    page.locator("#identities-rows tbody .identity-link").first.wait_for()
    assert 3 == len(names(page))
    assert report.errors == []


def test_alike_rows_are_told_apart_when_asked_and_the_address_keeps_that(open_report):
    page = open_report("fleet").page
    page.locator("#alike").uncheck()
    assert ([], []) == (alike(page, "identities-rows"), alike(page, "findings-rows"))
    assert "g=0" in fragment(page)
    again = open_report("fleet", fragment(page)).page
    assert ([], False) == (alike(again, "identities-rows"), again.locator("#alike").is_checked())


def test_a_report_without_groups_has_no_word_of_them(open_report):
    page = open_report("sample").page
    assert (0, False) == (page.locator("#alike").count(), "Alike" in totals(page))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_rows_of_several_accounts_are_accessible(open_report, scheme):
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe-playwright-python is missing"
    )
    page = open_report("fleet", color_scheme=scheme).page
    for table in ("identities-rows", "findings-rows"):
        row = page.locator(f"#{table} tbody tr", has=page.locator(".alike")).first
        row.locator(".unfold").click()
    assert axe.Axe().run(page).response["violations"] == []
