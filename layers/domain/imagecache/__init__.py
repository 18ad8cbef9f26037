"""Chat Image Cache: every face of your chats, downloaded once and kept safe."""
