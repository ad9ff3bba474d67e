"""The options of `python -m srlite evaluate`."""

import argparse

from srlite.data.damages import ALL_REAL, REAL
from srlite.evaluation.contenders import EDGES
from srlite.evaluation.data_sets import KNOWN_SETS
from srlite.evaluation.protocol import KERNEL_ORDER
from srlite.evaluation.records import METRICS
from srlite.metrics.frechet import MIN_PICTURES

SETS_VARIABLE = "SRLITE_SETS_DIR"
NONE = "none"


def evaluation_parser(prog):
    """Build the parser of the command, which calls itself `prog`."""
    parser = argparse.ArgumentParser(
        prog=prog,
        description="Measure models on sets of pictures, for each kernel that may "
        "have shrunk them.",
    )
    parser.add_argument(
        "--model",
        nargs="+",
        default=["light", "light_psnr", "bicubic"],
        metavar="MODEL",
        help="shipped names, .tflite or .keras files, checkpoints, run directories, "
        "bicubic, lanczos, commands in quotes with {lr} and {sr}, or folders of "
        "results; NAME=MODEL names one in tables; differences are from the first "
        "(default: light light_psnr bicubic)",
    )
    _add_sources(parser)
    _add_protocol(parser)
    _add_measures(parser)
    parser.add_argument(
        "--threads", type=int, help="CPU threads of .tflite files (default: all cores)"
    )
    parser.add_argument(
        "--out-dir",
        metavar="DIR",
        help="keep scores, pictures and report.html here; the same command resumes "
        "after a stop",
    )
    parser.add_argument(
        "--show-results",
        type=_count,
        default=3,
        metavar="N",
        help="best and worst pictures in the report, N of each (default: 3)",
    )
    parser.add_argument(
        "--by",
        metavar="METRIC",
        help="what the report compares by (default: the first that is measured)",
    )
    return parser


def _count(text):
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"a number from 0 up; received {text}")
    return int(text)


def _add_sources(parser):
    group = parser.add_argument_group("pictures")
    group.add_argument(
        "--hr-dir",
        nargs="+",
        default=[],
        metavar="DIR",
        help="folders of HR pictures, which are shrunk",
    )
    group.add_argument(
        "--pairs",
        nargs=2,
        action="append",
        default=[],
        metavar=("LR_DIR", "HR_DIR"),
        help="two folders of LR and HR pictures with the same names; may be repeated",
    )
    group.add_argument(
        "--sets",
        nargs="+",
        default=[],
        metavar="NAME",
        help=f"{', '.join(KNOWN_SETS)}, in --sets-dir",
    )
    group.add_argument(
        "--sets-dir",
        metavar="DIR",
        help=f"folder of the known sets (default: that of {SETS_VARIABLE})",
    )


def _add_protocol(parser):
    group = parser.add_argument_group("protocol")
    group.add_argument(
        "--kernels",
        nargs="+",
        default=list(KERNEL_ORDER),
        metavar="KERNEL",
        help=f"of {', '.join(KERNEL_ORDER)} (default: all); bicubic is MATLAB's",
    )
    group.add_argument(
        "--damage",
        nargs="+",
        default=[NONE],
        metavar="DAMAGE",
        help=f"what LR goes through, each with each kernel: {NONE}, {', '.join(REAL)}, "
        f"or {ALL_REAL} for all nine; sharp, sharpjpeg70, lanczos; the numbers can be "
        f"changed (default: {NONE})",
    )
    group.add_argument(
        "--degradation",
        nargs="+",
        metavar="TOLD",
        help="what conditional models are told: auto, their estimator's answer; clean, "
        "or parts such as jpeg=60,noise=5; true, what really happened to LR; several "
        "are measured side by side (default: auto)",
    )
    group.add_argument(
        "--scale", type=int, default=4, help="HR pixels per LR pixel (default: 4)"
    )
    group.add_argument(
        "--edges",
        choices=EDGES,
        default="none",
        help="none measures the bare network on the whole picture, as papers do; "
        "tiled measures what inference.py does (default: none)",
    )


def _add_measures(parser):
    group = parser.add_argument_group(
        "measures", "a measure without the file it needs is left out, with a note"
    )
    group.add_argument(
        "--metrics",
        nargs="+",
        metavar="METRIC",
        help=f"of {', '.join(metric.name for metric in METRICS)} (default: all that "
        "can be measured)",
    )
    files = {
        "vgg19-weights": "for content: imagenet, which Keras downloads, or a file "
        "without the top",
        "efficientnet-weights": "for style: imagenet, or a file of EfficientNetB4 "
        "without the top",
        "niqe-parameters": "for niqe: the authors' published parameters, .mat or .npz",
        "inception-weights": f"for FID, of sets of {MIN_PICTURES} pictures or more, "
        "with --out-dir: imagenet, a file of InceptionV3 without the top, or random, "
        "for trials",
    }
    for name, text in files.items():
        group.add_argument(f"--{name}", default=NONE, metavar="FILE", help=text)
