"""What a relay's words are about, in both languages."""

from __future__ import annotations

import pytest

from zhongzhuan_audio.protocol.subjects import model_named, names_format, says_too_long


@pytest.mark.parametrize(
    ("message", "model"),
    [
        ("分组 default 下模型 whisper-1 无可用渠道", "whisper-1"),
        ("模型：whisper 不存在", "whisper"),
        ("The model `whisper` does not exist", "whisper"),
        ("Invalid model name passed in model=openai/whisper-1.", "openai/whisper-1"),
        ("No available channel for model gpt-4o-transcribe under group x", "gpt-4o-transcribe"),
        ("the model is not available", None),
        ("缺少模型", None),
        ("模型 . 不存在", None),
        ("", None),
    ],
)
def test_the_model_is_read_from_the_message(message, model):
    """Where it is marked as one, or cannot be a word."""
    assert model_named(message) == model


@pytest.mark.parametrize(
    ("message", "about"),
    [
        ("Invalid file format.", True),
        ("音频格式错误", True),
        ("could not be decoded", True),
        ("response_format is", False),
    ],
)
def test_a_message_about_the_format_is_known(message, about):
    """It gets a hint of its own; `response_format` is another matter."""
    assert names_format(message) is about


LONG = """
    audio duration 1834.2 seconds is longer than 1500 seconds which is the maximum for this model
    | Audio duration 1834 seconds exceeds the maximum of 1500 seconds | audio is longer than the limit of 25 minutes
    | The duration of this recording exceeds 1500s. | The audio file is too long | Maximum audio duration is 1400 s
    | The file is longer than 1500 seconds | maximum length of 25 minutes exceeded by this recording
    | audio length is more than 2 hours
    | Total number of tokens in instructions + audio is too large for this model
    | 音频时长 1834.2 秒超过了该模型允许的最大值 1500 秒 | 音频时长超过限制 | 音频过长 | 录音太长，请分段上传
    | 音频超过1500秒 | 文件时长超出上限 | 语音长度不能大于 60 秒 | 时长超过上限 | 音频时长过长"""

NOT_LONG = """
    audio file took longer than 60 seconds to process | the audio request exceeded 60 seconds
    | request took longer than 60 s | the prompt is too long: maximum length is 224 tokens | file name is too long
    | Audio file is too short. Minimum audio length is 0.1 seconds.
    | audio file exceeds 25 MB | Maximum content size limit (26214400) exceeded | context length exceeded
    | 音频文件过大 | 文件大小超过 25MB | 请求超过 60 秒 | 上游处理时长超过60秒 | 文本长度超过限制 | 音频格式错误"""


@pytest.mark.parametrize("message", [message.strip() for message in LONG.split("|")])
def test_a_message_about_the_length_is_known(message):
    """Of the recording, not of the request or of a text."""
    assert says_too_long(message)


@pytest.mark.parametrize("message", [message.strip() for message in NOT_LONG.split("|")])
def test_other_lengths_are_another_matter(message):
    """A size, a time-out, a recording that is too short."""
    assert not says_too_long(message)
