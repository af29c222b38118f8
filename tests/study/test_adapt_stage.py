"""A run that fits the prior to each product first: concepts and bank belong to the fitted one."""

import shutil

import pytest

from anogen.concept.concept import load_concept
from anogen.errors import InputError
from anogen.prior.adaptation.adapted import load_adapted
from anogen.prior.embedded import load_embedded
from anogen.study import pipeline
from anogen.study.run_folder import RunFolder, at_work
from anogen.study.settings import resolve
from anogen.study.stages import material
from anogen.study.stages.adapt import adapts, prior_of_category, prior_of_concepts

FITTED = (
    "adapt.steps=2",
    "adapt.batch_size=2",
    "adapt.windows=4",
    "adapt.images=2",
    "adapt.rank=1",
    "concept.steps=2",
    "concept.check_every=2",
    "concept.views=1",
    "concept.batch_size=2",
    "concept.init=defect",
)


@pytest.fixture
def settings(small_dataset, small_prior_file):
    given = {"dataset": {"root": str(small_dataset)}, "prior": str(small_prior_file)}
    return resolve("quick", given, overrides=FITTED)


def learn(path, settings):
    with at_work(path):
        run, pairs, prior = pipeline.start(path, settings, command=["anogen"])
        pipeline.learn_stage(run, pairs, prior)
    return run, pairs, prior


def test_concepts_belong_to_the_fitted_prior(tmp_path, settings, small_prior_file):
    path = tmp_path / "run"
    run, ((category, _),), prior = learn(path, settings)
    base = load_embedded(small_prior_file)
    fitted = load_adapted(path / "priors/plate/fitted.safetensors", base)
    assert fitted.fingerprint != base.fingerprint == prior.fingerprint
    for defect in ("line", "spot"):
        assert load_concept(run.concept("plate", defect)).prior == fitted.fingerprint
    again = prior_of_category(run, category, prior)
    assert again.fingerprint == fitted.fingerprint
    # A run that starts from a fitted prior does not fit it again.
    assert adapts(run, prior)
    assert not adapts(run, fitted)
    assert prior_of_category(run, category, fitted) is fitted


def test_a_lost_fitted_prior_is_made_again_byte_for_byte(tmp_path, settings):
    path = tmp_path / "run"
    learn(path, settings)
    before = {p: p.read_bytes() for p in path.rglob("*.safetensors")}
    assert len(before) == 3
    shutil.rmtree(path / "priors")
    learn(path, settings)
    assert {p: p.read_bytes() for p in path.rglob("*.safetensors")} == before


def test_concepts_that_change_the_prior_speak_to_the_changed_one(tmp_path, settings):
    path = tmp_path / "run"
    concept = settings.concept.model_copy(update={"joint_rank": 1, "joint_steps": 1})
    run, ((category, _),), prior = learn(path, settings.model_copy(update={"concept": concept}))
    changed = prior_of_concepts(run, category, prior)
    fitted = prior_of_category(run, category, prior)
    assert len({changed.fingerprint, fitted.fingerprint, prior.fingerprint}) == 3
    for defect in ("line", "spot"):
        assert load_concept(run.concept("plate", defect)).prior == changed.fingerprint
    learn(path, run.settings)  # all is there
    run.joint_prior("plate").unlink()
    with pytest.raises(InputError, match="no such file"):
        prior_of_concepts(run, category, prior)


def test_settings_of_the_fitting_count_for_arms_that_draw(tmp_path, settings):
    other = settings.model_copy(update={"adapt": settings.adapt.model_copy(update={"rank": 2})})
    detector = settings.training.detectors[0]
    for arm, same in (("draem", True), ("draem+generated", False)):
        hashes = {RunFolder(tmp_path, s).settings_hash(detector, arm) for s in (settings, other)}
        assert (len(hashes) == 1) == same


def test_a_lost_changed_prior_is_learned_again_byte_for_byte(tmp_path, settings):
    concept = settings.concept.model_copy(update={"joint_rank": 1, "joint_steps": 1})
    settings = settings.model_copy(update={"concept": concept})
    run, pairs, prior = learn(tmp_path / "run", settings)
    before = {p: p.read_bytes() for p in run.path.rglob("*.safetensors")}
    run.joint_prior("plate").unlink()
    with pytest.raises(InputError, match=r"joint.safetensors: not learned yet; run 'anogen learn"):
        pipeline.generate_stage(run, pairs, prior)
    learn(run.path, settings)
    assert {p: p.read_bytes() for p in run.path.rglob("*.safetensors")} == before


@pytest.mark.parametrize("setting", ["adapt.steps", "concept.joint_rank"])
def test_priors_that_cannot_be_changed_are_refused(setting, monkeypatch):
    monkeypatch.setattr(material, "load_prior", lambda *_, **__: object())
    given = {"dataset": {"root": "data"}, "prior": "somebody/some-model"}
    material.prior_of(resolve("quick", given))
    with pytest.raises(InputError, match=f"setting {setting}: only priors of the embedded kind"):
        material.prior_of(resolve("quick", given, overrides=(f"{setting}=4",)))
