"""The contract of methods: each learns concepts and draws with them, and every name fits.

A method is settings of concepts and a synthesizer of its name; what both need beside these is
tested where it lives.
"""

from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch

from anogen.bank.bank import Bank
from anogen.concept.concept import load_concept
from anogen.data.dataset import read_dataset
from anogen.placement.box import Box
from anogen.study.durations import TIMES
from anogen.study.run_folder import RunFolder
from anogen.study.settings import PRESETS, Method, resolve
from anogen.study.stages import generate as stage
from anogen.study.stages.generate import generate
from anogen.study.stages.learn import learn
from anogen.study.stages.material import support_of, supports_of
from anogen.synthesis.contract import synthesizers
from anogen.synthesis.diffusion import DiffusionSynthesizer, draw_together

METHODS = get_args(Method)
QUICK = (
    "support.shots=1",
    "concept.steps=2",
    "concept.check_every=2",
    "concept.views=1",
    "concept.batch_size=2",
    "synthesis.steps=2",
)


def settings_of(method, dataset=Path("data"), preset="quick", overrides=()):
    given = {"dataset": {"root": str(dataset)}, "method": method}
    return resolve(preset, given, overrides=overrides)


@pytest.mark.parametrize("method", METHODS)
def test_every_preset_knows_the_method(method):
    found = [settings_of(method, preset=preset) for preset in PRESETS]
    assert [(one.method, one.preset) for one in found] == [(method, name) for name in PRESETS]


@pytest.mark.parametrize("method", METHODS)
def test_every_method_learns_and_draws(method, small_dataset, small_prior, tmp_path):
    settings = settings_of(method, small_dataset, overrides=QUICK)
    (category,) = read_dataset(small_dataset)
    support = support_of(category, settings.support)
    runs = [RunFolder(tmp_path / name, settings) for name in ("one", "two")]
    for run in runs:
        learn(run, category, support, small_prior)
    for defect in support.shots:
        first, second = (run.concept("plate", defect).read_bytes() for run in runs)
        assert first == second
    concept = load_concept(runs[0].concept("plate", "spot"))
    concept.check(small_prior.fingerprint)
    mask = torch.zeros(3, 1, 32, 32)
    mask[:, :, 8:20, 8:12] = 1
    tokens = concept.context_tokens(mask)
    assert tokens.shape[::2] == (3, small_prior.token_dim)
    assert torch.equal(tokens[:, : len(concept.tokens)], concept.tokens.expand(3, -1, -1))

    synthesizer = synthesizers[method](
        small_prior,
        concept,
        settings=settings.synthesis,
        supports=supports_of(support.shots["spot"]),
    )
    assert isinstance(synthesizer, DiffusionSynthesizer)
    assert synthesizer.name == method
    normal = np.random.default_rng(0).integers(20_000, 40_000, (37, 61), dtype=np.uint16)
    region = Box(20, 9, 44, 30).mask(37, 61)
    drawn, again = (synthesizer(normal, region, np.random.default_rng(5)) for _ in range(2))
    assert drawn.image.dtype == np.uint16
    np.testing.assert_array_equal(drawn.image[~region], normal[~region])
    assert (drawn.image != normal).any()
    np.testing.assert_array_equal(drawn.image, again.image)
    np.testing.assert_array_equal(drawn.mask, again.mask)


@pytest.mark.parametrize("method", METHODS)
def test_a_bank_that_was_stopped_ends_with_the_same_bytes(
    method, small_dataset, small_prior, tmp_path, monkeypatch
):
    few = ("bank.normals=3", "bank.attempts=2", "placement.defects=2", "synthesis.batch_size=2")
    settings = settings_of(method, small_dataset, overrides=(*QUICK, *few))
    (category,) = read_dataset(small_dataset)
    support = support_of(category, settings.support)
    unbroken, broken = (RunFolder(tmp_path / name, settings) for name in ("unbroken", "broken"))
    for run in (unbroken, broken):
        learn(run, category, support, small_prior)
    generate(unbroken, category, support, small_prior)
    add, added = Bank.add, []

    def stopping(bank, entry, image, mask):
        if len(added) == 3:  # one of the second batch is there, the other is not
            raise KeyboardInterrupt
        added.append(entry.id)
        add(bank, entry, image, mask)

    with monkeypatch.context() as patch:
        patch.setattr(Bank, "add", stopping)
        with pytest.raises(KeyboardInterrupt):
            generate(broken, category, support, small_prior)
    assert len(Bank(broken.bank("plate"))) == 3
    generate(broken, category, support, small_prior)
    found = [
        {
            path.relative_to(run.path): path.read_bytes()
            for path in run.path.rglob("*")
            if path.is_file() and path.name != TIMES
        }
        for run in (unbroken, broken)
    ]
    assert len(Bank(broken.bank("plate"))) == 6
    assert found[0] == found[1]


@pytest.mark.parametrize("method", METHODS)
def test_defects_share_batches(method, small_dataset, small_prior, tmp_path, monkeypatch):
    settings = settings_of(
        method,
        small_dataset,
        overrides=(*QUICK, "bank.normals=2", "bank.attempts=1", "synthesis.batch_size=16"),
    )
    (category,) = read_dataset(small_dataset)
    support = support_of(category, settings.support)
    run = RunFolder(tmp_path, settings)
    learn(run, category, support, small_prior)
    batches = []

    def recorded(synthesizers_, jobs):
        batches.append([job.defect for job in jobs])
        return draw_together(synthesizers_, jobs)

    monkeypatch.setattr(stage, "draw_together", recorded)
    generate(run, category, support, small_prior)
    assert len(support.shots) > 1
    assert batches == [[defect for defect in sorted(support.shots) for _ in range(2)]]
    for entry in Bank(run.bank("plate")):
        assert entry.concept is not None
        assert entry.defect in entry.concept


@pytest.mark.parametrize("method", METHODS)
def test_sketches_know_what_lay_under_the_shots(
    method, small_dataset, small_prior, tmp_path, monkeypatch
):
    settings = settings_of(method, small_dataset, overrides=(*QUICK, "bank.normals=1"))
    (category,) = read_dataset(small_dataset)
    support = support_of(category, settings.support)
    run = RunFolder(tmp_path / "run", settings)
    learn(run, category, support, small_prior)
    given, looked_at = {}, []

    def surfaces(supports, goods):
        looked_at.extend(goods)
        return {d: [255 - image for image, _ in shots] for d, shots in supports.items()}

    init = DiffusionSynthesizer.__init__

    def spied(self, prior, concept, **how):
        given[concept.defect] = how["surfaces"]
        init(self, prior, concept, **how)

    monkeypatch.setattr(stage, "surfaces_of", surfaces)
    monkeypatch.setattr(DiffusionSynthesizer, "__init__", spied)
    generate(run, category, support, small_prior)
    assert len(looked_at) == len(category.train)
    assert set(given) == set(support.shots)
    for defect, samples in support.shots.items():
        for (image, _), surface in zip(supports_of(samples), given[defect], strict=True):
            np.testing.assert_array_equal(surface, 255 - image)
