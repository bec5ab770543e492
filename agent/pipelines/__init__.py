"""What runs inside the children: the only importer of torch, whisper, faster-whisper and FFmpeg."""
