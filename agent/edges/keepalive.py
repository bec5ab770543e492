"""Has the kernel ask after a peer that says nothing, so that a long silence can be trusted."""

import socket

from agent.edges.lanes import Socket

IDLE, EVERY, TIMES = 30, 10, 3
"""Seconds, seconds, and how often: a path that is gone is known after a minute."""


def keep_alive(connection: Socket) -> None:
    """A server that is busy answers these questions all the same; one that is gone does not."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, IDLE)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, EVERY)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, TIMES)
