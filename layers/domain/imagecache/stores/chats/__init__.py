"""The tables beeperChats and chatParticipants.

Sync writes them through PynamoDB models, which are the home of the schema. Pages of chats are read with the
low-level client, because the models cost six times the CPU there.
"""
