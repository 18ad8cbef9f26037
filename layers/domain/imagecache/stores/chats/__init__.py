"""The tables beeperChats and chatParticipants.

Sync writes them through PynamoDB models, which define the schema. Pages of chats are read with boto3's client
directly, because reading them through the models needs six times the CPU time.
"""
