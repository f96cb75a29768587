"""Nothing is missed: ten meetings at once while webhooks, handlers and stores fail."""

from pathlib import Path

import pytest

from bench.campaign.run import battlefield, campaign

pytestmark = pytest.mark.timeout(420)
SEEDS = range(1, 11)


async def test_every_track_is_transcribed_and_every_room_summarised_whatever_fails(
    tmp_path: Path,
) -> None:
    async with battlefield(tmp_path, SEEDS[0]) as field:
        result = await campaign(field, SEEDS, outage_s=3.0, limit_s=240.0)
    assert result.lacking == {}
    assert result.tracks >= len(SEEDS)
    # The campaign did disturb them.
    assert result.webhooks["dropped"] > 0
    assert result.webhooks["doubled"] > 0
    assert result.webhooks["delayed"] > 0
    log = tmp_path / "stack" / "logs"
    assert "storage-unavailable" in (log / "api.log").read_text()
