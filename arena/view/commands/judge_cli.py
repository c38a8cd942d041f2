"""The command lines of `arena judge` and `arena serve`. Nothing heavy is imported here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from arena.view.options import finite
from arena.world.bounds import BATCH, SECONDS

_REMOTE = "A suspect behind a URL"
_MORE = "How it is judged"


def judge(
    victim: Annotated[
        Path,
        typer.Option(metavar="FILE", help="Your model: weights, ONNX, a Hugging Face folder ..."),
    ],
    suspect: Annotated[
        str,
        typer.Option(metavar="FILE|URL", help="The model under suspicion."),
    ],
    data: Annotated[
        str, typer.Option(help="What your model was trained on: digits, mnist, folder:PATH, ...")
    ],
    access: Annotated[
        str | None,
        typer.Option(
            metavar="labels|probabilities|weights",
            help="What may be seen of the suspect; by default all there is.",
        ),
    ] = None,
    innocents: Annotated[
        str, typer.Option(metavar="N|DIR", help="How many to train, or a folder that holds some.")
    ] = "24",
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Where the report goes; run again, it continues.")
    ] = Path("runs/judge"),
    victim_architecture: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="Of weights alone: NAME or FILE.py:CLASS, then ', key = value'."
        ),
    ] = "",
    suspect_architecture: Annotated[
        str, typer.Option(metavar="NAME", help="The same for the suspect.")
    ] = "",
    scheme: Annotated[
        str, typer.Option(help="The fingerprint that judges.", rich_help_panel=_MORE)
    ] = "deepjudge",
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Change a setting of the scheme; may be repeated.",
            rich_help_panel=_MORE,
        ),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Fewer tests.", rich_help_panel=_MORE)
    ] = False,
    epochs: Annotated[
        int, typer.Option(min=1, help="How long innocents are trained.", rich_help_panel=_MORE)
    ] = 30,
    recipe: Annotated[
        list[str] | None,
        typer.Option(
            "--recipe",
            metavar="KEY=VALUE",
            help="Train innocents as yours was, as in label_smoothing=0.1; may be repeated.",
            rich_help_panel=_MORE,
        ),
    ] = None,
    device: Annotated[
        str,
        typer.Option(metavar="auto|cpu|cuda", help="Where models run.", rich_help_panel=_MORE),
    ] = "auto",
    seed: Annotated[
        int | None,
        typer.Option(
            min=0, help="Of tests and innocents; by default a fresh one.", rich_help_panel=_MORE
        ),
    ] = None,
    resize: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="Of own images: the shorter side, then the central square."
        ),
    ] = None,
    data_seed: Annotated[
        int,
        typer.Option(min=0, help="Cuts data that have no test part.", rich_help_panel=_MORE),
    ] = 0,
    form: Annotated[
        str,
        typer.Option(
            "--format", metavar="json|npy", help="How batches travel.", rich_help_panel=_REMOTE
        ),
    ] = "json",
    timeout: Annotated[
        float,
        typer.Option(
            max=SECONDS,
            callback=finite,
            help="Seconds for one answer.",
            rich_help_panel=_REMOTE,
        ),
    ] = 10.0,
    retries: Annotated[
        int, typer.Option(min=0, help="Attempts after the first.", rich_help_panel=_REMOTE)
    ] = 3,
    rate: Annotated[
        float | None,
        typer.Option(callback=finite, help="The most requests a second.", rich_help_panel=_REMOTE),
    ] = None,
    batch: Annotated[
        int,
        typer.Option(min=1, max=BATCH, help="Images a request.", rich_help_panel=_REMOTE),
    ] = 64,
    headers: Annotated[
        list[str] | None,
        typer.Option(
            "--header",
            metavar="'NAME: VALUE'",
            help="Sent along, recorded nowhere; may be repeated.",
            rich_help_panel=_REMOTE,
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document instead of tables.")
    ] = False,
) -> None:
    """Judge your own two models: is the suspect derived from the victim?"""
    from arena.view.judge.command import Asking, Question
    from arena.view.judge.command import judge as hold
    from arena.world.data.own_data import with_form

    asking = Asking(
        form=form,
        timeout_s=timeout,
        retries=retries,
        per_second=rate,
        batch=batch,
        headers=tuple(headers or ()),
    )
    question = Question(
        victim=victim,
        suspect=suspect,
        data=with_form(data, resize),
        access=access,
        innocents=innocents,
        out=out,
        victim_architecture=victim_architecture,
        suspect_architecture=suspect_architecture,
        scheme=scheme,
        changes=tuple(changes or ()),
        quick=quick,
        epochs=epochs,
        recipe=tuple(recipe or ()),
        device=device,
        seed=seed,
        data_seed=data_seed,
        as_json=as_json,
        asking=asking,
    )
    raise typer.Exit(hold(question))


def serve(
    model: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="A .safetensors file, for anybody.")
    ] = None,
    course: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Serve a course instead: its folder has serve.toml."),
    ] = None,
    answers: Annotated[
        str, typer.Option(metavar="labels|probabilities", help="What a single model reveals.")
    ] = "probabilities",
    port: Annotated[int, typer.Option(min=0, help="0 takes any that is free.")] = 8000,
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Where it listens; by default on loopback alone.")
    ] = "127.0.0.1",
) -> None:
    """Answer batches over HTTP: a suspect to try out, or a course's victims, on a budget."""
    from arena.view.commands.serve import serve as answer
    from arena.view.commands.serve import serve_course

    if course is not None:
        serve_course(course, host, port)
    else:
        answer(model, answers, host, port)
