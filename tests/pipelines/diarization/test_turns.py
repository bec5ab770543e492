from agent.pipelines.diarization.turns import Turn, in_order_of_appearance


def test_whoever_speaks_first_is_the_first_label() -> None:
    turns = [Turn(3, 4, "x"), Turn(0, 2, "y"), Turn(5, 6, "y")]
    assert in_order_of_appearance(turns) == (
        Turn(0, 2, "SPEAKER_00"),
        Turn(3, 4, "SPEAKER_01"),
        Turn(5, 6, "SPEAKER_00"),
    )
