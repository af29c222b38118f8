"""The verbs of the command line."""

from pathlib import Path
from typing import Annotated

import typer

from anogen import __version__
from anogen.errors import InputError

app = typer.Typer(
    name="anogen",
    help="Learn a defect from a few shots, draw it on good parts, prove that it helps.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

Dataset = Annotated[Path, typer.Argument(help="Folder of the dataset.")]
RunPath = Annotated[Path, typer.Argument(help="Folder of a run.")]
Categories = Annotated[
    list[str] | None, typer.Option("--category", help="Category to take; repeat for more.")
]
Defects = Annotated[
    list[str] | None, typer.Option("--defect", help="Defect type to take; repeat for more.")
]
LayoutName = Annotated[str | None, typer.Option("--layout", help="mvtec or folder.")]
PriorName = Annotated[
    str | None,
    typer.Option("--prior", help="embedded, a .safetensors file, a diffusers folder, a hub id."),
]
Preset = Annotated[str, typer.Option("--preset", help="quick, best, paper or official.")]
MethodName = Annotated[
    str | None, typer.Option("--method", help="anogen (default) or anomalydiffusion.")
]
Shots = Annotated[int | None, typer.Option("--shots", help="Support images of each defect.")]
SupportName = Annotated[
    str | None,
    typer.Option("--support", help="'official', or a file with one image path a line."),
]
Out = Annotated[Path | None, typer.Option("--out", help="Folder of the run.")]
Seed = Annotated[int | None, typer.Option("--seed", help="Seed of everything random.")]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", help="stage.option=value; repeat for more.")
]
DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run", help="Only say how much there is to do, how long it takes, how much disk."
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        "--workers",
        min=1,
        envvar="ANOGEN_WORKERS",
        help="Trainings side by side, where training.threads is set; as many as the processor's "
        "cores by default, one with a GPU. No result depends on it.",
    ),
]
# Which of the detectors that a run has trained.
Model = Annotated[
    Path, typer.Argument(help="Folder of a run, or the model.safetensors of a detector.")
]
OfCategory = Annotated[
    str | None, typer.Option("--category", help="Product, where the run has several.")
]
OfDetector = Annotated[
    str | None, typer.Option("--detector", help="draem, unet or destseg, where it has several.")
]
OfArm = Annotated[
    str | None, typer.Option("--arm", help="What it was trained on; drawn defects by default.")
]
OfSeed = Annotated[
    int | None, typer.Option("--seed", help="Number of its training; the lowest by default.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable results on stdout.")]


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"anogen {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Learn a defect from a few shots, draw it on good parts, prove that it helps."""


@app.command()
def run(
    dataset: Dataset,
    category: Categories = None,
    defect: Defects = None,
    layout: LayoutName = None,
    prior: PriorName = None,
    method: MethodName = None,
    preset: Preset = "quick",
    shots: Shots = None,
    support: SupportName = None,
    out: Out = None,
    seed: Seed = None,
    override: Overrides = None,
    workers: Workers = None,
    dry_run: DryRun = False,
    json_: AsJson = False,
) -> None:
    """The whole way: validate, learn, generate, train, evaluate, report.

    The same command again goes on where it was interrupted.
    """
    from anogen.cli import runs

    given = runs.given_settings(
        dataset,
        categories=category,
        defects=defect,
        layout=layout,
        prior=prior,
        method=method,
        shots=shots,
        support=support,
        seed=seed,
    )
    if dry_run:
        runs.dry_run(preset, given, tuple(override or ()), out, workers=workers)
        return
    runs.run(preset, given, tuple(override or ()), out, workers=workers, as_json=json_)


@app.command()
def demo(
    out: Out = None,
    override: Overrides = None,
    workers: Workers = None,
    json_: AsJson = False,
) -> None:
    """The main job on real photographs of solar cells (needs the extra 'demo')."""
    from anogen.cli import runs

    runs.demo(out, tuple(override or ()), workers=workers, as_json=json_)


@app.command()
def validate(
    dataset: Dataset,
    category: Categories = None,
    defect: Defects = None,
    layout: LayoutName = None,
    shots: Annotated[
        int, typer.Option("--shots", help="Support images that each defect is to have.")
    ] = 3,
    json_: AsJson = False,
) -> None:
    """Read every image and mask of a dataset and say all that is wrong."""
    from anogen.cli import inspection

    inspection.validate(dataset, category, defect, layout, shots, as_json=json_)


