"""The pages of the usage guide: the spec in them loads, their links lead somewhere."""

from __future__ import annotations

import re

import pytest
import yaml

from specbuilder import load_spec
from tests.providers.blocks import DOCS

PAGES = ["adapters.md", "troubleshooting.md", "usage-guide.md"]


def test_the_ten_line_spec_is_one() -> None:
    [block] = re.findall(r"^```yaml\n(.*?)^```$", (DOCS / "adapters.md").read_text("utf-8"), re.M | re.S)
    spec = load_spec(yaml.safe_load(block))
    assert spec.options.api_key is not None
    assert spec.options.api_key.env == ("MY_VENDOR_API_KEY",)


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_pages(page: str) -> None:
    links = re.findall(r"\]\(([^)#]+)\)", (DOCS / page).read_text("utf-8"))
    assert links
    for link in links:
        assert (DOCS / link).is_file(), link
