from agent.model.failures import RETRYABLE, RETRYABLE_ONCE, FailureCode


def test_what_would_fail_everywhere_is_final() -> None:
    final = set(FailureCode) - RETRYABLE

    assert final == {
        FailureCode.UNSUPPORTED_MEDIA,
        FailureCode.MEDIA_UNREADABLE,
        FailureCode.OPTIONS_INVALID,
        FailureCode.TOO_LARGE,
        FailureCode.WORKER_LOST,
    }


def test_what_may_be_the_boxs_fault_is_tried_once_more() -> None:
    assert {
        FailureCode.INPUT_CORRUPT,
        FailureCode.OUT_OF_MEMORY,
        FailureCode.TIMEOUT,
    } == RETRYABLE_ONCE


def test_what_is_tried_once_more_is_tried_again() -> None:
    assert RETRYABLE_ONCE < RETRYABLE


def test_the_codes_are_those_of_the_protocol() -> None:
    assert {code.value for code in FailureCode} == {
        "input_unavailable",
        "input_corrupt",
        "unsupported_media",
        "media_unreadable",
        "options_invalid",
        "too_large",
        "out_of_memory",
        "worker_crashed",
        "timeout",
        "internal",
        "worker_lost",
    }