@app.command()
def learn(
    source: Annotated[Path, typer.Argument(help="Folder of a run, or of a dataset to start one.")],
    category: Categories = None,
    defect: Defects = None,
    layout: LayoutName = None,
    prior: PriorName = None,
    method: MethodName = None,
    preset: Annotated[
        str | None, typer.Option("--preset", help="quick (default), best, paper or official.")
    ] = None,
    shots: Shots = None,
    support: SupportName = None,
    out: Out = None,
    seed: Seed = None,
    override: Overrides = None,
) -> None:
    """Stage 1: learn a concept of every defect from its shots."""
    from anogen.cli import runs

    if runs.is_run(source):
        options = (
            category,
            defect,
            layout,
            prior,
            method,
            preset,
            shots,
            support,
            out,
            seed,
            override,
        )
        if any(option is not None for option in options):
            raise InputError(
                f"{source}: is a run, and its settings stand; leave the options away, or start "
                "another run from the dataset."
            )
        runs.learn_in_run(source)
        return
    given = runs.given_settings(
        source,
        categories=category,
        defects=defect,
        layout=layout,
        prior=prior,
        method=method,
        shots=shots,
        support=support,
        seed=seed,
    )
    runs.learn_from(preset or "quick", given, tuple(override or ()), out)


@app.command()
def generate(run_folder: RunPath, dry_run: DryRun = False) -> None:
    """Stage 2: draw the learned defects on good images."""
    from anogen.cli import runs

    if dry_run:
        runs.dry_generate(run_folder)
        return
    runs.generate(run_folder)


@app.command()
def train(run_folder: RunPath, workers: Workers = None) -> None:
    """Stage 3: train the detectors of every arm."""
    from anogen.cli import runs

    runs.train(run_folder, workers=workers)


@app.command()
def evaluate(run_folder: RunPath, workers: Workers = None, json_: AsJson = False) -> None:
    """Measure the trained detectors on the held-out images."""
    from anogen.cli import runs

    runs.evaluate(run_folder, workers=workers, as_json=json_)


@app.command()
def predict(
    model: Model,
    images: Annotated[
        list[Path], typer.Argument(help="Images of any size, 8 or 16 bit, or folders of them.")
    ],
    out: Annotated[Path, typer.Option("--out", help="New folder to write to.")],
    category: OfCategory = None,
    detector: OfDetector = None,
    arm: OfArm = None,
    seed: OfSeed = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            "--threshold",
            help="Score from which an image is called defective; by default the one of the best "
            "F1 on the run's held-out images.",
        ),
    ] = None,
    json_: AsJson = False,
) -> None:
    """Score images with a trained detector: scores.csv, a score map and a heat map of each."""
    from anogen.cli import predicting

    predicting.predict(
        model,
        images,
        out,
        category=category,
        detector=detector,
        arm=arm,
        seed=seed,
        threshold=threshold,
        as_json=json_,
    )


@app.command()
def report(run_folder: RunPath) -> None:
    """Write the HTML report of a run."""
    from anogen.cli import runs

    runs.report(run_folder)


@app.command()
def review(
    run_folder: RunPath,
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Port; 0 takes a free one.")
    ] = 0,
    host: Annotated[
        str, typer.Option("--host", help="Address to listen on; the default is this machine only.")
    ] = "127.0.0.1",
) -> None:
    """Go through the drawn images in the browser: accept, reject, correct masks."""
    from anogen.cli import reviewing

    reviewing.review(run_folder, host=host, port=port)


@app.command()
def export(
    run_folder: RunPath,
    format_: Annotated[
        str,
        typer.Option(
            "--format", help="mvtec, coco, yolo, masks; or textual-inversion, of concepts."
        ),
    ],
    out: Annotated[Path, typer.Option("--out", help="New folder to write to.")],
    category: Categories = None,
    licence: Annotated[
        str, typer.Option("--licence", help="Licence of the images, for the card.")
    ] = "not stated",
) -> None:
    """Write the accepted images as a data set, or the concepts, for other tools."""
    from anogen.cli import reviewing

    reviewing.export(run_folder, format_, out, categories=category, licence=licence)


@app.command()
def doctor() -> None:
    """Say what this machine and installation can do."""
    from anogen.cli import inspection

    inspection.doctor()


@app.command()
def study(
    study: Annotated[
        str | None, typer.Argument(help="A study's file, or the name of a ready-made study.")
    ] = None,
    dataset: Annotated[
        Path | None, typer.Option("--dataset", help="Dataset, in the place of the file's.")
    ] = None,
    category: Categories = None,
    defect: Defects = None,
    layout: LayoutName = None,
    prior: PriorName = None,
    preset: Annotated[
        str | None, typer.Option("--preset", help="In the place of the file's.")
    ] = None,
    seeds: Annotated[int | None, typer.Option("--seeds", help="Trainings of each arm.")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Folder of the study.")] = None,
    override: Overrides = None,
    workers: Workers = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only count the work that is to be done.")
    ] = False,
    list_: Annotated[bool, typer.Option("--list", help="Name the ready-made studies.")] = False,
    json_: AsJson = False,
) -> None:
    """Compare arms: which anomalies, labels, shots, thresholds; tables in the papers' layout.

    The same command again goes on where it was interrupted.
    """
    from anogen.cli import studies

    if list_:
        studies.show_ready_made()
        return
    if study is None:
        raise InputError("name a study or its file; 'anogen study --list' names the ready-made.")
    if dataset is None and any((category, defect, layout)):
        raise InputError("--category, --defect and --layout belong to --dataset; give it, too.")
    place = {
        "root": str(dataset),
        "layout": layout,
        "categories": category or None,
        "defects": defect or None,
    }
    studies.study(
        study,
        None if dataset is None else place,
        preset=preset,
        prior=prior,
        seeds=seeds,
        overrides=tuple(override or ()),
        out=out,
        workers=workers,
        dry_run=dry_run,
        as_json=json_,
    )


