"""Lines that Whisper writes where nobody speaks: the ends of videos and the credits of subtitles that it read."""

from __future__ import annotations

import unicodedata

__all__ = ["bare", "everyday_phantom_in", "folded", "phantom_in"]

_LINES = (
    "请不吝点赞 订阅 转发 打赏支持明镜与点点栏目",
    "請不吝點贊 訂閱 轉發 打賞支持明鏡與點點欄目",
    "明镜与点点栏目",
    "字幕由Amara.org社区提供",
    "字幕由Amara.org社群提供",
    "字幕志愿者 李宗盛",
    "中文字幕志愿者",
    "字幕by索兰娅",
    "多谢您的观看",
    "优优独播剧场——YoYo Television Series Exclusive",
    "感谢观看",
    "感謝觀看",
    "谢谢观看",
    "謝謝觀看",
    "谢谢大家观看",
    "请订阅我的频道",
    "ご視聴ありがとうございました",
    "ご清聴ありがとうございました",
    "チャンネル登録お願いします",
    "チャンネル登録をお願いいたします",
    "시청해주셔서 감사합니다",
    "MBC 뉴스 이덕영입니다",
    "Thanks for watching",
    "Thank you for watching",
    "Thank you so much for watching",
    "Please subscribe to my channel",
    "Don't forget to like and subscribe",
    "Subtitles by the Amara.org community",
    "Subtitles by",
    "Transcription by CastingWords",
    "Sous-titres réalisés par la communauté d'Amara.org",
    "Sous-titrage Société Radio-Canada",
    "Merci d'avoir regardé cette vidéo",
    "Untertitel der Amara.org-Community",
    "Untertitel im Auftrag des ZDF für funk",
    "Untertitelung des ZDF",
    "Subtítulos realizados por la comunidad de Amara.org",
    "Subtítulos por la comunidad de Amara.org",
    "Gracias por ver el video",
    "Legendas pela comunidade Amara.org",
    "Sottotitoli creati dalla comunità Amara.org",
    "Ondertiteld door de Amara.org gemeenschap",
    "Субтитры сделал DimaTorzok",
    "Субтитры создавал DimaTorzok",
    "Редактор субтитров А.Семкин Корректор А.Егорова",
    "Продолжение следует",
    "Субтитры делал DimaTorzok",
    "Спасибо за просмотр",
    "次の動画でお会いしましょう",
    "Abone olmayı unutmayın",
    "Sous-titrage ST' 501",
    "See you in the next video",
)
_EVERYDAY_LINES = (
    "Thank you",
    "Thank you very much",
    "Thank you so much",
    "Thanks",
    "You",
    "Bye",
    "Bye-bye",
    "谢谢",
    "謝謝",
    "谢谢大家",
    "謝謝大家",
    "再见",
    "再見",
    "ありがとうございました",
    "おやすみなさい",
    "감사합니다",
    "Спасибо",
)
"""What people do say, so that it takes a second sign. Whisper writes it where nobody speaks, too.

Source: EnviousWispr issue 452, amical issue 71, whisperIME issue 57, video-subtitle-generator issue 29; "You" is what
Whisper base hears in digital silence.
"""
_MOST_OF_IT = 0.5


def folded(text: str) -> str:
    """Return a text without its case and width."""
    return (text if text.isascii() else unicodedata.normalize("NFKC", text)).casefold()


def bare(folded_text: str) -> str:
    """Return the letters and digits of a text alone."""
    return "".join(filter(str.isalnum, folded_text))


_BARE_LINES = tuple((bare(folded(line)), line) for line in _LINES)
_BARE_EVERYDAY = {bare(folded(line)): line for line in _EVERYDAY_LINES}
_LONGEST = max(len(key) for key, _ in _BARE_LINES)
_LONGEST_EVERYDAY = max(map(len, _BARE_EVERYDAY))


def phantom_in(whole: str) -> str | None:
    """Return the known line that a text consists of, or half of it at least; None where there is none.

    Args:
        whole: The text, as `folded` and `bare` give it.
    """
    if _MOST_OF_IT * len(whole) > _LONGEST:
        return None
    found = [(len(key), line) for key, line in _BARE_LINES if key in whole and len(key) >= _MOST_OF_IT * len(whole)]
    return max(found)[1] if found else None


def everyday_phantom_in(whole: str) -> str | None:
    """Return the line that a text consists of, be it several times, of those that people do say; else None.

    Args:
        whole: The text, as `folded` and `bare` give it.
    """
    for length in range(1, min(len(whole), _LONGEST_EVERYDAY) + 1):
        line = _BARE_EVERYDAY.get(whole[:length])
        if line is not None and whole[:length] * (len(whole) // length) == whole:
            return line
    return None
