"""Chat Image Cache: every face of your chats, downloaded once, kept safe, served in one request."""
