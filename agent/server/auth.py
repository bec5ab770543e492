"""Who calls, and whether they may (section 3)."""

from typing import Annotated

from fastapi import Depends
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.requests import Request

from agent.model.ids import AgentId
from agent.server.problems import ProblemError
from agent.server.server import Server
from agent.server.tokens import TokenKind, TokenRecord
from agent.wire.problems import ProblemCode

_bearer = HTTPBearer(auto_error=False, description="A token of `morag-agent token create`.")


async def server_of(request: Request) -> Server:
    server: Server = request.app.state.server
    return server


ServerDep = Annotated[Server, Depends(server_of)]
Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


async def token_of(server: ServerDep, credentials: Credentials) -> TokenRecord:
    record: TokenRecord | None = None
    if credentials is not None:
        record = await server.running.gatekeeper.find(credentials.credentials, server.now)
    if record is None:
        raise no_valid_token()
    return record


def no_valid_token() -> ProblemError:
    return ProblemError(
        ProblemCode.UNAUTHORIZED,
        "no valid token",
        headers={"WWW-Authenticate": 'Bearer realm="morag"'},
    )


async def authenticated(request: Request) -> TokenRecord:
    """The same for what runs before any dependency."""
    return await token_of(await server_of(request), await _bearer(request))


Token = Annotated[TokenRecord, Depends(token_of)]


async def agent_of(token: Token) -> AgentId:
    """The agent that an agent token belongs to."""
    if token.kind is not TokenKind.AGENT or token.agent_id is None:
        raise ProblemError(ProblemCode.FORBIDDEN, "this takes an agent's token")
    return token.agent_id


async def named_agent(agent_id: str, caller: Annotated[AgentId, Depends(agent_of)]) -> AgentId:
    if agent_id != caller:
        raise ProblemError(ProblemCode.FORBIDDEN, "the token belongs to another agent")
    return caller


async def client_of(token: Token) -> TokenRecord:
    if token.kind is not TokenKind.CLIENT:
        raise ProblemError(ProblemCode.FORBIDDEN, "this takes a client's token")
    return token


CallingAgent = Annotated[AgentId, Depends(agent_of)]
NamedAgent = Annotated[AgentId, Depends(named_agent)]
Client = Depends(client_of)
