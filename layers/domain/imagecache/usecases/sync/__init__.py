"""Copies Beeper's chats into the tables and queues the images that they show."""
