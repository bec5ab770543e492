"""Whose key comes with a call: MoRAG's plans name three forms of the same header."""

from typing import Annotated

from fastapi import Depends
from starlette.datastructures import Headers
from starlette.requests import Request

from agent.model.ids import AgentId
from agent.server.auth import agent_of, client_of, no_valid_token, server_of
from agent.server.tokens import TokenKind, TokenRecord

SCHEMES = frozenset({"bearer", "apikey"})


async def token_in(request: Request) -> TokenRecord:
    """A token of ours, in whichever form it is sent; of none at all nothing is told."""
    server = await server_of(request)
    secret = _secret(request.headers)
    record = None
    if secret is not None:
        record = await server.running.gatekeeper.find(secret, server.now)
    if record is None:
        raise no_valid_token()
    return record


def _secret(headers: Headers) -> str | None:
    scheme, _, value = headers.get("authorization", "").strip().partition(" ")
    if scheme.lower() in SCHEMES and value.strip():
        return value.strip()
    return headers.get("x-api-key")


Key = Annotated[TokenRecord, Depends(token_in)]


async def _worker(key: Key) -> AgentId:
    return await agent_of(key)


async def _creator(key: Key) -> TokenRecord:
    return await client_of(key)


OldWorker = Annotated[AgentId, Depends(_worker)]
Creator = Depends(_creator)


def agent_in(key: TokenRecord) -> AgentId | None:
    """None for a client, who may see everything."""
    return key.agent_id if key.kind is TokenKind.AGENT else None
