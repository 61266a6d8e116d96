"""The option `--version`."""

import typer


def show_version(wanted: bool) -> None:
    """If wanted, print what decides a run's numbers besides its spec, in a line each, and leave the program."""
    if not wanted:
        return
    from resnet_repro.record.provenance import commit_name
    from resnet_repro.runner.commit import code_commit
    from resnet_repro.runner.environment import versions
    from resnet_repro.training.device import device_name, resolve_device

    device = resolve_device("auto")
    found = versions()
    print(f"resnet-repro {found['resnet-repro']}")
    print(f"commit       {commit_name(code_commit())}")
    print(f"torch        {found['torch']}")
    print(f"device       {device.type}: {device_name(device)}")
    raise typer.Exit
