"""The beeperChats and chatParticipants tables."""
