"""Stage 1 of a run: a concept for every defect."""

from anogen.concept.concept import load_concept
from anogen.concept.joint import learn_jointly
from anogen.concept.learning import learn_concepts
from anogen.data.images import write_png
from anogen.data.sample import Category, SupportSet
from anogen.errors import InputError
from anogen.prior.contract import LatentDiffusion
from anogen.prior.embedded import EmbeddedPrior
from anogen.seeds import seed_of
from anogen.study.durations import timed
from anogen.study.run_folder import RunFolder
from anogen.study.saying import progress_bar
from anogen.study.stages.adapt import learns_jointly, prior_of_concepts
from anogen.study.stages.learned_masks import mask_embeddings
from anogen.study.stages.material import need_shots, shots_of


def learn(run: RunFolder, category: Category, support: SupportSet, prior: LatentDiffusion) -> None:
    """Learn what is missing of a category's concepts and write them.

    All defects of a category learn together, with the prior that they change if there is one, so
    one missing file means that all are learned again: the bytes of a concept do not depend on
    where a run was interrupted.

    Raises:
        InputError: if a concept that is there belongs to another prior or other shots.
    """
    paths = {defect: run.concept(category.name, defect) for defect in sorted(support.shots)}
    shots = {defect: shots_of(samples) for defect, samples in support.shots.items()}
    learned = [*paths.values()]
    if learns_jointly(run):
        learned.append(run.joint_prior(category.name))
    if all(path.exists() for path in learned):
        speaks_to = prior_of_concepts(run, category, prior)
        for defect, path in paths.items():
            concept = load_concept(path)
            concept.check(speaks_to.fingerprint)
            need_shots(concept, shots[defect], path)
        return
    settings = run.settings.concept
    with (
        timed(run.concepts(category.name), "learn"),
        progress_bar(f"learn {category.name}", settings.steps) as done,
    ):
        concepts = learn_concepts(
            prior,
            shots,
            category=category.name,
            settings=settings,
            seed=seed_of(run.settings.seed, "concept"),
            on_step=done,
            on_preview=lambda defect, step, picture: write_png(
                run.preview(category.name, defect, step), picture
            ),
        )
        if learns_jointly(run):
            assert isinstance(prior, EmbeddedPrior)
            concepts = learn_jointly(
                prior,
                concepts,
                shots,
                category.train,
                run.joint_prior(category.name),
                settings=settings,
                rehearsal=run.settings.adapt,
                seed=seed_of(run.settings.seed, "joint"),
            )
    for concept in concepts:
        concept.save(paths[concept.defect])


def need_concepts(run: RunFolder, category: Category, support: SupportSet) -> None:
    """Refuse to go on without the concepts.

    Raises:
        InputError: naming the first file that is missing.
    """
    needed = [run.concept(category.name, defect) for defect in sorted(support.shots)]
    if learns_jointly(run):
        needed.append(run.joint_prior(category.name))
    needed += mask_embeddings(run, category.name, [*support.shots])
    for path in needed:
        if not path.exists():
            raise InputError(f"{path}: not learned yet; run 'anogen learn {run.path}' first.")
