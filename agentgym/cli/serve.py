"""``agentgym serve``: a vLLM server with every route that rollouts and training need."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agentgym.cli.options import Engine, table_of
from agentgym.paths import expanded

if TYPE_CHECKING:
    from agentgym.policy.vllm import EngineConfig


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("serve")(serve)


def serve(
    model: Annotated[str, typer.Argument(help="A model, checkpoint or run folder, or smollm2.")],
    port: Annotated[int, typer.Option(help="Where it listens.")] = 8000,
    host: Annotated[
        str,
        typer.Option(help="Only loopback is safe: who reaches it can change the weights."),
    ] = "127.0.0.1",
    lora_rank: Annotated[
        int, typer.Option(min=0, help="Make room for LoRA adapters up to this rank; 0: none.")
    ] = 0,
    engine: Engine = None,
    log: Annotated[Path, typer.Option(parser=expanded, help="The server's own output.")] = Path(
        "vllm.log"
    ),
) -> None:
    """Start vLLM and keep it running: restarted when it dies, stopped with Ctrl-C.

    Evaluate on it with `agentgym eval ENV --policy vllm:http://HOST:PORT`, train with
    --policy.engine=vllm --policy.vllm.urls='["http://HOST:PORT"]'.
    """
    from agentgym.config import validate
    from agentgym.policy.folder import base_folder, model_folder, named_folder
    from agentgym.policy.vllm import EngineConfig
    from agentgym.runtime.sync import run

    config = validate(EngineConfig, table_of(engine), "--engine")
    folder = base_folder(model_folder(named_folder(model)))
    run(_serve, folder, config, host, port, lora_rank, log)


async def _serve(
    folder: Path, config: EngineConfig, host: str, port: int, rank: int, log: Path
) -> None:
    from agentgym.policy.vllm.process import adapter_arguments, serving

    arguments = adapter_arguments(rank) if rank else []
    async with serving(
        folder, config, log=log, say=typer.echo, port=port, host=host, arguments=arguments
    ) as server:
        typer.echo(f"{folder.name} is served at {server.url}; Ctrl-C stops it")
        while True:
            await server.ended()
            await server.bring_back()
