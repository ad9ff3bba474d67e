"""The command behind `train.py`: flags -> Config -> recipe.train."""

import argparse
from collections.abc import Sequence

from srlite.config.options import parse_assignment, read_options
from srlite.config.presets import DEFAULT_PRESET, PRESETS, configure
from srlite.errors import arguments_of


def main(argv: Sequence[str] | None = None, prog: str = "train.py") -> int:
    """Run the command; return exit status 0, or raise as `recipe.train`."""
    parser = _parser(prog)
    args = vars(parser.parse_args(arguments_of(argv)))
    summary, run_dir = args.pop("summary"), args.pop("run_dir")
    if not summary and not run_dir:
        parser.error("--run-dir is required (except for --summary)")
    file = args.pop("config")
    changes = [read_options(file)] if file else []
    changes.append(dict(map(parse_assignment, args.pop("set"))))
    config = configure(args.pop("preset"), *changes)

    from srlite.training.preparation import summarize
    from srlite.training.recipe import train

    if summary:
        print(summarize(config, run_dir), end="")
    else:
        train(config, args.pop("data_dir"), run_dir, **args)
    return 0


def _parser(prog):
    parser = argparse.ArgumentParser(
        prog=prog,
        description="Train a generator from photographs. Ctrl-C saves a checkpoint; "
        "the same command resumes from it.",
    )
    parser.add_argument(
        "--preset",
        help=f"{', '.join(PRESETS)} (default: what --config or --set names, else "
        f"{DEFAULT_PRESET})",
    )
    parser.add_argument(
        "--data-dir",
        nargs="+",
        default=[],
        metavar="SOURCE",
        help="HR photographs: folders (recursive), tar files, .pack files, "
        "tfds:NAME:SPLIT, pairs:LR_DIR:HR_DIR; 2@SOURCE gives one a weight",
    )
    parser.add_argument(
        "--run-dir", metavar="DIR", help="folder of the run; created if missing"
    )
    parser.add_argument(
        "--val-dir", nargs="+", metavar="SOURCE", help="HR pictures to measure on"
    )
    parser.add_argument(
        "--pack",
        metavar="FILE.pack",
        help="where to put photographs that do not fit in memory (default: "
        "RUN_DIR/data.pack)",
    )
    parser.add_argument(
        "--config",
        metavar="FILE",
        help="options by section: TOML, or JSON such as another run's config.json",
    )
    parser.add_argument(
        "--set",
        nargs="+",
        action="extend",
        default=[],
        metavar="SECTION.OPTION=VALUE",
        help="single options, e.g. gan.steps=500 gan.style=none",
    )
    parser.add_argument(
        "--stages",
        nargs="+",
        help="some of estimator, pretrain and gan (default: all that the preset needs)",
    )
    parser.add_argument(
        "--max-minutes",
        type=float,
        metavar="M",
        help="stop after this time, with a checkpoint",
    )
    parser.add_argument(
        "--checkpoint-part-size",
        type=int,
        metavar="MIB",
        help="write checkpoints as folders of files no larger than this",
    )
    parser.add_argument(
        "--vgg19-weights",
        "--vgg16-weights",
        default="imagenet",
        metavar="FILE.h5",
        help="weights of the content network, instead of Keras's download",
    )
    parser.add_argument(
        "--efficientnet-weights",
        default="imagenet",
        metavar="FILE.h5",
        help="weights of the style network, instead of Keras's download",
    )
    parser.add_argument(
        "--override",
        action="store_true",
        help="resume although the options differ from those the run began with",
    )
    parser.add_argument(
        "--skip-damaged",
        action="store_true",
        help="if the newest checkpoint is damaged, resume from the one before it",
    )
    parser.add_argument(
        "--init-from",
        metavar="MODEL",
        help="start from the weights of a .keras file, a checkpoint, a run directory "
        "or a shipped model (fine-tuning); with --stages estimator, of its estimator",
    )
    parser.add_argument(
        "--wandb",
        dest="wandb_project",
        nargs="?",
        const="srlite",
        metavar="PROJECT",
        help="also log to Weights & Biases (default project: srlite)",
    )
    parser.add_argument(
        "--single-device", action="store_true", help="train on the first GPU only"
    )
    parser.add_argument(
        "--summary",
        action="store_true",
        help="print the networks and their sizes, write them to RUN_DIR/summary.txt, "
        "and stop",
    )
    return parser
