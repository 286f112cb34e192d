"""Reports for people who decide: the quality report of a build."""

from cares.reports.facts import ReportError
from cares.reports.quality import quality_report

__all__ = ["ReportError", "quality_report"]
