"""Which languages the packaged text reader can read."""

_UNREAD = frozenset(
    {
        *("be", "bg", "kk", "ky", "mk", "mn", "ru", "sr", "tg", "uk"),  # Cyrillic
        *("ar", "dv", "fa", "ps", "sd", "ug", "ur"),  # Arabic
        *("he", "yi", "el", "hy", "ka", "ko", "am", "ti"),
        *("as", "bn", "gu", "hi", "kn", "ml", "mr", "ne", "or", "pa", "sa", "si", "ta", "te"),
        *("bo", "dz", "km", "lo", "my", "th"),
        "vi",  # Latin, but half of its vowels are not among the model's letters
    }
)


def can_read(language: str) -> bool:
    """`language` is a code such as `de` or `zh-TW`."""
    return language.lower().replace("_", "-").partition("-")[0] not in _UNREAD
