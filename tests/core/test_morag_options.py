from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.morag_options import options_of, words_only
from agent.model.ids import JsonObject, JsonValue
from agent.pipelines.audio.options import AudioOptions
from agent.pipelines.document.options import DocumentOptions
from agent.pipelines.document.text import TextOptions
from agent.pipelines.image.options import ImageOptions
from agent.pipelines.options import Options, parse_options
from agent.pipelines.video.options import VideoOptions
from agent.pipelines.web.options import WebOptions

MODELS: Mapping[str, type[Options]] = {
    "audio": AudioOptions,
    "video": VideoOptions,
    "image": ImageOptions,
    "document": DocumentOptions,
    "web": WebOptions,
    "text": TextOptions,
}
AUDIO_CONFIG: JsonObject = {
    "model_size": "medium",
    "language": None,
    "enable_diarization": True,
    "enable_topic_segmentation": True,
    "min_speakers": 1,
    "max_speakers": 5,
    "device": "auto",
    "compute_type": "default",
    "beam_size": 5,
    "vad_filter": True,
    "word_timestamps": True,
    "include_metadata": True,
    "use_rest_api": False,
    "openai_api_key": "sk-secret",
    "timeout": 3600,
}
VIDEO_CONFIG: JsonObject = {
    "extract_audio": True,
    "generate_thumbnails": True,
    "thumbnail_count": 5,
    "extract_keyframes": False,
    "max_keyframes": 10,
    "thumbnail_size": [320, 240],
    "thumbnail_format": "jpg",
    "keyframe_threshold": 0.3,
    "enable_speaker_diarization": False,
    "enable_topic_segmentation": False,
    "audio_model_size": "base",
    "enable_ocr": False,
    "ocr_engine": "tesseract",
}
INGESTION: JsonObject = {
    "source_type": "audio",
    "document_id": "talk",
    "replace_existing": True,
    "webhook_url": "https://hooks.example/secret",
    "webhook_auth_token": "token-secret",
    "metadata": {"password": "secret"},
    "remote": True,
    "databases": [{"type": "neo4j", "password": "secret"}],
    "chunk_size": 4000,
    "store_in_vector_db": True,
}
_NAMES = sorted(
    {
        *AUDIO_CONFIG,
        *VIDEO_CONFIG,
        *INGESTION,
        *(name for model in MODELS.values() for name in model.model_fields),
        "include_timestamps",
        "speaker_diarization",
        "topic_segmentation",
        "extract_thumbnails",
        "extract_tables",
        "ocr_enabled",
        "extract_text",
        "generate_caption",
        "extract_links",
    }
)
_VALUES: st.SearchStrategy[JsonValue] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 1000)
    | st.floats()
    | st.sampled_from(["de", "de-AT", "auto", "translate", "5", "true", ""])
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)


def test_the_config_of_its_audio_converter_is_understood() -> None:
    assert options_of("audio", AUDIO_CONFIG) == {
        "diarization": True,
        "topics": True,
        "min_speakers": 1,
        "max_speakers": 5,
        "beam_size": 5,
        "vad": True,
        "word_timestamps": True,
    }


def test_the_config_of_its_video_converter_is_understood() -> None:
    assert options_of("video", VIDEO_CONFIG) == {
        "audio": True,
        "thumbnails": 5,
        "generate_thumbnails": True,
        "thumbnail_sizes": [[320, 240]],
        "keyframes": 10,
        "extract_keyframes": False,
        "diarization": False,
        "topics": False,
        "screen_text": False,
    }


@pytest.mark.parametrize(
    ("content_type", "told", "expected"),
    [
        ("image", {"generate_caption": True, "extract_text": True}, {}),
        ("image", {"generate_caption": False}, {"caption": False}),
        ("image", {"extract_text": False}, {"ocr": False}),
        ("document", {"extract_tables": False, "ocr_enabled": True}, {"tables": False}),
        ("document", {"preserve_formatting": False}, {"preserve_formatting": False}),
        ("document", {"ocr_enabled": False}, {"ocr": False}),
        ("web", {"extract_links": False, "follow_links": True}, {"links": False}),
        ("text", {"language": "pt-BR"}, {"language": "pt-BR"}),
    ],
)
def test_the_options_of_its_stages_are_understood(
    content_type: str, told: JsonObject, expected: JsonObject
) -> None:
    assert options_of(content_type, told) == expected


@pytest.mark.parametrize("content_type", MODELS)
def test_no_order_for_the_ingestion_and_no_secret_is_kept(content_type: str) -> None:
    secrets: JsonObject = {
        "password": "secret",
        "url": "https://secret",
        "openai_api_key": "secret",
    }

    assert options_of(content_type, INGESTION | secrets) == {}


@pytest.mark.parametrize(
    ("told", "heard"),
    [("de", "de"), ("de-AT", "de"), ("EN", "en"), (" fr ", "fr"), ("pt_BR", "pt")],
)
def test_a_region_of_a_language_makes_no_difference_to_what_is_heard(told: str, heard: str) -> None:
    assert options_of("audio", {"language": told}) == {"language": heard}


@pytest.mark.parametrize("wrong", ["auto", "", "german", "d", 7, ["de"], None, "de/../etc"])
def test_what_is_no_language_is_left_to_be_found_out(wrong: JsonValue) -> None:
    assert options_of("video", {"language": wrong}) == {}


def test_numbers_that_contradict_each_other_are_left_out() -> None:
    assert options_of("audio", {"min_speakers": 4, "max_speakers": 2}) == {}
    assert options_of("audio", {"num_speakers": 3, "max_speakers": 5}) == {"num_speakers": 3}


def test_text_on_the_screen_is_read_where_the_key_frames_themselves_are_not_wanted() -> None:
    wished = options_of("video", {"enable_ocr": True, "extract_keyframes": False})

    assert wished == {"screen_text": True}


def test_where_only_words_are_taken_nothing_is_drawn() -> None:
    assert words_only("audio", {"language": "de"}) == {"language": "de", "waveform": False}
    assert words_only("text", {}) == {}


def test_a_content_type_that_nobody_knows_has_no_options() -> None:
    assert options_of("youtube", {"language": "de"}) == {}


@pytest.mark.parametrize("content_type", MODELS)
@given(told=st.dictionaries(st.sampled_from(_NAMES), _VALUES, max_size=8))
def test_whatever_is_said_the_pipeline_takes_what_is_made_of_it(
    content_type: str, told: JsonObject
) -> None:
    options = words_only(content_type, options_of(content_type, told))

    parse_options(MODELS[content_type], options)
