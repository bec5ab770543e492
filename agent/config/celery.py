"""Where Celery's messages and results are: addresses that hold passwords."""

from pathlib import Path
from urllib.parse import urlsplit

from pydantic import SecretStr

from agent.config.settings import Settings
from agent.config.tokens import read_secret
from agent.model.errors import ConfigError

_REDIS = frozenset({"redis", "rediss"})


def celery_urls(settings: Settings) -> tuple[str, str]:
    """Broker and result backend. A Redis is both, unless another backend is named."""
    broker = _url(settings.celery_broker_url_file, settings.celery_broker_url, "broker_url")
    if broker is None:
        raise ConfigError(
            "there is no broker: write its URL (redis://:PASSWORD@HOST:6379/0) into a file for you"
            " alone and give that with --celery-broker-url-file FILE"
        )
    result = _url(settings.celery_result_url_file, settings.celery_result_url, "result_url")
    if result is None and urlsplit(broker).scheme not in _REDIS:
        raise ConfigError(
            "there is no result backend, and the broker is no Redis: write the backend's URL into"
            " a file for you alone and give that with --celery-result-url-file FILE"
        )
    return broker, result or broker


def celery_passwords(settings: Settings) -> tuple[str, ...]:
    """What must not be logged: the addresses, and the passwords in them."""
    urls = celery_urls(settings)
    return (*urls, *(password for url in urls if (password := urlsplit(url).password)))


def _url(file: Path | None, given: SecretStr | None, name: str) -> str | None:
    secret = read_secret(file, name) if file is not None else given
    if secret is None:
        return None
    url = secret.get_secret_value()
    try:
        is_one = bool(urlsplit(url).scheme) and urlsplit(url).port != 0
    except ValueError:
        is_one = False
    if not is_one:
        raise ConfigError(f"celery.{name} is no URL such as redis://:PASSWORD@HOST:6379/0")
    return url
