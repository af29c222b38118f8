import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from anogen.detection.mixing import GeneratedSource, Mixture, ProceduralSource
from anogen.detection.settings import MixtureSettings
from anogen.errors import InputError

SIDE = 8
NORMALS = np.stack([np.full((SIDE, SIDE, 3), value, np.uint8) for value in (10, 20)])


def dot(
    image: NDArray[np.uint8], region: NDArray[np.bool_] | None, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    mask = np.zeros((SIDE, SIDE), np.float32)
    allowed = np.argwhere(np.ones_like(mask, bool) if region is None else region)
    mask[tuple(allowed[rng.integers(len(allowed))])] = 1
    return np.where(mask[..., None] > 0, 200, image).astype(np.uint8), mask


def procedural() -> ProceduralSource:
    return ProceduralSource(dot, name="dot")


def generated(counts: dict[str, int]) -> GeneratedSource:
    """Images of one value per defect (100, 101, ...) whose left column is defective."""
    defects = [name for name, count in counts.items() for _ in range(count)]
    values = {name: 100 + index for index, name in enumerate(counts)}
    images = np.stack([np.full((SIDE, SIDE, 3), values[name], np.uint8) for name in defects])
    images[:, 0, 0] = 255
    normals = np.full((1, SIDE, SIDE, 3), 50, np.uint8)
    normals[:, 0, 0] = 60
    masks = np.zeros((len(defects), SIDE, SIDE), np.uint8)
    masks[:, 0, 0] = 1
    return GeneratedSource(
        images,
        normals=normals,
        normal_of=np.zeros(len(defects), np.int64),
        masks=masks,
        weak=np.ones(len(defects), bool),
        defects=defects,
    )


def kinds(mixture: Mixture, batches: int = 60) -> list[str]:
    found = []
    for step in range(batches):
        batch = mixture.batch(step, seed=3)
        for mask, weak in zip(batch.mask, batch.weak, strict=True):
            found.append("normal" if mask.sum() == 0 else "generated" if weak else "procedural")
    return found


def test_batch_depends_on_seed_and_step_alone() -> None:
    settings = MixtureSettings(horizontal_flip=True, quarter_turns=True)

    def make() -> Mixture:
        sources = [procedural(), generated({"a": 3})]
        return Mixture(NORMALS, sources, settings=settings, batch_size=6)

    first, second = make(), make()
    first.batch(0, seed=1)
    one, two = first.batch(5, seed=1), second.batch(5, seed=1)
    for name in ("image", "normal", "mask", "weak"):
        assert torch.equal(getattr(one, name), getattr(two, name))
    assert not torch.equal(one.image, second.batch(6, seed=1).image)
    assert not torch.equal(one.image, second.batch(5, seed=2).image)


def test_shapes_types_and_targets() -> None:
    mixture = Mixture(
        NORMALS, [procedural()], settings=MixtureSettings(normal_share=0.0), batch_size=5
    )
    batch = mixture.batch(0, seed=0)
    assert batch.image.shape == batch.normal.shape == (5, 3, SIDE, SIDE)
    assert batch.image.dtype == batch.normal.dtype == torch.uint8
    assert batch.mask.shape == (5, 1, SIDE, SIDE)
    assert batch.mask.dtype == torch.float32
    assert batch.weak.tolist() == [False] * 5
    differs = (batch.image != batch.normal).any(dim=1, keepdim=True)
    assert torch.equal(differs, batch.mask > 0)


def test_shares() -> None:
    settings = MixtureSettings(normal_share=0.5, generated_share=0.25)
    sources = [procedural(), generated({"a": 2})]
    found = kinds(Mixture(NORMALS, sources, settings=settings, batch_size=20))
    share = {kind: found.count(kind) / len(found) for kind in ("normal", "generated")}
    # 1200 draws: three standard deviations are below 0.045.
    assert share["normal"] == pytest.approx(0.5, abs=0.045)
    assert share["generated"] == pytest.approx(0.125, abs=0.03)


def test_one_kind_alone_gets_all_anomalies() -> None:
    settings = MixtureSettings(normal_share=0.0, generated_share=0.25)
    only = Mixture(NORMALS, [generated({"a": 2})], settings=settings, batch_size=4)
    assert set(kinds(only, 10)) == {"generated"}


def test_defects_are_balanced_however_many_images_they_have() -> None:
    settings = MixtureSettings(normal_share=0.0)
    mixture = Mixture(NORMALS, [generated({"a": 30, "b": 2})], settings=settings, batch_size=20)
    values = torch.cat([mixture.batch(step, seed=0).image[:, 0, 4, 4] for step in range(40)])
    assert (values == 101).float().mean().item() == pytest.approx(0.5, abs=0.06)


def test_without_balance_every_image_comes_equally_often() -> None:
    settings = MixtureSettings(normal_share=0.0, balance_defects=False)
    mixture = Mixture(NORMALS, [generated({"a": 15, "b": 5})], settings=settings, batch_size=20)
    values = torch.cat([mixture.batch(step, seed=0).image[:, 0, 4, 4] for step in range(40)])
    # 800 draws: three standard deviations are below 0.05.
    assert (values == 101).float().mean().item() == pytest.approx(0.25, abs=0.05)


def test_augmentation_moves_image_normal_and_mask_together() -> None:
    settings = MixtureSettings(
        normal_share=0.0, horizontal_flip=True, vertical_flip=True, quarter_turns=True
    )
    mixture = Mixture(NORMALS, [generated({"a": 1})], settings=settings, batch_size=40)
    batch = mixture.batch(0, seed=0)
    corners = set()
    for image, normal, mask in zip(batch.image, batch.normal, batch.mask, strict=True):
        place = tuple(mask[0].nonzero()[0].tolist())
        assert image[0, place[0], place[1]] == 255
        assert normal[0, place[0], place[1]] == 60
        corners.add(place)
    last = SIDE - 1
    assert corners == {(0, 0), (0, last), (last, 0), (last, last)}


def test_rotation_fills_uncovered_corners() -> None:
    settings = MixtureSettings(
        normal_share=1.0, rotation_probability=1.0, rotation_degrees=45, rotation_fill=114
    )
    batch = Mixture(NORMALS, [], settings=settings, batch_size=8).batch(0, seed=0)
    assert (batch.image[:, 0, 0, 0] == 114).any()
    assert set(batch.image[:, 0, 4, 4].tolist()) <= {10, 20}


def test_fingerprint_tells_mixtures_apart() -> None:
    settings = MixtureSettings()

    def of(normals: NDArray[np.uint8], *sources: ProceduralSource | GeneratedSource) -> str:
        return Mixture(normals, sources, settings=settings, batch_size=2).fingerprint()

    prints = {
        of(NORMALS, procedural()),
        of(NORMALS[::-1], procedural()),
        of(NORMALS, generated({"a": 2})),
        of(NORMALS, generated({"a": 1, "b": 1})),
    }
    assert len(prints) == 4
    assert of(NORMALS, procedural()) == of(NORMALS.copy(), procedural())


def test_nothing_to_train_on_is_said() -> None:
    with pytest.raises(InputError, match="no normal images"):
        Mixture(NORMALS[:0], [procedural()], settings=MixtureSettings(), batch_size=2)
    with pytest.raises(InputError, match="no source of anomalies"):
        Mixture(NORMALS, [], settings=MixtureSettings(), batch_size=2)
    with pytest.raises(InputError, match="no generated images"):
        generated({"a": 1}).__class__(
            NORMALS[:0],
            normals=NORMALS,
            normal_of=np.zeros(0, np.int64),
            masks=np.zeros((0, SIDE, SIDE), np.uint8),
            weak=np.zeros(0, bool),
            defects=[],
        )


def test_procedural_anomalies_stay_on_the_object_however_it_is_turned() -> None:
    # The object is the bright left column; augmentation moves it to any side.
    objects = np.zeros((2, SIDE, SIDE), bool)
    objects[:, :, 0] = True
    normals = np.where(objects[..., None], 90, NORMALS).astype(np.uint8)
    settings = MixtureSettings(
        normal_share=0.0, horizontal_flip=True, vertical_flip=True, quarter_turns=True
    )
    source = ProceduralSource(dot, name="dot", objects=objects)
    mixture = Mixture(normals, [source], settings=settings, batch_size=40)
    batch = mixture.batch(0, seed=0)
    assert (batch.mask.sum(dim=(1, 2, 3)) == 1).all()
    assert (batch.normal[:, :1][batch.mask > 0] == 90).all()
    free = Mixture(normals, [procedural()], settings=settings, batch_size=40).batch(0, seed=0)
    assert (free.normal[:, :1][free.mask > 0] != 90).any()


def test_fingerprint_tells_objects_apart() -> None:
    objects = np.zeros((2, SIDE, SIDE), bool)
    objects[:, 1] = True
    prints = [
        ProceduralSource(dot, name="dot", objects=given).fingerprint()
        for given in (None, objects, ~objects)
    ]
    assert len(set(prints)) == 3
