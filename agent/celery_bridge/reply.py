"""What a caller gets: MoRAG's form of a remote result, for success and failure alike."""

from agent.core.morag_result import Told
from agent.model.ids import JsonObject


def success(told: Told, processing_time: float, user_id: str | None) -> JsonObject:
    return _reply(told.content, told.metadata, processing_time, None, user_id)


def failure(message: str, user_id: str | None, processing_time: float = 0.0) -> JsonObject:
    return _reply("", {}, processing_time, message, user_id)


def _reply(
    content: str,
    metadata: JsonObject,
    processing_time: float,
    error: str | None,
    user_id: str | None,
) -> JsonObject:
    return {
        "success": error is None,
        "content": content,
        "metadata": metadata,
        "processing_time": processing_time,
        "error_message": error,
        "user_id": user_id,
    }
