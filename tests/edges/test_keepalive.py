import socket

from agent.edges.keepalive import EVERY, IDLE, TIMES, keep_alive


def test_the_kernel_asks_after_a_silent_peer() -> None:
    with socket.socket() as connection:
        keep_alive(connection)

        told = [
            connection.getsockopt(socket.IPPROTO_TCP, option)
            for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
        ]
        is_on = connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)

    assert is_on
    assert told == [IDLE, EVERY, TIMES]


def test_a_path_that_is_gone_is_known_in_time() -> None:
    assert IDLE + EVERY * TIMES <= 60
