"""The command line: arguments → verb → view → exit code.

Commands are loaded by name when they are called, so ``--help`` and shell completion stay quick.
"""

from __future__ import annotations

import errno
import gc
import json
import os
import sys
from importlib import import_module
from itertools import pairwise

import click

from fleetspec import __version__
from fleetspec.cli.postponed import postpone
from fleetspec.diagnostics import ExitCode, Rejected

_COMMANDS = {
    "init": ("starting", "Write a first spec, from a CSV or Parquet file of yours or from sample data."),
    "validate": ("reading", "Read a spec and say everything that is wrong with it."),
    "fmt": ("formatting", "Lay specs out in one canonical way; comments stay."),
    "schema": ("formatting", "Print the JSON Schema of the language, for editors."),
    "explain": ("explaining", "Say what a code like FS201 means; without one, list all."),
    "lock": ("reading", "Pin members, lengths and data versions beside the spec."),
    "quality": ("inspecting", "Hold every series against the quality that a spec asks for."),
    "compile": ("reading", "Expand a spec to its job graph and count what is in it."),
    "ls": ("looking", "List the models of a spec, all or selected."),
    "graph": ("looking", "Draw the job graph in a few boxes."),
    "plan": ("planning", "Say what to buy, what it costs, and whether the run ends in time."),
    "show": ("planning", "Show one model, or where its settings come from; or a saved plan."),
    "diff": ("reviewing", "Say what changes between two specs, or between two states of a repository."),
    "comment": ("commenting", "Post what a pull request changes as a comment on it."),
    "render": ("rendering", "Write the Kubernetes manifests of a plan."),
    "lint": ("linting", "Check Ray and Kueue manifests by the rules of those who will run them."),
    "calibrate": ("calibrating", "Measure a few jobs of each class, so that plans need not guess."),
    "apply": ("running", "Run what is missing, here or on a cluster, and store the results."),
    "placebo": ("placeboing", "Run the alphas on shuffled returns: what is promoted there is chance."),
    "status": ("running", "Say what the store, or a cluster, holds of a fleet."),
    "drift": ("deploying", "Compare what is on a cluster with what the spec renders."),
    "destroy": ("deploying", "Remove a fleet, or runs of it, from a cluster."),
    "doctor": ("deploying", "Check that a cluster is fit for a fleet."),
    "inventory": ("inventorying", "List groups with owner, tier, versions, last backtest and validation."),
    "audit": ("auditing", "Show or verify the audit log: plans, approvals, overrides, applies."),
    "why": ("operating", "Say what state models are in, and what is to blame."),
    "retry": ("operating", "Take jobs out of quarantine: the next apply runs them again."),
    "gc": ("operating", "Remove from a store what no ledger row or no deployed graph needs."),
    "reproduce": ("operating", "Make one model again and compare it with the store, bit by bit."),
    "results": ("running", "Print forecasts, fits, trials or evaluations of selected models."),
    "catalog": ("cataloging", "List the machines, GPUs and runtimes that plans are made with."),
    "report": ("reporting", "Write the report of a fleet's runs as one HTML file."),
}


class _Commands(click.Group):
    """Loads a command's module only when that command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"fleetspec.cli.{_COMMANDS[name][0]}"), f"{name}_command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        from fleetspec.diagnostics import did_you_mean

        if args and args[0] not in _COMMANDS and not args[0].startswith("-"):
            ctx.fail(f"no command '{args[0]}'; {did_you_mean(args[0], _COMMANDS)}")
        return super().resolve_command(ctx, args)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="fleetspec")
def _root() -> None:
    """Compile, plan and run fleets of time-series models from one YAML spec.

    Start with `fleetspec init`, then `lock`, `plan` and `apply`. Data goes to stdout, progress and findings to
    stderr. Exit codes: 0 ok, 1 error, 2 changes present (--detailed-exitcode of diff and drift), 3 infeasible, 4
    stopped by a policy, 5 stale, 6 too much quarantined, 64 usage, 130 interrupted.
    """


def _start_quickly() -> None:
    # Loading numpy takes as long as reading a spec, and whoever only reads one has no use for it.
    postpone("numpy")
    # What loads stays: looking through it for garbage over and over is a twentieth of a short command.
    gc.set_threshold(100_000, 20, 100)
    # pydantic would look through every installed package for plugins of its own.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")


def _wants_json(arguments: list[str]) -> bool:
    return "--format=json" in arguments or ("--format", "json") in pairwise(arguments)


def _unusable(error: OSError) -> str:
    """The place, the reason and, where there is one, the way out: no room, no permission, a folder that is missing."""
    where = f" '{error.filename}'" if error.filename else ""
    said = f"cannot use{where}: {error.strerror or error}"
    match error.errno:
        case errno.ENOENT if error.filename:
            folder = os.path.dirname(os.path.abspath(error.filename))
            if not os.path.isdir(folder):
                return f"{said}; there is no folder '{folder}': make it, or name another place"
            return f"{said}; name a file that is there"
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return f"{said}; name a place that you may write to, or ask for the permission"
        case errno.ENOSPC | errno.EDQUOT:
            return f"{said}; make room, or name a place on another disk: what was written whole is kept"
    return said


def main(argv: list[str] | None = None) -> None:
    """Entry point of the ``fleetspec`` script; turns every ending into its exit code."""
    _start_quickly()
    try:
        code = _root.main(args=argv, prog_name="fleetspec", standalone_mode=False)
    except click.exceptions.Exit as ending:
        code = ending.exit_code
    except click.UsageError as error:
        error.show()
        code = ExitCode.USAGE
    except click.ClickException as error:
        error.show()
        code = ExitCode.ERROR
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted; what was finished is kept, and the same command goes on from there", err=True)
        code = ExitCode.INTERRUPTED
    except Rejected as ending:
        from fleetspec.cli.options import show_findings

        show_findings(ending.report)
        if _wants_json(sys.argv[1:] if argv is None else argv):
            # A machine that reads the answer from stdout finds out there, too.
            click.echo(json.dumps({"findings": ending.report.to_json()}, indent=2, sort_keys=True))
        code = ending.exit_code
    except BrokenPipeError:
        # The reader of our output has gone (`| head`): nothing is left to say, and nobody to say it to.
        sys.stderr.close()
        code = ExitCode.OK
    except OSError as error:
        click.echo(f"Error: {_unusable(error)}", err=True)
        code = ExitCode.ERROR
    sys.exit(int(code or 0))
