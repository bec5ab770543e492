import numpy as np
import pytest
import torch

from agent.pipelines.diarization.features import MelEnergies
from agent.pipelines.diarization.segmentation import SegmentationNetwork
from agent.pipelines.diarization.voices import VoiceNetwork, Voices
from agent.pipelines.diarization.weights import segmentation_weights, voice_weights
from tests.dialogues import LINES, PEOPLE, RATE, Voice, spoken


@pytest.fixture(scope="module")
def network() -> VoiceNetwork:
    return VoiceNetwork(voice_weights(), "cpu")


def voice_of(
    network: VoiceNetwork, person: Voice, line: str
) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    samples = spoken(person, line).astype(np.float32) / np.float32(32768)
    voices: Voices = network.voices(MelEnergies("cpu").of(samples)[None, :300])[0]
    return voices


def test_a_person_sounds_like_herself_and_not_like_others(network: VoiceNetwork) -> None:
    she, again = (voice_of(network, PEOPLE[0], line) for line in LINES[:2])
    he = voice_of(network, PEOPLE[1], LINES[0])
    assert she @ again > 0.7
    assert she @ he < 0.5


def test_a_voice_does_not_depend_on_what_shares_its_batch(network: VoiceNetwork) -> None:
    clips = torch.from_numpy(np.random.default_rng(1).normal(size=(3, 200, 80)).astype(np.float32))
    together = network.voices(clips)
    alone = np.concatenate([network.voices(clip[None]) for clip in clips])
    assert np.allclose(together, alone, atol=1e-4)
    assert np.allclose(np.linalg.norm(together, axis=1), 1.0, atol=1e-5)


def test_a_pure_tone_fills_the_mel_band_it_lies_in() -> None:
    moments = np.arange(RATE) / RATE
    tone = np.sin(2 * np.pi * 1000.0 * moments).astype(np.float32)
    energies = MelEnergies("cpu").of(tone)
    assert energies.shape == (98, 80)
    mel = 1127 * np.log1p(1000 / 700)
    lowest, highest = (1127 * np.log1p(edge / 700) for edge in (20, 8000))
    assert set(energies.argmax(1).tolist()) == {round((mel - lowest) / (highest - lowest) * 81) - 1}


def test_silence_has_nobody_in_it_and_speech_has_one() -> None:
    network = SegmentationNetwork(segmentation_weights(), "cpu")
    samples = spoken(PEOPLE[0], LINES[0]).astype(np.float32) / 32768
    window = np.zeros((2, 10 * RATE), np.float32)
    window[1, RATE : RATE + len(samples)] = samples
    silent, speaking = network.activity(window)
    assert silent.shape == (589, 3)
    assert not silent.any()
    assert abs(speaking.any(1).sum() * 0.016875 - len(samples) / RATE) < 0.5
    assert speaking.sum(1).max() == 1
