"""Reading transcripts: filters, pages that stay stable while a room is live, subtitle forms."""

from parley.transcripts.filters import Choice, Filter
from parley.transcripts.reader import Page, TranscriptSegment, read_all, read_page

__all__ = ["Choice", "Filter", "Page", "TranscriptSegment", "read_all", "read_page"]
