"""Connects to a Ray cluster that runs already. Ray is imported only when a command asks for it with `--on ray`."""

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any

from resnet_repro.errors import RunError, summary_of
from resnet_repro.launch.nodes import Node, live_nodes

ANY = "auto"  # the address of the cluster that RAY_ADDRESS names, or of the one that this machine belongs to
# Ray reads these when it is imported: it sends no statistics of use, starts no `uv`, and leaves CUDA_VISIBLE_DEVICES
# alone where a task asks for no GPU.
SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}
TOKEN = "set RAY_AUTH_MODE=token, and copy ~/.ray/auth_token from the first node"
REACHING_SECONDS = 10.0
REMEDY = "start Ray on this machine ('ray start --head'), or have it join a cluster ('ray start --address=HOST:PORT')"


def import_ray() -> Any:
    """The module ray. Raises RunError if it is not installed."""
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    try:
        import ray
    except ImportError:
        raise RunError("--on ray: Ray is not installed; pip install 'resnet-repro[cluster]'") from None
    return ray


@contextmanager
def connected(address: str) -> Iterator[list[Node]]:
    """Connect to the cluster, and yield its nodes. Raises RunError, also if the cluster is lost meanwhile."""
    named = os.environ.get("RAY_ADDRESS", "") if address == ANY else address
    if "://" in named:
        raise RunError(f"--on ray: {named}: Ray clients are not supported; run this command on a node of the cluster")
    if named == "local":
        raise RunError("RAY_ADDRESS=local: --on ray uses a cluster that runs already; set it to HOST:PORT")
    ray = import_ray()
    _check_reachable(named)
    try:
        ray.init(address=named or ANY, log_to_driver=False, logging_level="ERROR", include_dashboard=False)
    except Exception as error:
        raise RunError(f"--on ray: {_reason(error, named)}") from None
    try:
        with redirect_stdout(sys.stderr):  # Ray prints there that a node has died
            yield live_nodes(ray.nodes())
    except (ray.exceptions.RayError, ConnectionError) as error:
        raise RunError(f"--on ray: lost the cluster ({summary_of(error)}); run the same command to resume") from None
    finally:
        ray.shutdown()


def _reason(error: Exception, address: str) -> str:
    """Why Ray did not connect, and the fix."""
    if type(error).__name__ == "AuthenticationError":
        return f"the cluster asks for a token, and there is none, or another one, on this machine; {TOKEN}"
    if not isinstance(error, ConnectionError):
        return f"cannot connect to the cluster ({summary_of(error)}); {REMEDY}"
    if address in ("", ANY):
        return f"no Ray is running here; {REMEDY}"
    return f"{address} answers, but does not let this command in; if it asks for a token, {TOKEN}"


def _check_reachable(address: str) -> None:
    """Raise RunError if nothing answers at HOST:PORT; Ray itself would try for minutes."""
    host, _, port = address.rpartition(":")
    if not port.isdecimal():
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), REACHING_SECONDS).close()
    except OSError as error:
        raise RunError(f"--on ray: nothing answers at {address} ({error.strerror or error}); {REMEDY}") from None