config_app = typer.Typer(help="Settings.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(config_app, name="config")


@config_app.command("show")
def config_show(
    preset: Preset = "quick",
    method: MethodName = None,
    override: Overrides = None,
) -> None:
    """Print the resolved settings of a preset, each with what it means."""
    from anogen.cli import inspection

    inspection.config_show(preset, method or "anogen", tuple(override or ()))


placement_app = typer.Typer(
    help="Where defects may go.", no_args_is_help=True, rich_markup_mode=None
)
app.add_typer(placement_app, name="placement")


@placement_app.command("preview")
def placement_preview(
    dataset: Dataset,
    out: Annotated[Path, typer.Option("--out", help="Image file of the sheet (PNG).")],
    category: Categories = None,
    defect: Defects = None,
    layout: LayoutName = None,
    method: MethodName = None,
    preset: Preset = "quick",
    shots: Shots = None,
    support: SupportName = None,
    seed: Seed = None,
    count: Annotated[
        int, typer.Option("--count", min=1, help="Places to show of each defect.")
    ] = 6,
    override: Overrides = None,
) -> None:
    """Draw the places of a run onto good images, with the object outlined, and nothing else."""
    from anogen.cli import placement, runs

    given = runs.given_settings(
        dataset,
        categories=category,
        defects=defect,
        layout=layout,
        method=method,
        shots=shots,
        support=support,
        seed=seed,
    )
    placement.preview(preset, given, tuple(override or ()), out, count=count)


prior_app = typer.Typer(help="The embedded prior.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(prior_app, name="prior")


@prior_app.command("pretrain")
def prior_pretrain(
    folder: Annotated[Path, typer.Argument(help="Working folder; a killed training resumes.")],
    photographs: Annotated[
        Path | None, typer.Option(help="Folder made by 'python -m anogen.prior.photographs'.")
    ] = None,
    shards: Annotated[int, typer.Option(help="Shards of 512 training scenes.")] = 160,
    autoencoder_steps: Annotated[int, typer.Option(help="Batches of 32 windows.")] = 3000,
    correction_steps: Annotated[int, typer.Option(help="Batches of 16 windows.")] = 1500,
    denoiser_steps: Annotated[int, typer.Option(help="Batches of 64 windows.")] = 20000,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
) -> None:
    """Train an embedded prior from nothing."""
    from anogen.cli import pretraining

    pretraining.pretrain(
        folder, photographs, shards, autoencoder_steps, correction_steps, denoiser_steps, seed
    )


@prior_app.command("adapt")
def prior_adapt(
    dataset: Dataset,
    category: Annotated[
        str | None, typer.Option("--category", help="Product, where the dataset has several.")
    ] = None,
    layout: LayoutName = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="File to write; runs/priors/CATEGORY.safetensors by default."),
    ] = None,
    steps: Annotated[int | None, typer.Option("--steps", help="Batches of 32 windows.")] = None,
    seed: Annotated[int, typer.Option("--seed", help="Seed of everything random.")] = 0,
) -> None:
    """Fit the embedded prior to a product's good images; --prior FILE then uses it.

    The same command again goes on where it was interrupted.
    """
    from anogen.cli import adapting

    adapting.adapt(dataset, category, layout, out, steps, seed)


detector_app = typer.Typer(help="Detectors.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(detector_app, name="detector")


@detector_app.command("export")
def detector_export(
    model: Model,
    out: Annotated[Path, typer.Option("--out", help="File to write, such as detector.onnx.")],
    category: OfCategory = None,
    detector: OfDetector = None,
    arm: OfArm = None,
    seed: OfSeed = None,
) -> None:
    """Write a trained detector as an ONNX file, to run without Python (needs the extra onnx)."""
    from anogen.cli import predicting

    predicting.export_onnx(model, out, category=category, detector=detector, arm=arm, seed=seed)


@detector_app.command("pretrain")
def detector_pretrain(
    folder: Annotated[Path, typer.Argument(help="Working folder; a killed training resumes.")],
    detector: Annotated[str, typer.Argument(help="unet or draem.")],
    photographs: Annotated[
        Path | None, typer.Option(help="Folder made by 'python -m anogen.prior.photographs'.")
    ] = None,
    shards: Annotated[int, typer.Option(help="Shards of 512 training scenes.")] = 150,
    steps: Annotated[int, typer.Option(help="Batches of 32 windows.")] = 4000,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
) -> None:
    """Pretrain the network of a quick detector on rendered defects, for its setting start."""
    from anogen.cli import pretraining

    pretraining.pretrain_detector(folder, detector, photographs, shards, steps, seed)
