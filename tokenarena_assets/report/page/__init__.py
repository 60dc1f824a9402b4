"""The page of a day: one HTML file that needs no network."""

from tokenarena_assets.report.page.build import page_html
from tokenarena_assets.report.page.data import page_data
from tokenarena_assets.report.page.write import Page, default_path, write_page

__all__ = ["Page", "default_path", "page_data", "page_html", "write_page"]
