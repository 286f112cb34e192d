"""Reports for people who decide: the quality report of a build, and the page of a made-up borough."""

from cares.reports.facts import ReportError
from cares.reports.quality import quality_report

__all__ = ["ReportError", "quality_report"]
