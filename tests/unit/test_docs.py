"""What the texts point at is there."""

import re
from pathlib import Path

import pytest
import yaml
from typer.main import get_command

from sciagents.cli import app
from sciagents.console import reference

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def _anchors(page: Path) -> set[str]:
    """Headings as the renderers of Markdown name them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def _runbook_links() -> set[str]:
    rules = yaml.safe_load((ROOT / "config/alerting.yaml").read_text())["rules"]
    return {rule["annotations"]["runbook"] for rule in rules}


@pytest.mark.parametrize("link", sorted(_runbook_links()))
def test_every_rule_links_to_a_heading_of_the_runbook(link):
    page, _, anchor = link.partition("#")
    assert anchor in _anchors(ROOT / page)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page):
    targets = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())
    missing = [target for target in targets if not (page.parent / target).exists()]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_that_a_page_names_exist(page):
    command = get_command(app)
    named = re.findall(r"sci-agents ([a-z]+)(?: ([a-z]+))?", page.read_text())
    for first, second in named:
        found = command.commands.get(first)
        assert found is not None, f"sci-agents {first}"
        if hasattr(found, "commands") and second:
            assert second in found.commands, f"sci-agents {first} {second}"


def test_the_page_of_agents_says_what_the_catalogue_says():
    """Written anew by `sci-agents agents --output docs/agents.md`."""
    assert (ROOT / "docs/agents.md").read_text() == reference.markdown()
