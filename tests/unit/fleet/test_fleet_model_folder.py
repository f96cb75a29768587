"""A model's folder as it is loaded where short steps cost much."""

from pathlib import Path

import pytest

from agent_fleet.languages import PROJECT_MODEL
from agent_fleet.model_folder import suited
from parley.matrix_kernels import Kernels


def conf(folder: Path) -> list[str]:
    """The lines of its settings."""
    return (folder / "conf" / "model.conf").read_text().splitlines()


@pytest.mark.parametrize("kernels", [Kernels.OWN, Kernels.BLIS])
def test_the_projects_model_takes_longer_steps_and_is_else_the_same(kernels: Kernels) -> None:
    with suited(PROJECT_MODEL, kernels) as folder:
        assert set(conf(PROJECT_MODEL)) ^ set(conf(folder)) == {
            "--frames-per-chunk=3",
            "--frames-per-chunk=12",
        }
        files = {p.relative_to(PROJECT_MODEL) for p in PROJECT_MODEL.rglob("*") if p.is_file()}
        assert {p for p in files if not (folder / p).is_file()} == set()
        assert (folder / "am" / "final.mdl").samefile(PROJECT_MODEL / "am" / "final.mdl")
    assert not folder.exists()
    assert PROJECT_MODEL.is_dir()


def test_it_is_loaded_as_it_is_with_kernels_for_avx_512() -> None:
    with suited(PROJECT_MODEL, Kernels.AVX512) as folder:
        assert folder == PROJECT_MODEL


@pytest.mark.parametrize("settings", ["--beam=10.0\n", "--frames-per-chunk=51\n", None])
def test_other_models_are_loaded_as_they_are(tmp_path: Path, settings: str | None) -> None:
    if settings is not None:
        (tmp_path / "conf").mkdir()
        (tmp_path / "conf" / "model.conf").write_text(settings)
    with suited(tmp_path, Kernels.OWN) as folder:
        assert folder == tmp_path
